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

// termSet holds distinct words in one arena, since a map of strings costs more
// than the rest of a look. It hashes with a seed of its own, so no sender can
// choose words that collide.
type termSet struct {
	max   int
	seed  maphash.Seed
	arena []byte
	ends  []uint32 // end of each word in arena
	slots []uint32 // index into ends plus one; a power of two of them
	full  bool     // a word was not taken
}

func newTermSet(max int) *termSet {
	return &termSet{
		max: max, seed: maphash.MakeSeed(),
		arena: make([]byte, 0, 4096), ends: make([]uint32, 0, 512), slots: make([]uint32, 1024),
	}
}

func (s *termSet) at(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.arena[start:s.ends[i]]
}

// add takes a copy of word, unless it is there already.
func (s *termSet) add(word []byte) {
	slot := s.find(word)
	if s.slots[slot] != 0 {
		return
	}
	if len(s.ends) >= s.max || len(s.arena)+len(word) > maxTermBytes {
		s.full = true
		return
	}
	s.arena = append(s.arena, word...)
	s.ends = append(s.ends, uint32(len(s.arena)))
	s.slots[slot] = uint32(len(s.ends))
	if 2*len(s.ends) > len(s.slots) {
		s.grow()
	}
}

// find is the slot of word, or the empty one where it belongs.
func (s *termSet) find(word []byte) uint64 {
	mask := uint64(len(s.slots) - 1)
	for slot := maphash.Bytes(s.seed, word) & mask; ; slot = (slot + 1) & mask {
		if n := s.slots[slot]; n == 0 || bytes.Equal(s.at(n-1), word) {
			return slot
		}
	}
}

func (s *termSet) grow() {
	s.slots = make([]uint32, 2*len(s.slots))
	for i := range s.ends {
		s.slots[s.find(s.at(uint32(i)))] = uint32(i) + 1
	}
}

// sorted lists the words; they share one string.
func (s *termSet) sorted() []string {
	// The first eight bytes of a word as a number decide nearly every comparison.
	type key struct {
		prefix     uint64
		start, end uint32
	}
	keys := make([]key, len(s.ends))
	start := uint32(0)
	for i, end := range s.ends {
		var first [8]byte
		copy(first[:], s.arena[start:end])
		keys[i] = key{binary.BigEndian.Uint64(first[:]), start, end}
		start = end
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(s.arena[a.start:a.end], s.arena[b.start:b.end])
	})
	all := string(s.arena)
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = all[k.start:k.end]
	}
	return words
}
