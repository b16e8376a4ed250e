package mailstore

import (
	"iter"
	"math/bits"
)

// pageUIDs is how many UIDs one page of a set covers. Engines keep a set as its
// pages, so the number is part of what they store.
const (
	pageShift = 12
	pageUIDs  = 1 << pageShift
)

func pageOf(u UID) uint32 { return uint32(u) >> pageShift }
func inPage(u UID) uint32 { return uint32(u) & (pageUIDs - 1) }

// pageBits has a bit for each UID of a page. One that a block points at is never
// changed.
type pageBits [pageUIDs / 64]uint64

// uidBlock are those of a set within one page: a run, or with bits any.
type uidBlock struct {
	page   uint32
	before uint32 // how many of the set are on pages before
	first  uint16
	n      uint16 // how many there are
	bits   *pageBits
}

// uid is the UID at a place within the page.
func (b *uidBlock) uid(at uint32) UID { return UID(b.page<<pageShift | at) }

// blockOf makes a block of bits, which it copies if it must keep them.
func blockOf(page uint32, p *pageBits) uidBlock {
	n := 0
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	b := uidBlock{page: page, n: uint16(n)}
	if n == 0 {
		return b
	}
	first := p.next(0)
	b.first = uint16(first)
	if p.nextClear(first) != first+uint32(n) {
		kept := *p
		b.bits = &kept
	}
	return b
}

// next is the first bit that is set from a place on, or pageUIDs.
func (p *pageBits) next(from uint32) uint32 { return p.seek(from, 0) }

// nextClear is the first that is not.
func (p *pageBits) nextClear(from uint32) uint32 { return p.seek(from, ^uint64(0)) }

func (p *pageBits) seek(from uint32, flip uint64) uint32 {
	if from >= pageUIDs {
		return pageUIDs
	}
	w := (p[from/64] ^ flip) >> (from % 64) << (from % 64)
	for i := from / 64; ; w = p[i] ^ flip {
		if w != 0 {
			return i*64 + uint32(bits.TrailingZeros64(w))
		}
		if i++; i == uint32(len(p)) {
			return pageUIDs
		}
	}
}

// fill sets the bits from lo to hi.
func (p *pageBits) fill(lo, hi uint32) {
	for i := lo / 64; i <= hi/64; i++ {
		w := ^uint64(0)
		if i == lo/64 {
			w &= ^uint64(0) << (lo % 64)
		}
		if i == hi/64 {
			w &= ^uint64(0) >> (63 - hi%64)
		}
		p[i] |= w
	}
}

// load gives the bits of a block, in scratch if it has none of its own.
func (b *uidBlock) load(scratch *pageBits) *pageBits {
	if b.bits != nil {
		return b.bits
	}
	*scratch = pageBits{}
	if b.n > 0 {
		scratch.fill(uint32(b.first), uint32(b.first)+uint32(b.n)-1)
	}
	return scratch
}

// rank is how many of a block are below a place, and whether one is there.
func (b *uidBlock) rank(at uint32) (int, bool) {
	if b.bits == nil {
		if at < uint32(b.first) {
			return 0, false
		}
		n := at - uint32(b.first)
		return int(min(n, uint32(b.n))), n < uint32(b.n)
	}
	n := 0
	for _, w := range b.bits[:at/64] {
		n += bits.OnesCount64(w)
	}
	w, bit := b.bits[at/64], uint64(1)<<(at%64)
	return n + bits.OnesCount64(w&(bit-1)), w&bit != 0
}

// at is the place of the nth.
func (b *uidBlock) at(n int) uint32 {
	if b.bits == nil {
		return uint32(b.first) + uint32(n)
	}
	for i, w := range b.bits {
		here := bits.OnesCount64(w)
		if n >= here {
			n -= here
			continue
		}
		for ; n > 0; n-- {
			w &= w - 1
		}
		return uint32(i*64 + bits.TrailingZeros64(w))
	}
	return pageUIDs // not reached: n is below b.n
}

func (b *uidBlock) runs() iter.Seq2[uint32, uint32] {
	return func(yield func(lo, hi uint32) bool) {
		if b.bits == nil {
			if b.n > 0 {
				yield(uint32(b.first), uint32(b.first)+uint32(b.n)-1)
			}
			return
		}
		for lo := b.bits.next(0); lo < pageUIDs; {
			end := b.bits.nextClear(lo)
			if !yield(lo, end-1) {
				return
			}
			lo = b.bits.next(end)
		}
	}
}

// cut are those of a block from one place to another.
func (b uidBlock) cut(from, to uint32) uidBlock {
	if from == 0 && to == pageUIDs-1 {
		return b
	}
	var mask, all pageBits
	mask.fill(from, to)
	own := b.load(&all)
	for i := range mask {
		mask[i] &= own[i]
	}
	return blockOf(b.page, &mask)
}

func (b uidBlock) equal(c uidBlock) bool {
	if b.page != c.page || b.n != c.n || b.first != c.first || (b.bits == nil) != (c.bits == nil) {
		return false
	}
	return b.bits == c.bits || *b.bits == *c.bits
}

func joinBlocks(a, b *uidBlock, how func(a, b uint64) uint64) uidBlock {
	var left, right pageBits
	x, y := a.load(&left), b.load(&right)
	var out pageBits
	for i := range out {
		out[i] = how(x[i], y[i])
	}
	return blockOf(a.page, &out)
}

// UIDSetBuilder makes a set out of what is added to it, fastest in ascending
// order. The zero value is ready.
type UIDSetBuilder struct {
	done UIDSet
	set  UIDSet   // ascending, below page
	page uint32   // the page that is being filled
	bits pageBits // of it
}

// Add adds one; 0 is passed over.
func (b *UIDSetBuilder) Add(u UID) {
	if u == 0 {
		return
	}
	if pageOf(u) != b.page {
		b.turn(pageOf(u))
	}
	b.bits[inPage(u)/64] |= 1 << (inPage(u) % 64)
}

// AddRun adds all from first to last.
func (b *UIDSetBuilder) AddRun(first, last UID) {
	first = max(first, 1)
	if first > last {
		return
	}
	for page := pageOf(first); ; page++ {
		lo, hi := uint32(0), uint32(pageUIDs-1)
		if page == pageOf(first) {
			lo = inPage(first)
		}
		if page == pageOf(last) {
			hi = inPage(last)
		}
		if page != b.page {
			b.turn(page)
		}
		b.bits.fill(lo, hi)
		if page == pageOf(last) {
			return
		}
	}
}

// AddPage adds a page that UIDSet.Page wrote.
func (b *UIDSetBuilder) AddPage(page uint32, encoded []byte) error {
	if page >= 1<<(32-pageShift) {
		return errPage
	}
	if page != b.page {
		b.turn(page)
	}
	err := b.bits.decode(encoded)
	if page == 0 {
		b.bits[0] &^= 1
	}
	return err
}

// turn ends a page and begins another.
func (b *UIDSetBuilder) turn(page uint32) {
	b.set.add(blockOf(b.page, &b.bits))
	b.bits = pageBits{}
	if page < b.page || len(b.set.blocks) > 0 && page <= b.set.blocks[len(b.set.blocks)-1].page {
		b.done, b.set = b.done.Union(b.set), UIDSet{}
	}
	b.page = page
}

// Set is what was added. The builder is empty afterwards.
func (b *UIDSetBuilder) Set() UIDSet {
	b.set.add(blockOf(b.page, &b.bits))
	s := b.set
	if len(b.done.blocks) > 0 {
		s = b.done.Union(s)
	}
	*b = UIDSetBuilder{}
	return s
}
