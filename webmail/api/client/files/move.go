package files

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"sealpost/filestore/sealed"
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
	moved := e
	moved.Name = b.name
	err := d.change(ctx, b.folder, func(f *sealed.Folder) error {
		if named(*f, b.name) >= 0 {
			return taken(b.name)
		}
		if withID(*f, e.ID) < 0 {
			f.Entries = append(f.Entries, moved)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = d.change(ctx, a.folder, func(f *sealed.Folder) error {
		at := withID(*f, e.ID)
		if at < 0 || !reflect.DeepEqual(f.Entries[at], e) {
			return errChanged
		}
		f.Entries = slices.Delete(f.Entries, at, at+1)
		return nil
	})
	if !errors.Is(err, errChanged) {
		return err
	}
	return errors.Join(err, d.change(ctx, b.folder, func(f *sealed.Folder) error { // it stays where it was
		if at := withID(*f, e.ID); at >= 0 {
			f.Entries = slices.Delete(f.Entries, at, at+1)
		}
		return nil
	}))
}
