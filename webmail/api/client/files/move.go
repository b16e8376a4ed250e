package files

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// errChanged says that another device changed what was to be moved.
var errChanged = errors.New("it was changed by another device meanwhile")

// Move gives what a path leads to another name or another folder; where to is a folder
// that is there, it goes into it. From one folder to another it comes to the new place
// first: broken off, it is in both.
func (d *Drive) Move(ctx context.Context, from, to string) error {
	a, err := d.inside(ctx, from)
	if err != nil {
		return err
	}
	e, err := d.at(ctx, a, from)
	if err != nil {
		return err
	}
	b, err := d.find(ctx, to)
	if err != nil {
		return err
	}
	there, err := d.at(ctx, b, to)
	switch {
	case err == nil && there.Kind == sealed.IsFolder && there.ID != e.ID:
		if b.name != "" {
			b.above = append(b.above, there.ID)
		}
		b.folder, b.name = there.ID, e.Name
	case err != nil && !errors.Is(err, ErrNone):
		return err
	}
	if slices.Contains(b.above, e.ID) {
		return errors.New("expected another place: a folder does not go into itself")
	}
	if a.folder == b.folder {
		return d.rename(ctx, a.folder, e, b.name)
	}
	return d.carry(ctx, a, b, e)
}

func (d *Drive) rename(ctx context.Context, in string, e sealed.Entry, name string) error {
	return d.change(ctx, in, func(f *sealed.Folder) error {
		at := withID(*f, e.ID)
		if at < 0 {
			return errChanged
		}
		if there := named(*f, name); there >= 0 && there != at {
			return taken(name)
		}
		f.Entries[at].Name = name
		return nil
	})
}

func taken(name string) error { return fmt.Errorf("expected no %s there yet", name) }

func (d *Drive) carry(ctx context.Context, a, b place, e sealed.Entry) error {
	moved, brought := e, false
	moved.Name = b.name
	_, since, err := d.swap(ctx, b.folder, func(f *sealed.Folder) error {
		if named(*f, b.name) >= 0 {
			return taken(b.name)
		}
		if brought = withID(*f, e.ID) < 0; brought {
			f.Entries = append(f.Entries, moved)
		}
		return nil
	})
	if err != nil {
		return err
	}
	there := false
	err = d.change(ctx, a.folder, func(f *sealed.Folder) error {
		at := withID(*f, e.ID)
		if there = Stands(f.Entries, e.ID); at < 0 || !reflect.DeepEqual(f.Entries[at], e) {
			return errChanged
		}
		f.Entries = slices.Delete(f.Entries, at, at+1)
		return nil
	})
	switch {
	case err == nil:
		return nil
	case d.Stays(ctx, e, err, errChanged, there && brought):
		since = 0
	case !brought || !errors.Is(err, errChanged):
		return err
	}
	return errors.Join(err, d.takeBack(ctx, b.folder, e.ID, since))
}

// takeBack takes an entry out of a folder again; with since, if the folder was not written
// since that version: then no other device counts on it.
func (d *Drive) takeBack(ctx context.Context, folder, id string, since uint64) error {
	for range swaps {
		f, version, err := d.folder(ctx, folder)
		at := withID(f, id)
		if err != nil || at < 0 || since > 0 && version != since {
			return err
		}
		f.Entries = slices.Delete(slices.Clone(f.Entries), at, at+1)
		var p *client.Problem
		if err = d.store(ctx, folder, version, f); !errors.As(err, &p) || p.Word() != "conflict" {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return errBusy
}

// Stands says whether an object or folder is among entries, older versions too.
func Stands(all []sealed.Entry, id string) bool {
	return slices.ContainsFunc(all, func(e sealed.Entry) bool {
		return e.ID == id || slices.ContainsFunc(e.Versions, func(v sealed.Version) bool { return v.ID == id })
	})
}

// Stays says whether an entry that was put into a new place is to be taken out of it, as
// it could not be taken out of its old one: because it still is there, and changed; or
// because it was deleted for good. What another device took out of the old place may stand
// in the new one by that device's doing, and nowhere else: that stays. changed is what err says then.
func (d *Drive) Stays(ctx context.Context, e sealed.Entry, err, changed error, there bool) bool {
	if !errors.Is(err, changed) && !NoFolder(err) { // it may have been done
		return false
	}
	return there || d.lost(ctx, e)
}

// lost says whether what an entry leads to is surely gone.
func (d *Drive) lost(ctx context.Context, e sealed.Entry) bool {
	var err error
	if e.Kind == sealed.IsFile {
		_, err = d.Server.File(ctx, e.ID)
	} else {
		_, _, err = d.Server.Box(ctx, sealed.Drawer, e.ID)
	}
	return err != nil && gone(err) == nil
}
