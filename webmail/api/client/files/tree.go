package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// place is where a name is: in the folder of the id; the names are those on the way.
type place struct {
	folder string
	above  []string // ids of the folders on the way, the root first, with folder
	name   string   // empty: the root itself
}

// Split reads a path such as /letters/may.pdf. Slashes at its ends do not count.
func Split(path string) ([]string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil, nil
	}
	names := strings.Split(path, "/")
	if len(names) > sealed.MaxDepth {
		return nil, fmt.Errorf("expected at most %d folders below each other", sealed.MaxDepth)
	}
	for _, n := range names {
		if !sealed.ValidName(n) {
			return nil, fmt.Errorf("expected names without control characters and dots alone, not %q", n)
		}
	}
	return names, nil
}

// find leads to the folder in which the last name of a path is, or may come to be.
func (d *Drive) find(ctx context.Context, path string) (p place, err error) {
	names, err := Split(path)
	if err != nil {
		return p, err
	}
	p = place{folder: sealed.Root, above: []string{sealed.Root}}
	for i, n := range names {
		if i == len(names)-1 {
			p.name = n
			break
		}
		f, _, err := d.folder(ctx, p.folder)
		if err != nil {
			return p, err
		}
		at := named(f, n)
		if at < 0 || f.Entries[at].Kind != sealed.IsFolder {
			return p, fmt.Errorf("%w: no folder %s", ErrNone, "/"+strings.Join(names[:i+1], "/"))
		}
		p.folder = f.Entries[at].ID
		if slices.Contains(p.above, p.folder) {
			return p, sealed.ErrClosed // a folder in itself: nobody made that
		}
		p.above = append(p.above, p.folder)
	}
	return p, nil
}

// named is where a name is in a folder, outside of its trash; -1: nowhere.
func named(f sealed.Folder, name string) int {
	return slices.IndexFunc(f.Entries, func(e sealed.Entry) bool { return e.Trashed == 0 && sealed.SameName(e.Name, name) })
}

func withID(f sealed.Folder, id string) int {
	return slices.IndexFunc(f.Entries, func(e sealed.Entry) bool { return e.ID == id })
}

// Entry is what a path leads to; of the root, a folder without a name.
func (d *Drive) Entry(ctx context.Context, path string) (e sealed.Entry, err error) {
	p, err := d.find(ctx, path)
	if err != nil {
		return e, err
	}
	return d.at(ctx, p, path)
}

func (d *Drive) at(ctx context.Context, p place, path string) (e sealed.Entry, err error) {
	if p.name == "" {
		return sealed.Entry{Kind: sealed.IsFolder, Version: sealed.Version{ID: sealed.Root}}, nil
	}
	f, _, err := d.folder(ctx, p.folder)
	if err != nil {
		return e, err
	}
	at := named(f, p.name)
	if at < 0 {
		return e, fmt.Errorf("%w: %s", ErrNone, path)
	}
	return f.Entries[at], nil
}

