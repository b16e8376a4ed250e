// Package storagetest holds what must be true of every drive.Store, as tests that each
// engine runs.
//
// It never knows an engine: it sees what the interfaces show.
package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// Engine is an open store and the index of the same database. Reopen closes both and
// opens what is on disk again. Check looks at rows that interfaces do not show.
type Engine struct {
	drive.Store
	Index  mailstore.Index
	Reopen func() *Engine
	Check  func(t testing.TB)
}

// Open opens an empty engine that ends with the test.
type Open func(t testing.TB, now func() time.Time) *Engine

const alice, bob = drive.Owner("a11ce00000000000"), drive.Owner("b0b0000000000000")

// fixture is an engine under a clock.
type fixture struct {
	*Engine
	t     testing.TB
	clock atomic.Int64
}

func (f *fixture) now() time.Time               { return time.Unix(f.clock.Load(), 0).UTC() }
func (f *fixture) pass(d time.Duration)         { f.clock.Add(int64(d / time.Second)) }
func (f *fixture) in(d time.Duration) time.Time { return f.now().Add(d) }

// Store runs the whole suite.
func Store(t *testing.T, open Open) {
	for name, test := range map[string]func(*fixture){
		"parts":     testParts,
		"bring":     testBring,
		"many":      testRemoveMany,
		"refusals":  testRefusals,
		"quota":     testQuota,
		"asked":     testAsked,
		"walls":     testWalls,
		"left":      testLeft,
		"links":     testLinks,
		"downloads": testDownloads,
		"requests":  testRequests,
		"made":      testMade,
		"forget":    testForget,
		"durable":   testDurable,
		"pages":     testPages,
		"cancelled": testCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{t: t}
			f.clock.Store(1_700_000_000)
			f.Engine = open(t, f.now)
			for _, o := range []drive.Owner{alice, bob} {
				f.quota(o, 0)
			}
			test(f)
			f.check()
		})
	}
}

