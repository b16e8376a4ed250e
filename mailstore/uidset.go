package mailstore

import (
	"iter"
	"slices"
	"strconv"
)

// UIDSet is a set of UIDs in little memory: a million neighbours take 6 KB, and a
// million with holes among them some 150 KB. A message number is a place in it (At,
// Find), so it is all that a selected mailbox has to hold of its messages.
//
// It is a value: no method changes one, what they return shares what it can with
// what they were given, and goroutines may read the same one. The zero value is
// empty. 0 is no UID and never in a set.
type UIDSet struct {
	blocks []uidBlock // by page, none of them empty
}

// UIDsOf is the set of some UIDs, in whatever order they come.
func UIDsOf(uids ...UID) UIDSet {
	var b UIDSetBuilder
	if !slices.IsSorted(uids) {
		uids = slices.Sorted(slices.Values(uids))
	}
	for _, u := range uids {
		b.Add(u)
	}
	return b.Set()
}

// UIDSpan is the set of all UIDs from first to last. It takes a little memory for
// every 4,096 of them: cut to a mailbox what a client sent (UIDSet.Between).
func UIDSpan(first, last UID) UIDSet {
	var b UIDSetBuilder
	b.AddRun(first, last)
	return b.Set()
}

// Len is how many there are.
func (s UIDSet) Len() int {
	if len(s.blocks) == 0 {
		return 0
	}
	last := &s.blocks[len(s.blocks)-1]
	return int(last.before) + int(last.n)
}

// Has says whether u is one of them.
func (s UIDSet) Has(u UID) bool {
	_, ok := s.Find(u)
	return ok
}

// Find is the place of u: how many are below it, and whether it is there.
func (s UIDSet) Find(u UID) (place int, ok bool) {
	i, found := s.block(pageOf(u))
	if !found {
		if i == len(s.blocks) {
			return s.Len(), false
		}
		return int(s.blocks[i].before), false
	}
	b := &s.blocks[i]
	n, ok := b.rank(inPage(u))
	return int(b.before) + n, ok
}

// At is the one at a place, which is from 0 to before Len.
func (s UIDSet) At(place int) UID {
	i, found := slices.BinarySearchFunc(s.blocks, place, func(b uidBlock, place int) int { return int(b.before) - place })
	if !found {
		i--
	}
	b := &s.blocks[i]
	return b.uid(b.at(place - int(b.before)))
}

// Last is the highest, or 0 for an empty set.
func (s UIDSet) Last() UID {
	if n := s.Len(); n > 0 {
		return s.At(n - 1)
	}
	return 0
}

// First is the lowest, or 0.
func (s UIDSet) First() UID {
	if s.Len() > 0 {
		return s.At(0)
	}
	return 0
}

// Slice are those at places from lo to before hi.
func (s UIDSet) Slice(lo, hi int) UIDSet {
	if lo >= hi {
		return UIDSet{}
	}
	return s.Between(s.At(lo), s.At(hi-1))
}

// Between are those from first to last.
func (s UIDSet) Between(first, last UID) UIDSet {
	if first > last || s.Len() == 0 {
		return UIDSet{}
	}
	first, last = max(first, s.First()), min(last, s.Last())
	if first > last {
		return UIDSet{}
	}
	lo, _ := s.block(pageOf(first))
	hi, found := s.block(pageOf(last))
	if found {
		hi++
	}
	var out UIDSet
	for _, b := range s.blocks[lo:hi] {
		from, to := uint32(0), uint32(pageUIDs-1)
		if b.page == pageOf(first) {
			from = inPage(first)
		}
		if b.page == pageOf(last) {
			to = inPage(last)
		}
		out.add(b.cut(from, to))
	}
	return out
}

// Union are those that are in s or in t.
func (s UIDSet) Union(t UIDSet) UIDSet { return join(s, t, unite) }

// Minus are those of s that are not in t.
func (s UIDSet) Minus(t UIDSet) UIDSet { return join(s, t, subtract) }

// Common are those that are in both.
func (s UIDSet) Common(t UIDSet) UIDSet { return join(s, t, intersect) }

// With and Without are s with some more and some less.
func (s UIDSet) With(uids ...UID) UIDSet    { return s.Union(UIDsOf(uids...)) }
func (s UIDSet) Without(uids ...UID) UIDSet { return s.Minus(UIDsOf(uids...)) }

// Equal says whether both hold the same.
func (s UIDSet) Equal(t UIDSet) bool { return slices.EqualFunc(s.blocks, t.blocks, uidBlock.equal) }

// Runs are the runs of neighbours, each with its first and last, ascending.
func (s UIDSet) Runs() iter.Seq2[UID, UID] {
	return func(yield func(first, last UID) bool) {
		var first, last UID
		for i := range s.blocks {
			b := &s.blocks[i]
			for lo, hi := range b.runs() {
				if last != 0 && b.uid(lo) == last+1 {
					last = b.uid(hi)
					continue
				}
				if last != 0 && !yield(first, last) {
					return
				}
				first, last = b.uid(lo), b.uid(hi)
			}
		}
		if last != 0 {
			yield(first, last)
		}
	}
}

// All are all of them, ascending.
func (s UIDSet) All() iter.Seq[UID] {
	return func(yield func(UID) bool) {
		for first, last := range s.Runs() {
			for u := first; ; u++ {
				if !yield(u) {
					return
				}
				if u == last { // which may be the highest number there is
					break
				}
			}
		}
	}
}

// List are all of them in four bytes each: for few.
func (s UIDSet) List() []UID {
	return slices.AppendSeq(make([]UID, 0, s.Len()), s.All())
}

// AppendText writes the set as IMAP has it (RFC 9051, section 9: sequence-set);
// of an empty one it writes nothing.
func (s UIDSet) AppendText(b []byte) ([]byte, error) {
	start := len(b)
	for first, last := range s.Runs() {
		if len(b) > start {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(first), 10)
		if last > first {
			b = strconv.AppendUint(append(b, ':'), uint64(last), 10)
		}
	}
	return b, nil
}

func (s UIDSet) String() string {
	b, _ := s.AppendText(nil)
	return string(b)
}

// block finds a page, or where it would stand.
func (s UIDSet) block(page uint32) (int, bool) {
	return slices.BinarySearchFunc(s.blocks, page, func(b uidBlock, page uint32) int { return int(b.page) - int(page) })
}

// add puts a block at the end of a set that is being made.
func (s *UIDSet) add(b uidBlock) {
	if b.n == 0 {
		return
	}
	b.before = uint32(s.Len())
	s.blocks = append(s.blocks, b)
}

// join walks through two sets side by side.
func join(s, t UIDSet, how func(a, b uint64) uint64) UIDSet {
	out := UIDSet{blocks: make([]uidBlock, 0, len(s.blocks)+len(t.blocks))}
	a, b := s.blocks, t.blocks
	for len(a)+len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].page < b[0].page:
			if how(1, 0) == 1 {
				out.add(a[0])
			}
			a = a[1:]
		case len(a) == 0 || b[0].page < a[0].page:
			if how(0, 1) == 1 {
				out.add(b[0])
			}
			b = b[1:]
		default:
			out.add(joinBlocks(&a[0], &b[0], how))
			a, b = a[1:], b[1:]
		}
	}
	if len(out.blocks) == 0 {
		return UIDSet{}
	}
	return out
}

func unite(a, b uint64) uint64     { return a | b }
func subtract(a, b uint64) uint64  { return a &^ b }
func intersect(a, b uint64) uint64 { return a & b }
