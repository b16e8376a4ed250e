// Package storagetest holds what must be true of every cabinet.Store, as tests that
// each engine runs.
//
// It never knows an engine: it sees what the interfaces show.
package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// Options are what the suite asks an engine to be opened with.
type Options struct {
	Now      func() time.Time
	Remember int // removed boxes
}

// Engine is an open store and the index of the same database. Reopen closes both and
// opens what is on disk again. Check looks at rows that interfaces do not show.
type Engine struct {
	cabinet.Store
	Index  mailstore.Index
	Reopen func() *Engine
	Check  func(t TB)
	Close  func()
}

// TB is what a check needs of a test; that of testing and that of rapid have it.
type TB interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Open opens an empty engine that ends with the test.
type Open func(t testing.TB, o Options) *Engine

const alice, bob = mailstore.Owner("a11ce00000000000"), mailstore.Owner("b0b0000000000000")

// Store runs the whole suite.
func Store(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"versions":   testVersions,
		"names":      testNames,
		"list":       testList,
		"drawer":     testDrawer,
		"forgetting": testForgetting,
		"walls":      testWalls,
		"full":       testFull,
		"quota":      testQuota,
		"forget":     testForget,
		"race":       testRace,
		"durable":    testDurable,
		"cancelled":  testCancelled,
		"random":     testRandom,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

func clock() time.Time { return time.Unix(1_700_000_000, 5).UTC() }

// start opens an engine with two owners that is checked when the test ends.
func start(t testing.TB, open Open, remember int) *Engine {
	e := open(t, Options{Now: clock, Remember: remember})
	for _, o := range []mailstore.Owner{alice, bob} {
		if _, err := e.Index.Apply(t.Context(), o, []mailstore.Change{mailstore.SetQuota{}}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func begin(t testing.TB, open Open) *Engine {
	e := start(t, open, 1000)
	t.Cleanup(func() { e.check(t, alice, bob) })
	return e
}

// check recounts all that a store shows of its owners.
func (e *Engine) check(t TB, owners ...mailstore.Owner) {
	t.Helper()
	ctx := context.Background()
	points := map[filestore.ID]int{}
	for _, o := range owners {
		shelf, err := e.Shelf(ctx, o)
		if err != nil {
			t.Fatalf("read shelf: %v", err)
		}
		all, err := e.List(ctx, o, 0)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		count := cabinet.Shelf{Change: shelf.Change, Floor: shelf.Floor, Gone: shelf.Gone}
		last := cabinet.Change(0)
		for _, b := range all.Boxes {
			count.Boxes, count.Bytes = count.Boxes+1, count.Bytes+b.Blob.Size
			points[b.Blob.ID]++
			if b.Gone || b.Change <= last || b.Change > shelf.Change || b.Version == 0 || !b.Valid() {
				t.Errorf("box %+v after change %d", b, last)
			}
			last = b.Change
			if got, err := e.Box(ctx, o, b.Place); err != nil || !reflect.DeepEqual(got, b) {
				t.Errorf("box is %+v, %v\nlisted %+v", got, err, b)
			}
		}
		if shelf != count || all.Change != shelf.Change || !all.Complete {
			t.Errorf("shelf %+v, recounted %+v, list up to %d", shelf, count, all.Change)
		}
	}
	for id, err := range e.Index.Blobs(ctx) {
		if err != nil {
			t.Fatalf("list blobs: %v", err)
		}
		points[id]--
	}
	for id, n := range points {
		if n != 0 {
			t.Errorf("blob %s: boxes that point at it and what Blobs lists differ by %d", id, n)
		}
	}
	if e.Check != nil {
		e.Check(t)
	}
}

func at(drawer, name string) cabinet.Place { return cabinet.Place{Drawer: drawer, Name: name} }

func newBlob(size int64) *filestore.Ref {
	r := &filestore.Ref{Size: size}
	rand.Read(r.ID[:])
	return r
}

func (e *Engine) put(t testing.TB, o mailstore.Owner, p cabinet.Place, was cabinet.Version) cabinet.Box {
	t.Helper()
	b, _, err := e.Apply(t.Context(), o, cabinet.Wish{Place: p, Was: was, Blob: newBlob(100)})
	if err != nil {
		t.Fatalf("put %v over version %d: %v", p, was, err)
	}
	return b
}

// refuse wants an error and nothing changed.
func (e *Engine) refuse(t testing.TB, want error, o mailstore.Owner, w cabinet.Wish) {
	t.Helper()
	before, _ := e.List(t.Context(), o, 0)
	_, freed, err := e.Apply(t.Context(), o, w)
	if !cabinet.Refused(err) || !errors.Is(err, want) || freed != nil {
		t.Errorf("%+v: got %v, %v, want %v", w, freed, err, want)
	}
	if after, _ := e.List(t.Context(), o, 0); !reflect.DeepEqual(before, after) {
		t.Errorf("a refused wish changed something:\n%+v\n%+v", before, after)
	}
}

func testVersions(t *testing.T, open Open) {
	e := begin(t, open)
	p := at("settings", "main")
	first := e.put(t, alice, p, 0)
	if first.Version != 1 || first.Change != 1 || first.Place != p || !first.Modified.Equal(clock().Truncate(time.Second)) {
		t.Errorf("first box is %+v", first)
	}
	e.refuse(t, cabinet.Conflict{Version: 1}, alice, cabinet.Wish{Place: p, Blob: newBlob(1)})
	e.refuse(t, cabinet.Conflict{Version: 1}, alice, cabinet.Wish{Place: p, Was: 2, Blob: newBlob(1)})
	e.refuse(t, cabinet.Conflict{Version: 1}, alice, cabinet.Wish{Place: p, Was: 7})
	e.refuse(t, cabinet.Conflict{}, alice, cabinet.Wish{Place: at("settings", "other"), Was: 1, Blob: newBlob(1)})
	e.refuse(t, cabinet.ErrNoBox, alice, cabinet.Wish{Place: at("settings", "other")})
	second, freed, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: p, Was: 1, Blob: newBlob(200)})
	if err != nil || second.Version != 2 || second.Change != 2 || !slices.Equal(freed, []filestore.ID{first.Blob.ID}) {
		t.Errorf("second box is %+v, freed %v, %v", second, freed, err)
	}
	gone, freed, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: p, Was: 2})
	if err != nil || !gone.Gone || gone.Version != 3 || !slices.Equal(freed, []filestore.ID{second.Blob.ID}) {
		t.Errorf("removed box is %+v, freed %v, %v", gone, freed, err)
	}
	e.refuse(t, cabinet.ErrNoBox, alice, cabinet.Wish{Place: p, Was: 3})
	// What was removed comes back above the versions that clients have seen.
	e.refuse(t, cabinet.Conflict{Version: 3}, alice, cabinet.Wish{Place: p, Blob: newBlob(1)})
	again, freed, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: p, Was: 3, Blob: newBlob(1)})
	if err != nil || again.Version != 4 || freed != nil {
		t.Errorf("box that came back is %+v, freed %v, %v", again, freed, err)
	}
}