func (f *fixture) quota(o drive.Owner, bytes int64) {
	f.t.Helper()
	if _, err := f.Index.Apply(f.t.Context(), mailstore.Owner(o), []mailstore.Change{mailstore.SetQuota{Bytes: bytes}}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) apply(o drive.Owner, w drive.Wish) drive.Done {
	f.t.Helper()
	d, err := f.Apply(f.t.Context(), o, w)
	if err != nil {
		f.t.Fatalf("%+v: %v", w, err)
	}
	return d
}

// refuse wants an error and nothing changed.
func (f *fixture) refuse(want error, o drive.Owner, w drive.Wish) {
	f.t.Helper()
	before := f.state()
	if d, err := f.Apply(f.t.Context(), o, w); !drive.Refused(err) || !errors.Is(err, want) || !reflect.DeepEqual(d, drive.Done{}) {
		f.t.Errorf("%+v: got %+v, %v, want %v", w, d, err, want)
	}
	if after := f.state(); !reflect.DeepEqual(before, after) {
		f.t.Errorf("a refused %T changed something:\n%+v\n%+v", w, before, after)
	}
}

// held is all that a store shows of one owner.
type held struct {
	Totals   drive.Totals
	Objects  []drive.Object
	Brought  []drive.Object
	Parts    map[drive.ID][]drive.Part
	Links    []drive.Link
	Requests []drive.Request
	Usage    mailstore.Usage
}

func (f *fixture) state() map[drive.Owner]held {
	f.t.Helper()
	all := map[drive.Owner]held{}
	ctx := context.Background()
	for _, o := range []drive.Owner{alice, bob} {
		h := held{Parts: map[drive.ID][]drive.Part{}}
		var errs [6]error
		h.Totals, errs[0] = f.Totals(ctx, o)
		h.Objects, errs[1] = f.Objects(ctx, o, drive.ID{}, 1000, false)
		h.Brought, errs[2] = f.Objects(ctx, o, drive.ID{}, 1000, true)
		h.Links, errs[3] = f.Links(ctx, o)
		h.Requests, errs[4] = f.Requests(ctx, o)
		h.Usage, errs[5] = f.Index.Usage(ctx, mailstore.Owner(o))
		for _, x := range h.Objects {
			parts, err := f.Parts(ctx, o, x.ID, 0, 1000)
			h.Parts[x.ID] = parts
			errs[0] = errors.Join(errs[0], err)
		}
		if err := errors.Join(errs[:]...); err != nil {
			f.t.Fatal(err)
		}
		all[o] = h
	}
	return all
}

// check recounts all that a store shows.
func (f *fixture) check() {
	f.t.Helper()
	points := map[filestore.ID]int{}
	for o, h := range f.state() {
		var t drive.Totals
		for _, x := range h.Objects {
			t.Objects, t.Bytes = t.Objects+1, t.Bytes+x.Size
			if !x.Whole {
				t.Uploads++
			}
			if !x.Whole && x.Request != (drive.ID{}) {
				t.Brought++
			}
			if x.Whole && len(h.Parts[x.ID]) != x.Parts() {
				f.t.Errorf("%s: a whole object has %d of %d parts", o, len(h.Parts[x.ID]), x.Parts())
			}
			for _, p := range h.Parts[x.ID] {
				points[p.Blob.ID]++
				if p.Blob.Size != x.PartLength(p.N) {
					f.t.Errorf("%s: part %d has %d bytes", o, p.N, p.Blob.Size)
				}
			}
		}
		for _, l := range h.Links {
			i := slices.IndexFunc(h.Objects, func(x drive.Object) bool { return x.ID == l.Object })
			if i < 0 || !h.Objects[i].Whole || l.Owner != o {
				f.t.Errorf("%s: a link to nothing: %+v", o, l)
			}
		}
		for _, q := range h.Requests {
			coming := q.Coming
			for _, x := range h.Objects {
				if !x.Whole && x.Request == q.ID {
					coming--
				}
			}
			if coming != 0 {
				f.t.Errorf("%s: a request counts %d on their way, which is %d too many", o, q.Coming, coming)
			}
		}
		t.Links, t.Requests = int64(len(h.Links)), int64(len(h.Requests))
		if h.Totals != t || h.Usage.Bytes != t.Bytes {
			f.t.Errorf("%s: totals %+v, recounted %+v, usage %d", o, h.Totals, t, h.Usage.Bytes)
		}
	}
	for id, err := range f.Index.Blobs(context.Background()) {
		if err != nil {
			f.t.Fatalf("list blobs: %v", err)
		}
		points[id]--
	}
	for id, n := range points {
		if n != 0 {
			f.t.Errorf("blob %s: parts that point at it and what Blobs lists differ by %d", id, n)
		}
	}
	if f.Check != nil {
		f.Check(f.t)
	}
}

func newPart(o drive.Object, n int) drive.Part {
	p := drive.Part{N: n, Blob: filestore.Ref{Size: o.PartLength(n)}}
	rand.Read(p.Blob.ID[:])
	p.Sum[0] = byte(n + 1)
	return p
}

// whole is an object that is there.
func (f *fixture) whole(o drive.Owner, size int64) drive.Object {
	f.t.Helper()
	x := f.apply(o, drive.Begin{ID: drive.NewID(), Size: size}).Object
	for n := range x.Parts() {
		f.apply(o, drive.Put{Object: x.ID, Part: newPart(x, n)})
	}
	return f.apply(o, drive.Complete{Object: x.ID}).Object
}

// race runs something many times at once and counts what succeeded; all else must
// fail with one error.
func (f *fixture) race(n int, want error, do func() error) (done int) {
	f.t.Helper()
	var won atomic.Int32
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			switch err := do(); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, want):
				f.t.Error(err)
			}
		})
	}
	all.Wait()
	return int(won.Load())
}
