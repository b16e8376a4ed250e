package mailstore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawUIDs draws UIDs with runs, holes, page borders and both ends of the numbers.
func drawUIDs(t *rapid.T, label string) []UID {
	var uids []UID
	for range rapid.IntRange(0, 8).Draw(t, label) {
		start := rapid.OneOf(
			rapid.Uint32Range(1, 60), rapid.Uint32Range(4090, 4100), rapid.Uint32Range(1, 20_000),
			rapid.Uint32Range(math.MaxUint32-5000, math.MaxUint32), rapid.Uint32Range(1, math.MaxUint32),
		).Draw(t, "start")
		length := rapid.SampledFrom([]uint32{1, 1, 2, 70, 5000}).Draw(t, "length")
		step := rapid.SampledFrom([]uint32{1, 1, 2, 3, 64}).Draw(t, "step")
		for u := uint64(start); u < uint64(start)+uint64(length) && u <= math.MaxUint32; u += uint64(step) {
			uids = append(uids, UID(u))
		}
	}
	return uids
}

func sorted(uids []UID) []UID { return slices.Compact(slices.Sorted(slices.Values(uids))) }

func wantSet(t interface{ Fatalf(string, ...any) }, what string, s UIDSet, want []UID) {
	if got := s.List(); !slices.Equal(got, want) || s.Len() != len(want) {
		t.Fatalf("%s: %d of them, Len %d, want %d\n%v\n%v", what, len(got), s.Len(), len(want), s, UIDsOf(want...))
	}
	if !s.Equal(UIDsOf(want...)) {
		t.Fatalf("%s: the same UIDs made in two ways are not equal", what)
	}
}

// A set answers like a sorted list.
func TestUIDSetIsAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawUIDs(t, "uids")
		list := sorted(drawn)
		s := UIDsOf(drawn...)
		wantSet(t, "made", s, list)
		for _, u := range append(drawUIDs(t, "asked"), list...) {
			at, there := slices.BinarySearch(list, u)
			if got, ok := s.Find(u); got != at || ok != there || s.Has(u) != there {
				t.Fatalf("Find %d: %d, %v; want %d, %v", u, got, ok, at, there)
			}
		}
		if len(list) == 0 {
			if s.First() != 0 || s.Last() != 0 || s.String() != "" || !reflect.DeepEqual(s, UIDSet{}) {
				t.Fatalf("an empty set is %v", s)
			}
			return
		}
		if s.First() != list[0] || s.Last() != list[len(list)-1] {
			t.Fatalf("from %d to %d, want %d to %d", s.First(), s.Last(), list[0], list[len(list)-1])
		}
		for range 20 {
			at := rapid.IntRange(0, len(list)-1).Draw(t, "place")
			if got := s.At(at); got != list[at] {
				t.Fatalf("At %d: %d, want %d", at, got, list[at])
			}
		}
		lo := rapid.IntRange(0, len(list)).Draw(t, "lo")
		hi := rapid.IntRange(lo, len(list)).Draw(t, "hi")
		wantSet(t, "slice", s.Slice(lo, hi), list[lo:hi])
		first, last := UID(rapid.Uint32().Draw(t, "first")), rapid.SampledFrom(list).Draw(t, "last")
		wantSet(t, "between", s.Between(first, last), slices.DeleteFunc(slices.Clone(list), func(u UID) bool { return u < first || u > last }))
	})
}

// Sets join like lists, and what they were made of stays as it was.
func TestUIDSetsJoin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := sorted(drawUIDs(t, "a")), sorted(drawUIDs(t, "b"))
		if rapid.Bool().Draw(t, "related") {
			b = append(b, a[:len(a)/2]...)
			b = sorted(b)
		}
		s, u := UIDsOf(a...), UIDsOf(b...)
		in := func(list []UID, want bool) func(UID) bool {
			return func(u UID) bool { _, ok := slices.BinarySearch(list, u); return ok != want }
		}
		wantSet(t, "union", s.Union(u), sorted(slices.Concat(a, b)))
		wantSet(t, "union, added", s.With(b...), sorted(slices.Concat(a, b)))
		wantSet(t, "minus", s.Minus(u), slices.DeleteFunc(slices.Clone(a), in(b, false)))
		wantSet(t, "minus, taken", s.Without(b...), slices.DeleteFunc(slices.Clone(a), in(b, false)))
		wantSet(t, "common", s.Common(u), slices.DeleteFunc(slices.Clone(a), in(b, true)))
		wantSet(t, "a afterwards", s, a)
		wantSet(t, "b afterwards", u, b)
	})
}

// Runs cover a set, are as long as they can be, and are what IMAP shows.
func TestUIDSetRuns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := sorted(drawUIDs(t, "uids"))
		var again UIDSetBuilder
		end := UID(0)
		for first, last := range UIDsOf(list...).Runs() {
			if first > last || end != 0 && first <= end+1 {
				t.Fatalf("%d:%d after %d", first, last, end)
			}
			end = last
			again.AddRun(first, last)
		}
		wantSet(t, "of runs", again.Set(), list)
	})
	s := UIDsOf(1, 2, 3, 9, 4095, 4096, 4097, 0, math.MaxUint32-1, math.MaxUint32)
	if got := s.String(); got != "1:3,9,4095:4097,4294967294:4294967295" {
		t.Errorf("got %s", got)
	}
	for u := range UIDSpan(math.MaxUint32-3, math.MaxUint32).All() {
		if u == math.MaxUint32-1 {
			break // the reader may stop
		}
	}
}

