package files

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Remove deletes for good what a path leads to or, if nothing is there, what is in the
// trash under that name. It is doomed first, with all that is in it: from then on nobody
// is led there any more, and what holds its objects goes last. Broken off, the same call
// goes on, and so does whoever deletes or synchronizes in that folder. told hears how many
// objects are gone, of those that are known so far.
func (d *Drive) Remove(ctx context.Context, path string, told func(done, known int)) error {
	p, err := d.inside(ctx, path)
	if err != nil {
		return err
	}
	err = d.change(ctx, p.folder, func(f *sealed.Folder) error {
		at, found := named(*f, p.name), false
		for i, e := range f.Entries {
			if i == at || at < 0 && sealed.SameName(e.Name, p.name) {
				d.doom(&f.Entries[i])
				found = true
			}
		}
		if !found {
			return fmt.Errorf("%w: %s", ErrNone, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.Purge(ctx, p.folder, p.above, told)
}

// doom says of an entry that it is being deleted for good, and since when.
func (d *Drive) doom(e *sealed.Entry) {
	if !e.Doomed {
		e.Doomed, e.Trashed = true, max(1, d.Now().UnixMilli())
	}
}

// Left says whether a folder has something that somebody began to delete for good, and
// left: nobody takes so long.
func (d *Drive) Left(f sealed.Folder) bool {
	return slices.ContainsFunc(f.Entries, func(e sealed.Entry) bool {
		return e.Doomed && d.Now().Sub(time.UnixMilli(e.Trashed)) > leftTime
	})
}

const leftTime = 15 * time.Minute

// Purge deletes what is doomed in a folder; above are the folders on the way to it. What
// went before is not there, and that is well.
func (d *Drive) Purge(ctx context.Context, folder string, above []string, told func(done, known int)) error {
	if told == nil {
		told = func(int, int) {}
	}
	return d.Seen.Hold(func() error {
		f, _, err := d.folder(ctx, folder)
		if err != nil {
			return err
		}
		x, gone := &removal{d: d, told: told}, map[string]bool{}
		for _, e := range f.Entries {
			if !e.Doomed {
				continue
			}
			gone[e.ID] = true
			if err := x.entry(ctx, e, above); err != nil {
				return err
			}
		}
		if err := x.flush(ctx); err != nil || len(gone) == 0 {
			return err
		}
		return d.change(ctx, folder, func(f *sealed.Folder) error {
			f.Entries = slices.DeleteFunc(f.Entries, func(e sealed.Entry) bool { return e.Doomed && gone[e.ID] })
			return nil
		})
	})
}

// removal gathers objects, to be deleted many at a time, and the folders that go once the
// objects went that were in them.
type removal struct {
	d     *Drive
	told  func(done, known int)
	ids   []string
	boxes []emptied
	swaps int

	done, known int
}

// emptied is a folder all of whose entries are doomed, at this version.
type emptied struct {
	id      string
	version uint64
	above   []string
}

func (x *removal) entry(ctx context.Context, e sealed.Entry, above []string) error {
	if e.Kind == sealed.IsFile {
		return x.file(ctx, e)
	}
	if slices.Contains(above, e.ID) || len(above) > sealed.MaxDepth {
		return sealed.ErrClosed
	}
	f, version, err := x.doomAll(ctx, e.ID)
	if NoFolder(err) { // it went before
		return nil
	}
	if err != nil {
		return err
	}
	for _, below := range f.Entries {
		if below.Kind == sealed.IsFile {
			x.known += 1 + len(below.Versions)
		}
	}
	within := append(slices.Clone(above), e.ID)
	for _, below := range f.Entries {
		if below.Kind == sealed.IsFile {
			x.known -= 1 + len(below.Versions) // file counts it
		}
		if err := x.entry(ctx, below, within); err != nil {
			return err
		}
	}
	x.boxes = append(x.boxes, emptied{e.ID, version, above})
	if len(x.boxes) < client.MostBatch {
		return nil
	}
	return x.flush(ctx)
}

// doomAll dooms all that is in a folder, before any of it goes: another device that is
// moving a file out of it finds that it is not what it was, and leaves it here.
func (x *removal) doomAll(ctx context.Context, id string) (sealed.Folder, uint64, error) {
	return x.d.swap(ctx, id, func(f *sealed.Folder) error {
		doomed := true
		for i := range f.Entries {
			doomed = doomed && f.Entries[i].Doomed
			x.d.doom(&f.Entries[i])
		}
		if doomed {
			return errAsItIs
		}
		return nil
	})
}

func (x *removal) file(ctx context.Context, e sealed.Entry) error {
	x.known += 1 + len(e.Versions)
	for _, v := range append([]sealed.Version{e.Version}, e.Versions...) {
		x.ids = append(x.ids, v.ID)
		if len(x.ids) < client.MostBatch {
			continue
		}
		if err := x.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// flush deletes what was gathered: objects, then the folders that were emptied by that.
func (x *removal) flush(ctx context.Context) error {
	ids, boxes := x.ids, x.boxes
	x.ids, x.boxes = nil, nil
	if len(ids) > 0 {
		if err := x.d.Server.RemoveFiles(ctx, ids); err != nil {
			return fmt.Errorf("delete files: %w", err)
		}
		x.done += len(ids)
		x.told(x.done, x.known)
	}
	for i, b := range boxes {
		_, err := x.d.Server.RemoveBox(ctx, sealed.Drawer, b.id, b.version)
		var p *client.Problem
		if errors.As(err, &p) && p.Word() == "conflict" { // another device put something into it
			if x.swaps++; x.swaps > swaps {
				return errBusy
			}
			if err := x.entry(ctx, sealed.Entry{Kind: sealed.IsFolder, Version: sealed.Version{ID: b.id}}, b.above); err != nil {
				return err
			}
			x.boxes = append(x.boxes, boxes[i+1:]...)
			return x.flush(ctx)
		}
		if err := gone(err); err != nil {
			return fmt.Errorf("delete folder: %w", err)
		}
		if err := x.d.Seen.forget(b.id); err != nil {
			return err
		}
	}
	return nil
}

func (d *Drive) dropObject(ctx context.Context, id string) error {
	return gone(d.Server.RemoveFile(ctx, id))
}

// dropBox deletes the box of a folder that nothing leads to.
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
