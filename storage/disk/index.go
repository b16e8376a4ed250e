package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// place says where in its segment a blob's frame begins, how long the content
// is and when it was stored, in Unix seconds.
type place struct{ off, length, stored uint32 }

func (p place) frame() int64 { return frameSize(int64(p.length)) }
func (p place) end() int64   { return int64(p.off) + p.frame() }

type entry struct {
	tail
	place
}

// An index knows the blobs of one segment. f is the segment's file.
type index interface {
	find(f io.ReaderAt, t tail) (place, bool, error)
	// remove forgets a blob and returns where it was, if it was known.
	remove(f io.ReaderAt, t tail) (place, bool, error)
	// entries lists the blobs there are, in no order.
	entries(f io.ReaderAt) ([]entry, error)
}

// memory is the index of a segment that has none in its file yet.
type memory map[tail]place

func (m memory) find(_ io.ReaderAt, t tail) (place, bool, error) {
	p, ok := m[t]
	return p, ok, nil
}

func (m memory) remove(_ io.ReaderAt, t tail) (place, bool, error) {
	p, ok := m[t]
	delete(m, t)
	return p, ok, nil
}

func (m memory) entries(io.ReaderAt) ([]entry, error) {
	list := make([]entry, 0, len(m))
	for t, p := range m {
		list = append(list, entry{t, p})
	}
	return list, nil
}

// footer is the index of a closed segment. It stays in the file, behind the
// frames: entries sorted by id, then 32 bytes that say so.
//
//	entry:   12 id without the segment, 4 offset, 4 content length, 4 Unix seconds
//	trailer: "SPix", version 1 in 4 bytes, 4 segment, 4 entries, 8 where they
//	         begin, 4 CRC-32C of them, 4 CRC-32C of the 28 bytes before
//
// Only a bit per blob is held in memory: whether it was deleted since.
type footer struct {
	count int
	start int64 // of the entries; the frames end here
	dead  []byte
}

const (
	entrySize   = 24
	trailerSize = 32
)

var footerMagic = [8]byte{'S', 'P', 'i', 'x', 0, 0, 0, 1}

var errNoFooter = errors.New("segment has no index")

func newFooter(count int, start int64) *footer {
	return &footer{count: count, start: start, dead: make([]byte, (count+7)/8)}
}

// encodeFooter sorts list and returns it as it stands in segment n from start on.
func encodeFooter(list []entry, n uint32, start int64) []byte {
	slices.SortFunc(list, func(a, b entry) int { return bytes.Compare(a.tail[:], b.tail[:]) })
	b := make([]byte, 0, len(list)*entrySize+trailerSize)
	for _, e := range list {
		b = append(b, e.tail[:]...)
		b = binary.BigEndian.AppendUint32(b, e.off)
		b = binary.BigEndian.AppendUint32(b, e.length)
		b = binary.BigEndian.AppendUint32(b, e.stored)
	}
	sum := crc32.Checksum(b, castagnoli)
	from := len(b)
	b = append(b, footerMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, n)
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	b = binary.BigEndian.AppendUint64(b, uint64(start))
	b = binary.BigEndian.AppendUint32(b, sum)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// readFooter finds and checks the index of segment n, or fails with errNoFooter.
func readFooter(f io.ReaderAt, size int64, n uint32) (*footer, error) {
	if size < trailerSize {
		return nil, errNoFooter
	}
	t := make([]byte, trailerSize)
	if _, err := f.ReadAt(t, size-trailerSize); err != nil {
		return nil, fmt.Errorf("read trailer: %w", err)
	}
	count := int64(binary.BigEndian.Uint32(t[12:]))
	start := size - trailerSize - count*entrySize
	if crc32.Checksum(t[:28], castagnoli) != binary.BigEndian.Uint32(t[28:]) || [8]byte(t) != footerMagic ||
		binary.BigEndian.Uint32(t[8:]) != n || start < 0 || binary.BigEndian.Uint64(t[16:]) != uint64(start) {
		return nil, errNoFooter
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, start, count*entrySize)); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	if sum.Sum32() != binary.BigEndian.Uint32(t[24:]) {
		return nil, errNoFooter
	}
	return newFooter(int(count), start), nil
}

func (x *footer) find(f io.ReaderAt, t tail) (place, bool, error) {
	p, i, err := x.search(f, t)
	if err != nil || i < 0 || x.isDead(i) {
		return place{}, false, err
	}
	return p, true, nil
}

func (x *footer) remove(f io.ReaderAt, t tail) (place, bool, error) {
	p, i, err := x.search(f, t)
	if err != nil || i < 0 || x.isDead(i) {
		return place{}, false, err
	}
	x.kill(i)
	return p, true, nil
}

func (x *footer) kill(i int) { x.dead[i/8] |= 1 << (i % 8) }

func (x *footer) isDead(i int) bool { return x.dead[i/8]&(1<<(i%8)) != 0 }

func (x *footer) entries(f io.ReaderAt) ([]entry, error) {
	list := make([]entry, 0, x.count)
	for i := 0; i < x.count; i += window {
		b, err := x.read(f, i, min(i+window, x.count))
		if err != nil {
			return nil, err
		}
		for j := range len(b) / entrySize {
			if !x.isDead(i + j) {
				list = append(list, decodeEntry(b[j*entrySize:]))
			}
		}
	}
	return list, nil
}

// window is how many entries are read at once.
const window = 256

// search returns where t is, and its number or -1. Ids are random, so the first
// window is read where t should be; it is wrong seldom, and never for long.
func (x *footer) search(f io.ReaderAt, t tail) (place, int, error) {
	lo, hi := 0, x.count
	guess := int(uint64(binary.BigEndian.Uint32(t[:])) * uint64(x.count) >> 32)
	for lo < hi {
		from := max(lo, min(guess-window/2, hi-window))
		b, err := x.read(f, from, min(from+window, hi))
		if err != nil {
			return place{}, -1, err
		}
		n := len(b) / entrySize
		switch {
		case bytes.Compare(t[:], b[:len(t)]) < 0:
			hi = from
		case bytes.Compare(t[:], b[(n-1)*entrySize:][:len(t)]) > 0:
			lo = from + n
		default:
			return within(b, from, t)
		}
		guess = (lo + hi) / 2
	}
	return place{}, -1, nil
}

// within searches t among the entries in b, the first of which has number from.
func within(b []byte, from int, t tail) (place, int, error) {
	lo, hi := 0, len(b)/entrySize
	for lo < hi {
		mid := (lo + hi) / 2
		switch e := decodeEntry(b[mid*entrySize:]); bytes.Compare(t[:], e.tail[:]) {
		case 0:
			return e.place, from + mid, nil
		case -1:
			hi = mid
		default:
			lo = mid + 1
		}
	}
	return place{}, -1, nil
}

func (x *footer) read(f io.ReaderAt, from, to int) ([]byte, error) {
	b := make([]byte, (to-from)*entrySize)
	if _, err := f.ReadAt(b, x.start+int64(from)*entrySize); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return b, nil
}

func decodeEntry(b []byte) entry {
	return entry{tail(b), place{
		off:    binary.BigEndian.Uint32(b[12:]),
		length: binary.BigEndian.Uint32(b[16:]),
		stored: binary.BigEndian.Uint32(b[20:]),
	}}
}