func testNames(t *testing.T, open Open) {
	e := begin(t, open)
	for _, p := range []cabinet.Place{{}, at("settings", ""), at("nowhere", "a"), at("", "a"), at("Settings", "a"), at("settings", "../a"),
		at("settings", "a/b"), at("settings", "a.b"), at("settings", "ä"), at("settings", "a\x00"), at("settings", fmt.Sprintf("%065d", 1))} {
		e.refuse(t, cabinet.ErrName, alice, cabinet.Wish{Place: p, Blob: newBlob(1)})
		if _, err := e.Box(t.Context(), alice, p); !errors.Is(err, cabinet.ErrNoBox) {
			t.Errorf("box %q is %v", p, err)
		}
	}
	for _, p := range []cabinet.Place{at("settings", "a"), at("files", "a"), at("settings", "A-_9"), at("pages", fmt.Sprintf("%064d", 1))} {
		e.put(t, alice, p, 0)
	}
}

func testList(t *testing.T, open Open) {
	e := begin(t, open)
	a, b, c := at("drafts", "a"), at("drafts", "b"), at("contacts", "a")
	e.put(t, alice, a, 0)
	e.put(t, alice, b, 0)
	e.put(t, alice, c, 0)
	e.put(t, alice, a, 1)
	if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: b, Was: 1}); err != nil {
		t.Fatal(err)
	}
	for since, want := range map[cabinet.Change][]cabinet.Place{0: {c, a}, 1: {c, a, b}, 2: {c, a, b}, 3: {a, b}, 4: {b}, 5: nil, 1 << 62: nil, 1<<64 - 1: nil} {
		l, err := e.List(t.Context(), alice, since)
		if err != nil {
			t.Fatal(err)
		}
		var got []cabinet.Place
		for _, x := range l.Boxes {
			got = append(got, x.Place)
		}
		if !slices.Equal(got, want) || l.Change != 5 || !l.Complete {
			t.Errorf("since %d: %+v, want %v", since, l, want)
		}
	}
}

