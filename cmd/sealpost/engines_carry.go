package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sealpost/account"
	"sealpost/config"
	"sealpost/filestore"
	"sealpost/filestore/placement"
	"sealpost/move/carry"
	"sealpost/storage/bolt"
)

// moveMark lies in a data folder that is moved from or to.
const moveMark = "MOVE"

// What an installation says of itself while it is moved, and after.
const (
	moveLeaving  = "leaving"  // some of it may be elsewhere
	moveLeft     = "left"     // all of it is
	moveArriving = "arriving" // not all of it is here
)

// unmoved refuses to serve what is moved.
func (e *engines) unmoved(ctx context.Context, data string) error {
	what, err := e.moveState(ctx, data)
	switch {
	case err != nil || what == "":
		return err
	case what == moveLeft:
		return errors.New("all that was here was moved away by sealpost migrate: serve with the settings that it was moved to")
	case what == moveArriving:
		return errors.New("not all is here yet that sealpost migrate moves here: run it again, or with --undo")
	}
	return errors.New("a move of this to another installation has begun: sealpost migrate goes on with it, sealpost serve --moving-to does so while it serves, and sealpost migrate --undo takes it back")
}

func (e *engines) moveState(ctx context.Context, data string) (string, error) {
	if e.cluster != nil {
		return e.cluster.known.Moving(ctx)
	}
	what, err := os.ReadFile(filepath.Join(data, moveMark))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(what), err
}

// setMoving says what becomes of an installation; nothing: it may be served again.
func (e *engines) setMoving(ctx context.Context, data, what string) error {
	if e.cluster != nil {
		return e.cluster.known.SetMoving(ctx, what)
	}
	file := filepath.Join(data, moveMark)
	if what == "" {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncFolder(data)
	}
	return errors.Join(writeAside(file, []byte(what), 0o600), syncFolder(data))
}

// syncFolder makes durable which names a folder has.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// end is all that accounts have here, to be carried.
func (e *engines) end() *carry.End {
	x := &carry.End{Index: e.index, Cabinet: e.cabinet, Drive: e.drive, Accounts: e.accounts, SignIns: e.signIns, Blobs: e.blobs}
	if e.cluster != nil {
		x.Rows = e.cluster.known.Carried()
	} else {
		x.Rows = bolt.Carried{Index: e.folder.index, Known: e.folder.known, Papers: e.folder.papers}
	}
	return x
}

// placeBy has blobs lie where the rules say, of accounts that are not here yet.
func (e *engines) placeBy(accounts account.Store, rules map[string]config.Rule) error {
	if e.cluster == nil {
		return nil
	}
	places, err := newPlaces(accounts, rules)
	for _, b := range []*filestore.Blobs{&e.blobs, &e.leaving.texts, &e.held.texts} {
		if placed, ok := (*b).(placement.Blobs); ok {
			placed.Finder = places
			*b = placed
		}
	}
	return err
}

// bringSecret has an installation use the secret of the one that moves in.
func (e *engines) bringSecret(ctx context.Context, data string, secret []byte) error {
	if e.cluster != nil {
		return e.cluster.known.ReplaceSecret(ctx, secret)
	}
	if err := writeAside(filepath.Join(data, "secret"), secret, 0o600); err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	return syncFolder(data)
}

// alone refuses to go on while other nodes have the database open.
func (e *engines) alone(ctx context.Context) error {
	if e.cluster == nil {
		return nil // the folder is locked
	}
	others, err := e.cluster.db.Others(ctx)
	if err == nil && others > 0 {
		err = fmt.Errorf("nodes are running: %s with the database; stop them all first", counting(int64(others), "connection"))
	}
	return err
}
