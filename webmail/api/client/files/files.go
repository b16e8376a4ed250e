// Package files is the owner's side of a drive, for programs: folders, uploads,
// downloads, links and upload requests (docs/files.md).
//
// It holds the key of the drawer in which folders lie, with it the secrets of the files in
// them, and the key to which strangers seal what they bring. It never knows the master key, the recovery kit but to sign in once,
// or another drawer's key; it prints nothing and asks nobody.
//
// Invariants: nothing leaves this device readable; a file is sealed once under its
// secret, and what broke off goes on with the same octets; a change of a folder is by
// compare-and-swap, so that no change of another device is lost; nothing has its final
// name on this disk before all of it was verified, and nothing is overwritten unasked;
// what was tampered with is sealed.ErrClosed, without a reason.
package files

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// Drive is one owner's files. Its fields are set once, before use.
type Drive struct {
	Server *client.Client
	Boxes  sealed.Boxes
	Seen   *Seen
	Now    func() time.Time
	Drops  keyring.Receiver // to which strangers seal what they bring; the zero one: this device has none
}

// swaps bounds how often a change is tried where other devices change the same folder.
const swaps = 20

// ErrNone says that a path leads nowhere.
var ErrNone = errors.New("no such file or folder")

// noBox is the error of a folder that the server does not have.
type noBox struct{ error }

func (e noBox) Error() string { return "read folder: " + e.error.Error() }
func (e noBox) Unwrap() error { return e.error }

// NoFolder says whether an error is that the server does not have a folder: then nothing
// of it was changed.
func NoFolder(err error) bool {
	var missing noBox
	return errors.As(err, &missing)
}

// folder reads a folder and its version; the root is empty before there is one.
func (d *Drive) folder(ctx context.Context, id string) (f sealed.Folder, version uint64, err error) {
	seen := d.Seen.version(id)
	box, version, err := d.Server.Box(ctx, sealed.Drawer, id)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		switch {
		case seen > 0:
			return f, 0, noBox{sealed.ErrRolledBack}
		case id != sealed.Root:
			return f, 0, noBox{sealed.ErrClosed}
		}
		return f, 0, nil
	}
	if err != nil {
		return f, 0, fmt.Errorf("read folder: %w", err)
	}
	f, err = sealed.OpenFolder(d.Boxes, id, version, seen, box)
	if err != nil {
		return f, 0, fmt.Errorf("read folder: %w", err)
	}
	return f, version, d.Seen.note(id, version)
}

var (
	errBusy   = errors.New("change folder: other devices change it all the time, try again")
	errAsItIs = errors.New("the folder is as it should be")
)

// change changes a folder by compare-and-swap: do sees what is there now, each time.
func (d *Drive) change(ctx context.Context, id string, do func(*sealed.Folder) error) error {
	_, _, err := d.swap(ctx, id, do)
	return err
}

// swap is change, and says what the folder is then; do may say errAsItIs.
func (d *Drive) swap(ctx context.Context, id string, do func(*sealed.Folder) error) (sealed.Folder, uint64, error) {
	for try := 0; ; try++ {
		f, version, err := d.folder(ctx, id)
		if err != nil {
			return f, 0, err
		}
		f.Entries = slices.Clone(f.Entries)
		if err := do(&f); errors.Is(err, errAsItIs) {
			return f, version, nil
		} else if err != nil {
			return f, 0, err
		}
		err = d.store(ctx, id, version, f)
		var p *client.Problem
		if err == nil || !errors.As(err, &p) || p.Word() != "conflict" {
			return f, version + 1, err
		}
		if try+1 == swaps {
			return f, 0, errBusy
		}
		if err := pause(ctx, time.Duration(rand.Int64N(int64(10*time.Millisecond)<<min(try, 6)))); err != nil {
			return f, 0, err
		}
	}
}

func (d *Drive) store(ctx context.Context, id string, was uint64, f sealed.Folder) error {
	box, err := sealed.SealFolder(d.Boxes, id, was+1, f)
	if err != nil {
		return err
	}
	if _, err := d.Server.PutBox(ctx, sealed.Drawer, id, was, box); err != nil {
		return fmt.Errorf("write folder: %w", err)
	}
	return d.Seen.note(id, was+1)
}

func pause(ctx context.Context, t time.Duration) error {
	select {
	case <-time.After(t):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