// A drawer shows its own boxes, of its own owner, and none that is gone.
func testDrawer(t *testing.T, open Open) {
	e := begin(t, open)
	e.put(t, alice, at("files", "a"), 0) // the number before
	kept, gone := e.put(t, alice, at("parcels", "b"), 0), at("parcels", "a")
	e.put(t, alice, gone, 0)
	e.put(t, alice, at("receipts", "a"), 0) // and after
	e.put(t, bob, at("parcels", "c"), 0)
	if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: gone, Was: 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Drawer(t.Context(), alice, "parcels"); err != nil || !reflect.DeepEqual(got, []cabinet.Box{kept}) {
		t.Errorf("the drawer shows %+v, %v, want %+v", got, err, kept)
	}
	for owner, drawer := range map[mailstore.Owner]string{alice: "nowhere", "0123456789abcdef": "parcels"} {
		if got, err := e.Drawer(t.Context(), owner, drawer); err != nil || len(got) != 0 {
			t.Errorf("%s: %+v, %v", drawer, got, err)
		}
	}
}

func testForgetting(t *testing.T, open Open) {
	e := start(t, open, 3)
	t.Cleanup(func() { e.check(t, alice, bob) })
	kept := e.put(t, alice, at("drafts", "kept"), 0)
	for i := range 8 {
		p := at("drafts", fmt.Sprint(i))
		e.put(t, alice, p, 0)
		if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: p, Was: 1}); err != nil {
			t.Fatal(err)
		}
	}
	shelf, err := e.Shelf(t.Context(), alice)
	if err != nil || shelf.Gone != 3 || shelf.Floor == 0 {
		t.Fatalf("shelf is %+v, %v", shelf, err)
	}
	if l, err := e.List(t.Context(), alice, kept.Change); err != nil || l.Complete || len(l.Boxes) != 3 {
		t.Errorf("below the floor: %+v, %v", l, err)
	}
	if l, err := e.List(t.Context(), alice, shelf.Floor); err != nil || !l.Complete || len(l.Boxes) != 3 {
		t.Errorf("at the floor: %+v, %v", l, err)
	}
	if b := e.put(t, alice, at("drafts", "0"), 0); b.Version != 1 { // nobody remembers it
		t.Errorf("box is %+v", b)
	}
	e.put(t, alice, at("drafts", "7"), 2) // remembered, and taken out of those that are
	if shelf, _ := e.Shelf(t.Context(), alice); shelf.Gone != 2 {
		t.Errorf("shelf is %+v", shelf)
	}
}

