package memindex

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// gone says whether nothing living is in an object, nor anything deleted from that time on.
func (x *Index) gone(o packs.Object, before time.Time) bool {
	if !o.Retired.IsZero() {
		return o.Retired.Before(before)
	}
	for _, e := range x.in(o.Key) {
		if e.Deleted.IsZero() || !e.Deleted.Before(before) {
			return false
		}
	}
	return true
}

func (x *Index) Doom(ctx context.Context, token packs.Token, before time.Time, limit int) ([]packs.Object, error) {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return nil, err
	}
	defer end()
	list := x.sorted(func(o packs.Object) bool { return o.Doomed || x.gone(o, before) })
	list = list[:min(limit, len(list))]
	for i := range list {
		list[i].Doomed = true
		x.objects[list[i].Key] = list[i]
	}
	return list, nil
}

func (x *Index) Forget(ctx context.Context, token packs.Token, keys []packs.Key) error {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return err
	}
	defer end()
	for _, k := range keys {
		if !x.objects[k].Doomed {
			continue
		}
		for _, e := range x.in(k) {
			delete(x.entries, e.ID)
		}
		delete(x.objects, k)
	}
	return nil
}

func (x *Index) Loose(ctx context.Context, q packs.Loose) (list []packs.Living, err error) {
	end, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	for _, o := range x.objects {
		if o.Doomed || o.Short || !o.Retired.IsZero() || o.Made.After(q.Made) || o.Size > q.Largest || x.gone(o, q.Deleted) {
			continue
		}
		l := packs.Living{Object: o}
		for _, e := range x.in(o.Key) {
			if e.Deleted.IsZero() || !e.Deleted.Before(q.Deleted) {
				l.Octets += e.Size
			}
			l.Stale = l.Stale || !e.Deleted.IsZero() && e.Deleted.Before(q.Stale)
		}
		if l.Stale || o.Size < q.Small || float64(l.Octets) < q.Share*float64(o.Content) {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b packs.Living) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), bytes.Compare(a.Key[:], b.Key[:]))
	})
	return list[:min(q.Limit, len(list))], nil
}

func (x *Index) Move(ctx context.Context, token packs.Token, at, deleted time.Time, from []packs.Key, to packs.Object, entries []packs.Entry) error {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return err
	}
	defer end()
	left := map[filestore.ID]packs.Entry{}
	for _, k := range from {
		for _, e := range x.in(k) {
			left[e.ID] = e
		}
	}
	var moved []packs.Entry
	for _, e := range entries {
		was, ok := left[e.ID]
		if !ok {
			continue
		}
		delete(left, e.ID)
		was.Key, was.Off = to.Key, e.Off
		moved = append(moved, was)
	}
	for _, e := range left {
		if e.Deleted.IsZero() || !e.Deleted.Before(deleted) {
			return packs.ErrChanged
		}
	}
	x.objects[to.Key] = whole(to)
	for _, e := range moved {
		x.entries[e.ID] = e
	}
	for id := range left {
		delete(x.entries, id)
	}
	for _, k := range from {
		o := x.objects[k]
		o.Retired, o.Short = at.Truncate(time.Second), false
		x.objects[k] = o
	}
	return nil
}

func (x *Index) Noted(ctx context.Context, after packs.Key, limit int) ([]packs.Object, error) {
	end, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	list := x.sorted(func(o packs.Object) bool {
		return o.Short && !o.Doomed && bytes.Compare(o.Key[:], after[:]) > 0
	})
	return list[:min(limit, len(list))], nil
}

func (x *Index) SetCopies(ctx context.Context, token packs.Token, at time.Time, key packs.Key, copies []string, short bool) error {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return err
	}
	defer end()
	if o, ok := x.objects[key]; ok && !o.Doomed {
		o.Copies, o.Changed, o.Short = copies, at, short
		x.objects[key] = whole(o)
	}
	return nil
}

func (x *Index) Done(ctx context.Context, token packs.Token, job string, at time.Time) error {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return err
	}
	defer end()
	x.done[job] = at.Truncate(time.Second)
	return nil
}

func (x *Index) LastDone(ctx context.Context, job string) (time.Time, error) {
	end, err := x.begin(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer end()
	return x.done[job], nil
}

func (x *Index) Lease(ctx context.Context, d time.Duration) (packs.Token, error) {
	end, err := x.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	if x.Now().Before(x.until) {
		return 0, packs.ErrHeld
	}
	x.token++
	x.until = x.Now().Add(d)
	return x.token, nil
}

func (x *Index) Renew(ctx context.Context, token packs.Token, d time.Duration) error {
	end, err := x.beginUnder(ctx, token)
	if err != nil {
		return err
	}
	defer end()
	x.until = x.Now().Add(d)
	return nil
}

func (x *Index) Release(ctx context.Context, token packs.Token) error {
	end, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if token == x.token {
		x.until = time.Time{}
	}
	return nil
}
