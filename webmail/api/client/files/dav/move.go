package dav

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// move gives what is there another name or place; a file that is in that place becomes
// an older version of it. From one folder to another it comes to the new place first:
// broken off, it is in both.
func (s *system) move(ctx context.Context, from, to string) error {
	a, err := s.there(ctx, from)
	if errors.Is(err, os.ErrNotExist) {
		err = errGone
	}
	if err != nil {
		return err
	}
	b, err := s.find(ctx, to)
	if errors.Is(err, os.ErrNotExist) {
		err = errParent
	}
	if err != nil {
		return err
	}
	if a.name == "" || b.name == "" {
		return errTop
	}
	if slices.Contains(b.above, a.entry.ID) {
		return errTop
	}
	var over []sealed.Version
	if a.folder == b.folder {
		over, err = s.rename(ctx, a, b.name)
	} else {
		over, err = s.carry(ctx, a, b)
	}
	if err != nil {
		return err
	}
	return s.drop(ctx, over)
}

// drop deletes versions that nothing leads to any more. That they stay where it fails is
// no fault of what was asked for.
func (s *system) drop(ctx context.Context, over []sealed.Version) error {
	for _, v := range over {
		if err := s.Drive.Drop(ctx, sealed.IsFile, v.ID); err != nil && s.Log != nil {
			s.Log.Warn("an old version was not deleted", "object", v.ID)
		}
	}
	return nil
}

func (s *system) rename(ctx context.Context, a place, name string) (over []sealed.Version, err error) {
	err = s.tree.change(ctx, a.folder, func(f *sealed.Folder) (err error) {
		over = nil
		at := withID(f, a.entry.ID)
		if at < 0 || f.Entries[at].Trashed != 0 {
			return errChanged
		}
		there := named(f, name)
		if there < 0 || there == at {
			f.Entries[at].Name = name
			return nil
		}
		if over, err = put(f, there, f.Entries[at], name); err == nil {
			f.Entries = slices.Delete(f.Entries, at, at+1)
		}
		return err
	})
	return over, err
}

// put puts a file in the place of another of a folder.
func put(f *sealed.Folder, there int, e sealed.Entry, name string) (over []sealed.Version, err error) {
	if e.Kind != sealed.IsFile || f.Entries[there].Kind != sealed.IsFile {
		return nil, errTaken
	}
	e.Name = name
	f.Entries[there], over = files.Push(f.Entries[there], e)
	return over, nil
}

func (s *system) carry(ctx context.Context, a, b place) (over []sealed.Version, err error) {
	var was *sealed.Entry
	brought, there := false, false
	err = s.tree.change(ctx, b.folder, func(f *sealed.Folder) (err error) {
		over, was = nil, nil
		if brought = withID(f, a.entry.ID) < 0; !brought { // it came before
			return nil
		}
		at := named(f, b.name)
		if at < 0 {
			moved := a.entry
			moved.Name = b.name
			return enter(f, moved)
		}
		old := f.Entries[at]
		if over, err = put(f, at, a.entry, b.name); err == nil {
			was = &old
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.tree.change(ctx, a.folder, func(f *sealed.Folder) error {
		at := withID(f, a.entry.ID)
		if there = files.Stands(f.Entries, a.entry.ID); at < 0 || !reflect.DeepEqual(f.Entries[at], a.entry) {
			return errChanged
		}
		f.Entries = slices.Delete(f.Entries, at, at+1)
		return nil
	})
	if err == nil || !s.Drive.Stays(ctx, a.entry, err, errChanged, there && brought) {
		return over, err
	}
	return nil, errors.Join(err, s.tree.change(ctx, b.folder, func(f *sealed.Folder) error { // it stays where it was
		switch at := withID(f, a.entry.ID); {
		case at < 0:
		case was != nil:
			f.Entries[at] = *was
		default:
			f.Entries = slices.Delete(f.Entries, at, at+1)
		}
		return nil
	}))
}
