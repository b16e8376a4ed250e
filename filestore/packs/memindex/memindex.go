// Package memindex is a packs.Index in memory, for tests. It is the reference for the suite
// and for what the engine may expect of a database.
package memindex

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// Index is a packs.Index and packs.Leases.
type Index struct {
	Now func() time.Time // of leases; time.Now

	mu      sync.Mutex
	store   packs.Store
	objects map[packs.Key]packs.Object
	entries map[filestore.ID]packs.Entry
	done    map[string]time.Time

	token packs.Token // of the last lease
	until time.Time   // it is held
}

var (
	_ packs.Index  = (*Index)(nil)
	_ packs.Leases = (*Index)(nil)
)

// New makes an empty index of a new store.
func New() *Index {
	x := &Index{
		Now:     time.Now,
		objects: map[packs.Key]packs.Object{},
		entries: map[filestore.ID]packs.Entry{},
		done:    map[string]time.Time{},
	}
	rand.Read(x.store.ID[:])
	rand.Read(x.store.Secret[:])
	return x
}

// Copy is the index as it is now, as a backup of the database would bring it back.
func (x *Index) Copy() *Index {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := &Index{Now: x.Now, store: x.store, token: x.token,
		objects: maps.Clone(x.objects), entries: maps.Clone(x.entries), done: maps.Clone(x.done)}
	return c
}

func (x *Index) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x.mu.Lock()
	return x.mu.Unlock, nil
}

// beginUnder also checks a token.
func (x *Index) beginUnder(ctx context.Context, t packs.Token) (end func(), err error) {
	end, err = x.begin(ctx)
	if err == nil && t != x.token {
		end()
		return nil, packs.ErrFenced
	}
	return end, err
}

func (x *Index) Store(ctx context.Context) (packs.Store, error) {
	return x.store, ctx.Err()
}

func (x *Index) Add(ctx context.Context, objects []packs.Object, entries []packs.Entry) error {
	end, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	added := map[packs.Key]bool{}
	for _, o := range objects {
		if _, twice := x.objects[o.Key]; twice || added[o.Key] || len(o.Copies) == 0 {
			return fmt.Errorf("object %s cannot be added", o.Key)
		}
		added[o.Key] = true
	}
	ids := map[filestore.ID]bool{}
	for _, e := range entries {
		if _, twice := x.entries[e.ID]; twice || ids[e.ID] || !added[e.Key] {
			return fmt.Errorf("blob %s cannot be added", e.ID)
		}
		ids[e.ID] = true
	}
	for _, o := range objects {
		x.objects[o.Key] = whole(o)
	}
	for _, e := range entries {
		e.Stored = e.Stored.Truncate(time.Second)
		x.entries[e.ID] = e
	}
	return nil
}

// whole is an object as a database keeps it.
func whole(o packs.Object) packs.Object {
	o.Copies = slices.Sorted(slices.Values(o.Copies))
	o.Made, o.Changed = o.Made.Truncate(time.Second), o.Changed.Truncate(time.Second)
	return o
}

func (x *Index) Find(ctx context.Context, ids []filestore.ID) ([]packs.Found, error) {
	end, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	found := make([]packs.Found, len(ids))
	for i, id := range ids {
		if e, ok := x.entries[id]; ok && e.Deleted.IsZero() {
			found[i] = packs.Found{Entry: e, Object: x.objects[e.Key]}
		}
	}
	return found, nil
}

func (x *Index) Delete(ctx context.Context, at time.Time, ids []filestore.ID) error {
	end, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, id := range ids {
		if e, ok := x.entries[id]; ok && e.Deleted.IsZero() {
			e.Deleted = at.Truncate(time.Second)
			x.entries[id] = e
		}
	}
	return nil
}

func (x *Index) All(ctx context.Context, space byte) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		end, err := x.begin(ctx)
		if err != nil {
			yield(filestore.Info{}, err)
			return
		}
		list := slices.Collect(maps.Values(x.entries))
		end()
		for _, e := range list {
			if !e.Deleted.IsZero() || e.ID[0] != space {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(filestore.Info{}, err)
				return
			}
			if !yield(filestore.Info{Ref: filestore.Ref{ID: e.ID, Size: e.Size}, Stored: e.Stored}, nil) {
				return
			}
		}
	}
}

func (x *Index) Note(ctx context.Context, keys []packs.Key) error {
	end, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, k := range keys {
		if o, ok := x.objects[k]; ok && !o.Doomed {
			o.Short = true
			x.objects[k] = o
		}
	}
	return nil
}

// sorted lists the objects that pass, by their keys.
func (x *Index) sorted(pass func(packs.Object) bool) (list []packs.Object) {
	for _, o := range x.objects {
		if pass(o) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b packs.Object) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return list
}

func (x *Index) Objects(ctx context.Context) iter.Seq2[packs.Object, error] {
	return func(yield func(packs.Object, error) bool) {
		end, err := x.begin(ctx)
		if err != nil {
			yield(packs.Object{}, err)
			return
		}
		list := x.sorted(func(packs.Object) bool { return true })
		end()
		for _, o := range list {
			if err := ctx.Err(); err != nil {
				yield(packs.Object{}, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (x *Index) Lookup(ctx context.Context, keys []packs.Key) (list []packs.Object, err error) {
	end, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return x.sorted(func(o packs.Object) bool { return slices.Contains(keys, o.Key) }), nil
}

func (x *Index) Entries(ctx context.Context, key packs.Key) ([]packs.Entry, error) {
	end, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return x.in(key), nil
}

func (x *Index) in(key packs.Key) (list []packs.Entry) {
	for _, e := range x.entries {
		if e.Key == key {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b packs.Entry) int { return cmp.Compare(a.Off, b.Off) })
	return list
}