func testWalls(t *testing.T, open Open) {
	e := begin(t, open)
	p := at("pins", "a")
	e.put(t, alice, p, 0)
	if l, err := e.List(t.Context(), bob, 0); err != nil || len(l.Boxes) != 0 || l.Change != 0 {
		t.Errorf("bob sees %+v, %v", l, err)
	}
	if _, err := e.Box(t.Context(), bob, p); !errors.Is(err, cabinet.ErrNoBox) {
		t.Errorf("bob's box is %v", err)
	}
	e.refuse(t, cabinet.ErrNoBox, bob, cabinet.Wish{Place: p})
	e.refuse(t, cabinet.Conflict{}, bob, cabinet.Wish{Place: p, Was: 1, Blob: newBlob(1)})
	if b := e.put(t, bob, p, 0); b.Change != 1 {
		t.Errorf("bob's first box is %+v", b)
	}
	for _, nobody := range []mailstore.Owner{"", "nobody", "a11ce00000000000\x00"} {
		e.refuse(t, mailstore.ErrNoOwner, nobody, cabinet.Wish{Place: p, Blob: newBlob(1)})
		if _, err := e.Box(t.Context(), nobody, p); !errors.Is(err, cabinet.ErrNoBox) {
			t.Errorf("box of nobody: %v", err)
		}
		if l, err := e.List(t.Context(), nobody, 0); err != nil || len(l.Boxes) != 0 {
			t.Errorf("list of nobody: %+v, %v", l, err)
		}
	}
}

func testFull(t *testing.T, open Open) {
	e := begin(t, open)
	e.refuse(t, cabinet.ErrLarge, alice, cabinet.Wish{Place: at("files", "a"), Blob: newBlob(16<<20 + 1)})
	e.refuse(t, cabinet.ErrLarge, alice, cabinet.Wish{Place: at("files", "a"), Blob: newBlob(-1)})
	for i := range 64 {
		if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: at("files", fmt.Sprint(i)), Blob: newBlob(16 << 20)}); err != nil {
			t.Fatalf("box %d: %v", i, err)
		}
	}
	e.refuse(t, cabinet.ErrFull, alice, cabinet.Wish{Place: at("files", "more"), Blob: newBlob(1)})
	if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: at("files", "3"), Was: 1, Blob: newBlob(1)}); err != nil {
		t.Errorf("a box may become smaller: %v", err)
	}
	if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: at("files", "4"), Was: 1}); err != nil {
		t.Errorf("a box may be removed: %v", err)
	}
	e.put(t, alice, at("files", "more"), 0)
}

func testQuota(t *testing.T, open Open) {
	e := begin(t, open)
	if _, err := e.Index.Apply(t.Context(), alice, []mailstore.Change{mailstore.SetQuota{Bytes: 40 << 20}}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: at("files", fmt.Sprint(i)), Blob: newBlob(16 << 20)}); err != nil {
			t.Fatal(err)
		}
	}
	e.refuse(t, cabinet.ErrFull, alice, cabinet.Wish{Place: at("files", "more"), Blob: newBlob(16 << 20)})
	if u, err := e.Index.Usage(t.Context(), alice); err != nil || u.Bytes != 0 {
		t.Errorf("usage of mail is %+v, %v", u, err)
	}
}

// Forget takes the cabinet along, and says which blobs it freed.
func testForget(t *testing.T, open Open) {
	e := begin(t, open)
	a, b := e.put(t, alice, at("pages", "a"), 0), e.put(t, alice, at("pages", "b"), 0)
	stays := e.put(t, bob, at("pages", "a"), 0)
	events, err := e.Index.Apply(t.Context(), alice, []mailstore.Change{mailstore.Forget{}})
	if err != nil {
		t.Fatal(err)
	}
	want := []filestore.ID{a.Blob.ID, b.Blob.ID}
	order := func(x, y filestore.ID) int { return slices.Compare(x[:], y[:]) }
	slices.SortFunc(want, order)
	slices.SortFunc(events[0].Freed, order)
	if !slices.Equal(events[0].Freed, want) {
		t.Errorf("freed %v, want %v", events[0].Freed, want)
	}
	e.refuse(t, mailstore.ErrNoOwner, alice, cabinet.Wish{Place: at("pages", "a"), Blob: newBlob(1)})
	if _, err := e.Index.Apply(t.Context(), alice, []mailstore.Change{mailstore.SetQuota{}}); err != nil {
		t.Fatal(err)
	}
	if l, err := e.List(t.Context(), alice, 0); err != nil || len(l.Boxes) != 0 {
		t.Errorf("a new owner has %+v, %v", l, err)
	}
	if x, err := e.Box(t.Context(), bob, at("pages", "a")); err != nil || x.Blob != stays.Blob {
		t.Errorf("bob's box is %+v, %v", x, err)
	}
}