// List is what is in a folder, or, with trash, what was; a file is listed alone.
func (d *Drive) List(ctx context.Context, path string, trash bool) ([]sealed.Entry, error) {
	e, err := d.Entry(ctx, path)
	if err != nil {
		return nil, err
	}
	if e.Kind == sealed.IsFile {
		return []sealed.Entry{e}, nil
	}
	f, _, err := d.folder(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(f.Entries), func(e sealed.Entry) bool { return (e.Trashed != 0) != trash || e.Doomed })
	slices.SortFunc(all, func(a, b sealed.Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// MakeFolder makes a folder, and those on the way to it. One that is there is well.
func (d *Drive) MakeFolder(ctx context.Context, path string) error {
	names, err := Split(path)
	if err != nil {
		return err
	}
	at := sealed.Root
	for _, n := range names {
		if at, err = d.into(ctx, at, n); err != nil {
			return err
		}
	}
	return nil
}

// into finds a folder in a folder, or makes it: its box first, so that no folder leads
// to nothing.
func (d *Drive) into(ctx context.Context, in, name string) (id string, err error) {
	f, _, err := d.folder(ctx, in)
	if err != nil {
		return "", err
	}
	if at := named(f, name); at >= 0 {
		return folderHere(f.Entries[at])
	}
	var random [16]byte
	rand.Read(random[:])
	fresh := hex.EncodeToString(random[:])
	if err := d.store(ctx, fresh, 0, sealed.Folder{}); err != nil {
		return "", err
	}
	err = d.change(ctx, in, func(f *sealed.Folder) (err error) {
		if at := named(*f, name); at >= 0 { // another device was faster
			id, err = folderHere(f.Entries[at])
			return err
		}
		id = fresh
		f.Entries = append(f.Entries, sealed.Entry{Kind: sealed.IsFolder, Name: name, Version: sealed.Version{ID: fresh, Modified: d.Now().UnixMilli()}})
		return nil
	})
	if surely(err) && id != fresh {
		err = errors.Join(err, d.dropBox(ctx, fresh))
	}
	return id, err
}

// surely says whether what was asked of a folder was done or will never be. After any
// other error it may have been done: then what the folder would lead to has to stay.
func surely(err error) bool {
	var p *client.Problem
	return err == nil || errors.As(err, &p) && p.Status < 500 || errors.Is(err, errNotFolder) || errors.Is(err, errBusy)
}

var errNotFolder = errors.New("expected a folder")

func folderHere(e sealed.Entry) (string, error) {
	if e.Kind != sealed.IsFolder {
		return "", fmt.Errorf("%w: %s is a file", errNotFolder, e.Name)
	}
	return e.ID, nil
}

// Add puts a file into a folder. Where one of its name is, it becomes its newest
// version; where there are too many, the oldest is deleted.
func (d *Drive) Add(ctx context.Context, folder string, e sealed.Entry) error {
	p, err := d.find(ctx, strings.TrimRight(folder, "/")+"/"+e.Name)
	if err != nil {
		return err
	}
	var over []sealed.Version
	err = d.change(ctx, p.folder, func(f *sealed.Folder) error {
		over = nil
		if withID(*f, e.ID) >= 0 { // it was put before
			return nil
		}
		at := named(*f, e.Name)
		if at < 0 {
			f.Entries = append(f.Entries, e)
			return nil
		}
		was := f.Entries[at]
		if was.Kind != sealed.IsFile {
			return fmt.Errorf("expected no folder named %s in %s", e.Name, folder)
		}
		f.Entries[at], over = Push(was, e)
		return nil
	})
	if err != nil {
		return err
	}
	for _, v := range over {
		err = errors.Join(err, d.dropObject(ctx, v.ID))
	}
	return err
}

const versionsKept = 100

// Trash puts what a path leads to into the trash of its folder.
func (d *Drive) Trash(ctx context.Context, path string) error {
	p, err := d.inside(ctx, path)
	if err != nil {
		return err
	}
	return d.change(ctx, p.folder, func(f *sealed.Folder) error {
		at := named(*f, p.name)
		if at < 0 {
			return fmt.Errorf("%w: %s", ErrNone, path)
		}
		f.Entries[at].Trashed = d.Now().UnixMilli()
		return nil
	})
}

// inside is find for what is not the root.
func (d *Drive) inside(ctx context.Context, path string) (p place, err error) {
	if p, err = d.find(ctx, path); err == nil && p.name == "" {
		err = errors.New("expected a file or folder, not the topmost folder")
	}
	return p, err
}

// Restore takes what was put into the trash last under this name out of it.
func (d *Drive) Restore(ctx context.Context, path string) error {
	p, err := d.inside(ctx, path)
	if err != nil {
		return err
	}
	return d.change(ctx, p.folder, func(f *sealed.Folder) error {
		if named(*f, p.name) >= 0 {
			return fmt.Errorf("expected no %s outside of the trash: move it away first", path)
		}
		last := -1
		for i, e := range f.Entries {
			if e.Trashed != 0 && !e.Doomed && sealed.SameName(e.Name, p.name) && (last < 0 || e.Trashed >= f.Entries[last].Trashed) {
				last = i
			}
		}
		if last < 0 {
			return fmt.Errorf("%w in the trash: %s", ErrNone, path)
		}
		f.Entries[last].Trashed = 0
		return nil
	})
}
