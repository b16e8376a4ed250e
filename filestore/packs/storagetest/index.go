// Package storagetest holds the tests that every packs.Index passes.
package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// Index runs the suite. open returns an empty index for each test, and the leases that its
// tokens come from.
func Index(t *testing.T, open func(t *testing.T) (packs.Index, packs.Leases)) {
	for name, test := range map[string]func(*rig){
		"store":               storeStays,
		"add and find":        addAndFind,
		"all or nothing":      allOrNothing,
		"delete":              deletes,
		"objects":             objects,
		"doom":                doom,
		"doom retired":        doomRetired,
		"doom and forget":     doomAndForget,
		"loose":               loose,
		"move":                move,
		"move keeps deletion": moveKeepsDeletion,
		"move loses nothing":  moveLosesNothing,
		"notes":               notes,
		"copies":              copies,
		"jobs":                jobs,
		"lease":               lease,
		"fence":               fence,
		"cancelled":           cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, l := open(t)
			test(&rig{T: t, x: x, l: l})
		})
	}
}

// rig is one test with its index.
type rig struct {
	*testing.T
	x packs.Index
	l packs.Leases
}

// noon is when things happen in these tests; databases keep whole seconds of it.
var noon = time.Unix(1_800_000_000, 0)

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// space is what all ids here begin with.
const space = 7

func newID() (id filestore.ID) {
	rand.Read(id[:])
	id[0] = space
	return id
}

// object makes one of a thousand octets, with blobs of a hundred in it.
func object(blobs int) (packs.Object, []packs.Entry) {
	o := packs.Object{Size: 1000, Content: int64(blobs) * 100, Made: noon, Rule: "two", Copies: []string{"east", "west"}, Changed: noon}
	rand.Read(o.Key[:])
	var entries []packs.Entry
	for i := range blobs {
		entries = append(entries, packs.Entry{ID: newID(), Key: o.Key, Off: int64(i) * 150, Size: 100, Stored: noon})
	}
	return o, entries
}

// add puts an object with that many blobs into the index.
func (r *rig) add(blobs int, change ...func(*packs.Object)) (packs.Object, []packs.Entry) {
	r.Helper()
	o, entries := object(blobs)
	for _, c := range change {
		c(&o)
	}
	r.must(r.x.Add(r.Context(), []packs.Object{o}, entries))
	return o, entries
}

func (r *rig) lease() packs.Token {
	r.Helper()
	token, err := r.l.Lease(r.Context(), time.Hour)
	r.must(err)
	return token
}