// Of many who replace what they have all seen, one does.
func testRace(t *testing.T, open Open) {
	e := begin(t, open)
	p := at("settings", "main")
	for round := range 5 {
		var won, lost atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				_, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: p, Was: cabinet.Version(round), Blob: newBlob(1)})
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, cabinet.Conflict{Version: cabinet.Version(round + 1)}):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load() != 31 {
			t.Fatalf("round %d: %d won, %d lost", round, won.Load(), lost.Load())
		}
	}
}

func testDurable(t *testing.T, open Open) {
	e := start(t, open, 1000)
	if e.Reopen == nil {
		t.Skip("this engine keeps nothing")
	}
	e.put(t, alice, at("drafts", "a"), 0)
	e.put(t, alice, at("drafts", "b"), 0)
	if _, _, err := e.Apply(t.Context(), alice, cabinet.Wish{Place: at("drafts", "b"), Was: 1}); err != nil {
		t.Fatal(err)
	}
	before, err := e.List(t.Context(), alice, 1)
	if err != nil {
		t.Fatal(err)
	}
	e = e.Reopen()
	if after, err := e.List(t.Context(), alice, 1); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v\nafter  %+v, %v", before, after, err)
	}
	e.check(t, alice, bob)
}

func testCancelled(t *testing.T, open Open) {
	e := begin(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := e.Apply(ctx, alice, cabinet.Wish{Place: at("drafts", "a"), Blob: newBlob(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if _, err := e.List(ctx, alice, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v", err)
	}
}

// testRandom compares an engine with a map.
func testRandom(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		e := start(t, open, 1000)
		model, change := map[cabinet.Place]cabinet.Box{}, cabinet.Change(0)
		for range rapid.IntRange(1, 20).Draw(rt, "wishes") {
			w := cabinet.Wish{
				Place: at(rapid.SampledFrom([]string{"drafts", "pages"}).Draw(rt, "drawer"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name")),
				Was:   cabinet.Version(rapid.IntRange(0, 4).Draw(rt, "was")),
			}
			if rapid.Bool().Draw(rt, "put") {
				w.Blob = newBlob(int64(rapid.IntRange(0, 9).Draw(rt, "size")))
			}
			was := model[w.Place]
			got, _, err := e.Apply(t.Context(), alice, w)
			switch {
			case w.Blob == nil && (was.Version == 0 || was.Gone):
				if !errors.Is(err, cabinet.ErrNoBox) {
					rt.Fatalf("%+v over %+v: %v", w, was, err)
				}
			case was.Version != w.Was:
				if !errors.Is(err, cabinet.Conflict{Version: was.Version}) {
					rt.Fatalf("%+v over %+v: %v", w, was, err)
				}
			default:
				change++
				want := cabinet.Box{Place: w.Place, Version: w.Was + 1, Change: change, Modified: clock().Truncate(time.Second), Gone: w.Blob == nil}
				if w.Blob != nil {
					want.Blob = *w.Blob
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					rt.Fatalf("%+v: %+v, %v, want %+v", w, got, err, want)
				}
				model[w.Place] = want
			}
		}
		l, err := e.List(t.Context(), alice, 0)
		if err != nil {
			rt.Fatalf("%v", err)
		}
		there := 0
		for _, b := range model {
			if !b.Gone {
				there++
			}
		}
		if there != len(l.Boxes) {
			rt.Fatalf("%d boxes listed, %d are there", len(l.Boxes), there)
		}
		e.check(rt, alice, bob)
		if e.Close != nil {
			e.Close()
		}
	})
}
