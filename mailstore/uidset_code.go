package mailstore

import (
	"encoding/binary"
	"errors"
	"iter"
)

// A page of a set as bytes is one of these and what follows it.
const (
	codeRuns = iota // for each run, as varints: the gap before it and its length less one
	codeBits        // 512 bytes: the lowest UID is the lowest bit of the first
)

const pageBytes = pageUIDs / 8

var errPage = errors.New("not a page of a UID set")

// PageUIDs is how many UIDs a page covers: page 0 those up to PageUIDs-1.
const PageUIDs = pageUIDs

// Pages are the numbers of the pages that are not empty, ascending.
func (s UIDSet) Pages() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := range s.blocks {
			if !yield(s.blocks[i].page) {
				return
			}
		}
	}
}

// AppendPage writes one page as UIDSetBuilder.AddPage reads it, in at most 513
// bytes; of an empty one it writes nothing.
func (s UIDSet) AppendPage(b []byte, page uint32) []byte {
	i, found := s.block(page)
	if !found {
		return b
	}
	block, start := &s.blocks[i], len(b)
	b = append(b, codeRuns)
	end := uint32(0)
	for lo, hi := range block.runs() {
		b = binary.AppendUvarint(b, uint64(lo-end))
		b = binary.AppendUvarint(b, uint64(hi-lo))
		end = hi + 1
		if len(b)-start > pageBytes {
			return block.bits.append(append(b[:start], codeBits))
		}
	}
	return b
}

func (p *pageBits) append(b []byte) []byte {
	for _, w := range p {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// decode sets the bits that an encoded page names.
func (p *pageBits) decode(b []byte) error {
	if len(b) < 2 {
		return errPage
	}
	switch code, b := b[0], b[1:]; {
	case code == codeRuns:
		return p.decodeRuns(b)
	case code == codeBits && len(b) == pageBytes:
		for i := range p {
			p[i] |= binary.LittleEndian.Uint64(b[8*i:])
		}
		return nil
	}
	return errPage
}

func (p *pageBits) decodeRuns(b []byte) error {
	end := uint64(0)
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap >= pageUIDs {
			return errPage
		}
		more, m := binary.Uvarint(b[n:])
		if m <= 0 || end+gap+more >= pageUIDs || more >= pageUIDs {
			return errPage
		}
		p.fill(uint32(end+gap), uint32(end+gap+more))
		end += gap + more + 1
		b = b[n+m:]
	}
	return nil
}
