package mail

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// maxTermBytes is how many bytes of distinct words are kept, next to Limits.Terms.
const maxTermBytes = 1 << 20

// Sizes of a term set: slots it starts with, and those it has at most when it
// is used again. A mail of 75 KB seldom needs more.
const (
	firstSlots   = 1 << 10
	largestSlots = 1 << 14
)

// termSet holds distinct words in one arena, since a map of strings costs more
// than the rest of a look. It hashes with a seed of its own, so no sender can
// choose words that collide.
type termSet struct {
	max   int
	seed  maphash.Seed
	arena []byte
	terms []term
	slots []uint32  // index into terms plus one; a power of two of them
	keys  []termKey // room to sort in
	full  bool      // a word was not taken
}

// term is a word in the arena, from the end of the one before it.
type term struct{ end, hash uint32 }

func newTermSet(max int) *termSet {
	return &termSet{
		max: max, seed: maphash.MakeSeed(),
		arena: make([]byte, 0, 4096), terms: make([]term, 0, firstSlots/2+1), slots: make([]uint32, firstSlots),
	}
}

// forget empties s for other words: nothing of these stays in memory.
func (s *termSet) forget() {
	if cap(s.slots) > largestSlots || cap(s.arena) > 4*largestSlots {
		*s = *newTermSet(0)
		return
	}
	clear(s.arena)
	clear(s.terms)
	clear(s.keys)
	s.slots = s.slots[:firstSlots]
	clear(s.slots)
	s.max, s.seed, s.full = 0, maphash.MakeSeed(), false
	s.arena, s.terms, s.keys = s.arena[:0], s.terms[:0], s.keys[:0]
}

func (s *termSet) at(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = s.terms[i-1].end
	}
	return s.arena[start:s.terms[i].end]
}

// add takes a copy of word, unless it is there already. No word is empty.
func (s *termSet) add(word []byte) {
	hash := uint32(maphash.Bytes(s.seed, word))
	slot := s.find(word, hash)
	if s.slots[slot] != 0 {
		return
	}
	if len(s.terms) >= s.max || len(s.arena)+len(word) > maxTermBytes {
		s.full = true
		return
	}
	s.arena = append(s.arena, word...)
	s.terms = append(s.terms, term{uint32(len(s.arena)), hash})
	s.slots[slot] = uint32(len(s.terms))
	if 2*len(s.terms) > len(s.slots) {
		s.grow()
	}
}

// find is the slot of word, or the empty one where it belongs.
func (s *termSet) find(word []byte, hash uint32) uint32 {
	mask := uint32(len(s.slots) - 1)
	for slot := hash & mask; ; slot = (slot + 1) & mask {
		n := s.slots[slot]
		if n == 0 || s.terms[n-1].hash == hash && bytes.Equal(s.at(n-1), word) {
			return slot
		}
	}
}

// grow doubles the slots. The words are distinct, so each takes the next empty one.
func (s *termSet) grow() {
	size := 2 * len(s.slots)
	if size > cap(s.slots) {
		s.slots = make([]uint32, size)
	} else {
		s.slots = s.slots[:size]
		clear(s.slots)
	}
	mask := uint32(size - 1)
	for i, t := range s.terms {
		slot := t.hash & mask
		for s.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		s.slots[slot] = uint32(i) + 1
	}
}

// termKey is a word to sort: its first eight bytes as a number decide nearly
// every comparison.
type termKey struct {
	prefix     uint64
	start, end uint32
}

// sorted lists the words; they share one string.
func (s *termSet) sorted() []string {
	s.keys = slices.Grow(s.keys[:0], len(s.terms))[:len(s.terms)]
	s.bucket()
	for keys := s.keys; len(keys) > 0; {
		n := 1
		for n < len(keys) && keys[n].prefix>>56 == keys[0].prefix>>56 {
			n++
		}
		slices.SortFunc(keys[:n], s.compare)
		keys = keys[n:]
	}
	all := string(s.arena)
	words := make([]string, len(s.keys))
	for i, k := range s.keys {
		words[i] = all[k.start:k.end]
	}
	return words
}

// bucket puts the keys in the order of their first bytes.
func (s *termSet) bucket() {
	var next [256]int
	start := uint32(0)
	for _, t := range s.terms {
		next[s.arena[start]]++
		start = t.end
	}
	sum := 0
	for c, n := range next {
		next[c] = sum
		sum += n
	}
	start = 0
	for _, t := range s.terms {
		k := termKey{s.prefix(start, t.end), start, t.end}
		c := k.prefix >> 56
		s.keys[next[c]] = k
		next[c]++
		start = t.end
	}
}

// prefix is what a termKey begins with.
func (s *termSet) prefix(start, end uint32) uint64 {
	if int(start)+8 <= len(s.arena) {
		n := binary.BigEndian.Uint64(s.arena[start:])
		if spare := int(start) + 8 - int(end); spare > 0 {
			n &^= 1<<(8*spare) - 1
		}
		return n
	}
	var first [8]byte
	copy(first[:], s.arena[start:end])
	return binary.BigEndian.Uint64(first[:])
}

func (s *termSet) compare(a, b termKey) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	return bytes.Compare(s.arena[a.start:a.end], s.arena[b.start:b.end])
}