// A set is what its pages say, each at most 513 bytes.
func TestUIDSetPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := sorted(drawUIDs(t, "uids"))
		s := UIDsOf(list...)
		pages := slices.Collect(s.Pages())
		if rapid.Bool().Draw(t, "backwards") {
			slices.Reverse(pages)
		}
		var b UIDSetBuilder
		for _, p := range pages {
			code := s.AppendPage(nil, p)
			if len(code) < 2 || len(code) > 1+pageBytes {
				t.Fatalf("page %d has %d bytes", p, len(code))
			}
			if err := b.AddPage(p, code); err != nil {
				t.Fatalf("page %d: %v", p, err)
			}
		}
		wantSet(t, "of pages", b.Set(), list)
		if code := s.AppendPage(nil, 1<<19); !s.Has(1<<31) && len(s.Between(1<<31, 1<<31+pageUIDs-1).blocks) == 0 && code != nil {
			t.Fatalf("an empty page has bytes")
		}
	})
	var b UIDSetBuilder
	if err := b.AddPage(1<<20, []byte{codeRuns, 1, 1}); err == nil {
		t.Error("a page beyond the highest UID was taken")
	}
}

// The memory a mailbox of a million takes, which each session holds.
func TestUIDSetIsSmall(t *testing.T) {
	t.Parallel()
	var gone UIDSetBuilder
	for u := UID(1); u <= 1_100_000; u += 11 {
		gone.Add(u)
	}
	holes := UIDSpan(1, 1_100_000).Minus(gone.Set())
	for name, c := range map[string]struct {
		set UIDSet
		max int
	}{"dense": {UIDSpan(1, 1_000_000), 8 << 10}, "holes": {holes, 192 << 10}} {
		size := len(c.set.blocks) * int(reflect.TypeFor[uidBlock]().Size())
		for _, b := range c.set.blocks {
			if b.bits != nil {
				size += pageBytes
			}
		}
		if c.set.Len() != 1_000_000 || size > c.max {
			t.Errorf("%s: %d UIDs in %d bytes, want at most %d", name, c.set.Len(), size, c.max)
		}
	}
}

func FuzzUIDSetPage(f *testing.F) {
	for _, s := range []UIDSet{UIDSpan(1, pageUIDs), UIDsOf(1, 3, 4, 4000), UIDSpan(1, 4000).Minus(UIDsOf(5, 7))} {
		f.Add(s.AppendPage(nil, 0))
	}
	var odd UIDSetBuilder
	for u := UID(4097); u < 8192; u += 2 {
		odd.Add(u)
	}
	f.Add(odd.Set().AppendPage(nil, 1))
	f.Fuzz(func(t *testing.T, code []byte) {
		var b UIDSetBuilder
		if b.AddPage(1, code) != nil {
			return
		}
		s := b.Set()
		again := s.AppendPage(nil, 1)
		if err := b.AddPage(1, again); s.Len() > 0 && err != nil {
			t.Fatal(err)
		}
		if got := b.Set(); !got.Equal(s) || len(again) > 1+pageBytes {
			t.Fatalf("%v became %v", s, got)
		}
	})
}

// spread is n UIDs: all, or with a tenth of them gone here and there.
func spread(n int, holes bool) UIDSet {
	var b UIDSetBuilder
	for u := UID(1); n > 0; u++ {
		if !holes || rand.IntN(10) > 0 {
			b.Add(u)
			n--
		}
	}
	return b.Set()
}

func BenchmarkUIDSet(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		for _, holes := range []bool{false, true} {
			b.Run(fmt.Sprintf("n=%d/holes=%v", n, holes), func(b *testing.B) { benchUIDSet(b, spread(n, holes)) })
		}
	}
}

func benchUIDSet(b *testing.B, s UIDSet) {
	n := s.Len()
	b.Run("At", func(b *testing.B) {
		for i := 0; b.Loop(); i += 7919 {
			runtime.KeepAlive(s.At(i % n))
		}
	})
	b.Run("Find", func(b *testing.B) {
		for i := 0; b.Loop(); i += 7919 {
			at, _ := s.Find(UID(i%n + 1))
			runtime.KeepAlive(at)
		}
	})
	b.Run("All", func(b *testing.B) {
		for b.Loop() {
			for u := range s.All() {
				runtime.KeepAlive(u)
			}
		}
	})
	b.Run("With", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			runtime.KeepAlive(s.With(s.Last() + 1))
		}
	})
	b.Run("Minus", func(b *testing.B) {
		other := s.Slice(n/3, n/2)
		for b.Loop() {
			runtime.KeepAlive(s.Minus(other))
		}
	})
}
