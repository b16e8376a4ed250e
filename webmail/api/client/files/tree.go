package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

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
	all := slices.DeleteFunc(slices.Clone(f.Entries), func(e sealed.Entry) bool { return (e.Trashed != 0) != trash })
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
	if err != nil || id != fresh {
		err = errors.Join(err, d.dropBox(ctx, fresh))
	}
	return id, err
}

func folderHere(e sealed.Entry) (string, error) {
	if e.Kind != sealed.IsFolder {
		return "", fmt.Errorf("expected a folder: %s is a file", e.Name)
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
			if e.Trashed != 0 && sealed.SameName(e.Name, p.name) && (last < 0 || e.Trashed >= f.Entries[last].Trashed) {
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

// Remove deletes for good what a path leads to or, if nothing is there, what is in the
// trash under that name. Its octets go first, from the trash: broken off, it leads
// nobody to nothing, and may be said again.
func (d *Drive) Remove(ctx context.Context, path string) error {
	p, err := d.inside(ctx, path)
	if err != nil {
		return err
	}
	var doomed []sealed.Entry
	err = d.change(ctx, p.folder, func(f *sealed.Folder) error {
		doomed = nil
		if at := named(*f, p.name); at >= 0 {
			f.Entries[at].Trashed = d.Now().UnixMilli()
			doomed = append(doomed, f.Entries[at])
			return nil
		}
		for _, e := range f.Entries {
			if sealed.SameName(e.Name, p.name) {
				doomed = append(doomed, e)
			}
		}
		if len(doomed) == 0 {
			return fmt.Errorf("%w: %s", ErrNone, path)
		}
		return nil
	})
	for _, e := range doomed {
		if err == nil {
			err = d.purge(ctx, p.folder, e, p.above)
		}
	}
	return err
}

// purge deletes one entry of a folder, which is in the trash: what is in it goes first.
func (d *Drive) purge(ctx context.Context, in string, e sealed.Entry, above []string) error {
	if err := d.empty(ctx, e, above); err != nil {
		return err
	}
	return d.change(ctx, in, func(f *sealed.Folder) error {
		if at := withID(*f, e.ID); at >= 0 {
			f.Entries = slices.Delete(f.Entries, at, at+1)
		}
		return nil
	})
}

// empty deletes what an entry leads to, some objects at the same time. What went before
// is not there, and that is well.
func (d *Drive) empty(ctx context.Context, e sealed.Entry, above []string) error {
	if e.Kind == sealed.IsFile {
		return d.dropAll(ctx, append([]sealed.Version{e.Version}, e.Versions...))
	}
	if slices.Contains(above, e.ID) || len(above) > sealed.MaxDepth {
		return sealed.ErrClosed
	}
	f, _, err := d.folder(ctx, e.ID)
	if missing := (noBox{}); err != nil && !errors.As(err, &missing) { // else it went before
		return err
	}
	var objects []sealed.Version
	for _, below := range f.Entries {
		if below.Kind == sealed.IsFile {
			objects = append(append(objects, below.Version), below.Versions...)
		} else if err := d.empty(ctx, below, append(slices.Clone(above), e.ID)); err != nil {
			return err
		}
	}
	if err := d.dropAll(ctx, objects); err != nil {
		return err
	}
	return d.dropBox(ctx, e.ID)
}

func (d *Drive) dropAll(ctx context.Context, all []sealed.Version) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan string)
	var wait sync.WaitGroup
	for range min(2*lanes, len(all)) {
		wait.Go(func() {
			for id := range todo {
				if err := d.dropObject(ctx, id); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, v := range all {
		todo <- v.ID
	}
	close(todo)
	wait.Wait()
	return context.Cause(ctx)
}

func (d *Drive) dropObject(ctx context.Context, id string) error {
	return gone(d.Server.RemoveFile(ctx, id))
}

func (d *Drive) dropBox(ctx context.Context, id string) error {
	_, version, err := d.Server.Box(ctx, sealed.Drawer, id)
	if err == nil {
		_, err = d.Server.RemoveBox(ctx, sealed.Drawer, id, version)
	}
	if err := gone(err); err != nil {
		return err
	}
	return d.Seen.forget(id)
}

// gone takes what is not there for removed.
func gone(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil
	}
	return err
}