func ids(entries []packs.Entry) (list []filestore.ID) {
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

// check is the invariant of each blob: it is found where it should be, or not at all.
func (r *rig) check(o packs.Object, entries []packs.Entry, there bool) {
	r.Helper()
	found, err := r.x.Find(r.Context(), ids(entries))
	r.must(err)
	if len(found) != len(entries) {
		r.Fatalf("%d blobs were looked up, %d answers", len(entries), len(found))
	}
	for i, f := range found {
		want := packs.Found{}
		if there {
			want = packs.Found{Entry: entries[i], Object: o}
		}
		if !same(f, want) {
			r.Errorf("blob %d is\n%+v, want\n%+v", i, f, want)
		}
	}
}

// same compares what does not depend on how a database shows times.
func same(a, b packs.Found) bool {
	return sameEntry(a.Entry, b.Entry) && sameObject(a.Object, b.Object)
}

func sameEntry(a, b packs.Entry) bool {
	times := a.Stored.Equal(b.Stored) && a.Deleted.Equal(b.Deleted)
	a.Stored, a.Deleted, b.Stored, b.Deleted = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return times && a == b
}

func sameObject(a, b packs.Object) bool {
	times := a.Made.Equal(b.Made) && a.Changed.Equal(b.Changed) && a.Retired.Equal(b.Retired) &&
		a.Retired.IsZero() == b.Retired.IsZero()
	for _, o := range []*packs.Object{&a, &b} {
		o.Made, o.Changed, o.Retired = time.Time{}, time.Time{}, time.Time{}
		o.Copies = slices.Sorted(slices.Values(o.Copies))
	}
	return times && reflect.DeepEqual(a, b)
}

func keys(objects []packs.Object) (list []packs.Key) {
	for _, o := range objects {
		list = append(list, o.Key)
	}
	return list
}

func storeStays(r *rig) {
	one, err := r.x.Store(r.Context())
	r.must(err)
	two, err := r.x.Store(r.Context())
	r.must(err)
	if one != two || one.ID == [16]byte{} || one.Secret == (packs.Secret{}) {
		r.Error("an index must belong to one store, with a secret")
	}
}

func addAndFind(r *rig) {
	o, entries := r.add(3)
	p, more := r.add(1)
	r.check(o, entries, true)
	r.check(p, more, true)
	found, err := r.x.Find(r.Context(), []filestore.ID{more[0].ID, newID(), entries[2].ID, more[0].ID})
	r.must(err)
	if len(found) != 4 || found[0].Key != p.Key || found[1].Key != (packs.Key{}) || found[2].Key != o.Key || found[3].Key != p.Key {
		r.Errorf("in the order of what was asked: %+v", found)
	}
	if found, err := r.x.Find(r.Context(), nil); err != nil || len(found) != 0 {
		r.Errorf("nothing was asked: %d, %v", len(found), err)
	}
	seen := map[filestore.ID]filestore.Info{}
	for info, err := range r.x.All(r.Context(), space) {
		r.must(err)
		seen[info.ID] = info
	}
	for _, e := range append(entries, more...) {
		if info := seen[e.ID]; info.Size != e.Size || !info.Stored.Equal(e.Stored) {
			r.Errorf("blob is listed as %+v", info)
		}
	}
	if len(seen) != 4 {
		r.Errorf("%d blobs are listed, want 4", len(seen))
	}
	for _, other := range []byte{0, space - 1, space + 1, 255} {
		for info, err := range r.x.All(r.Context(), other) {
			r.must(err)
			r.Errorf("of space %d is listed %v", other, info.ID)
		}
	}
}

func allOrNothing(r *rig) {
	o, entries := r.add(1)
	p, more := object(2)
	for name, bad := range map[string]struct {
		objects []packs.Object
		entries []packs.Entry
	}{
		"an object twice":    {[]packs.Object{p, o}, more},
		"a blob twice":       {[]packs.Object{p}, append(slices.Clone(more), packs.Entry{ID: entries[0].ID, Key: p.Key, Off: 900, Size: 1, Stored: noon})},
		"a blob of no known": {[]packs.Object{p}, append(slices.Clone(more), packs.Entry{ID: newID(), Key: packs.Key(newID()), Size: 1, Stored: noon})},
	} {
		if err := r.x.Add(r.Context(), bad.objects, bad.entries); err == nil {
			r.Errorf("%s was added", name)
		}
		r.check(p, more, false)
	}
	r.check(o, entries, true)
	r.must(r.x.Add(r.Context(), []packs.Object{p}, more))
	r.check(p, more, true)
}

func deletes(r *rig) {
	o, entries := r.add(3)
	for i := range 2 {
		r.must(r.x.Delete(r.Context(), noon.Add(time.Duration(i)*time.Hour), []filestore.ID{entries[1].ID, newID()}))
	}
	r.check(o, entries[1:2], false)
	r.check(o, entries[:1], true)
	all, err := r.x.Entries(r.Context(), o.Key)
	r.must(err)
	want := slices.Clone(entries)
	want[1].Deleted = noon // not later, by the second call
	if !slices.EqualFunc(all, want, sameEntry) {
		r.Errorf("entries are %+v, want %+v", all, want)
	}
	for info, err := range r.x.All(r.Context(), space) {
		r.must(err)
		if info.ID == entries[1].ID {
			r.Error("a deleted blob is listed")
		}
	}
	r.must(r.x.Delete(r.Context(), noon, nil))
}

func objects(r *rig) {
	var want []packs.Object
	for range 20 {
		o, _ := r.add(1)
		want = append(want, o)
	}
	slices.SortFunc(want, func(a, b packs.Object) int { return slices.Compare(a.Key[:], b.Key[:]) })
	var got []packs.Object
	for o, err := range r.x.Objects(r.Context()) {
		r.must(err)
		got = append(got, o)
	}
	if !slices.EqualFunc(got, want, sameObject) {
		r.Errorf("objects are\n%v, want\n%v", got, want)
	}
	for range r.x.Objects(r.Context()) {
		break // which must not hang or panic
	}
	some, err := r.x.Lookup(r.Context(), []packs.Key{want[3].Key, packs.Key(newID()), want[1].Key})
	r.must(err)
	if len(some) != 2 || !slices.Contains(keys(some), want[1].Key) || !slices.Contains(keys(some), want[3].Key) {
		r.Errorf("of three keys, one of them unknown: %v", some)
	}
}

func cancelled(r *rig) {
	o, entries := r.add(1)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if err := r.x.Delete(ctx, noon, ids(entries)); !errors.Is(err, context.Canceled) {
		r.Errorf("Delete: %v", err)
	}
	if _, err := r.x.Find(ctx, ids(entries)); !errors.Is(err, context.Canceled) {
		r.Errorf("Find: %v", err)
	}
	for _, err := range r.x.All(ctx, space) {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("All: %v", err)
		}
	}
	r.check(o, entries, true)
}
