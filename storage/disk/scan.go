package disk

import (
	"bytes"
	"errors"
	"io"

	"sealpost/filestore"
)

// found is what a walk over the frames of a segment finds.
type found struct {
	index memory
	end   int64 // of the last whole frame
	holes int64 // bytes before end that are part of no frame
}

// scan reads a segment that has no index, up to size. A crash leaves at its
// end frames that were not synced, some of them torn: what follows the last
// whole frame is theirs and does not count. A bad frame before that was
// damaged later, or was torn beside others of its group: it stays known when
// its header can be read, so that opening it says what happened, and the scan
// goes on behind it.
func scan(f io.ReaderAt, size int64, n uint32) (found, error) {
	s := scanner{f: f, size: size, number: n, buf: make([]byte, min(size, chunkSize)+headerSize)}
	res := found{index: memory{}}
	var doubtful []entry // bad frames since the last whole one
	for off := int64(0); off < size; {
		e, state, err := s.frame(off)
		if err != nil {
			return found{}, err
		}
		switch state {
		case bad:
			doubtful = append(doubtful, e)
		case none:
			next, err := s.next(off + 1)
			if err != nil {
				return found{}, err
			}
			off = next
			continue
		case whole:
			for _, d := range doubtful {
				res.index[d.tail] = d.place
			}
			doubtful = doubtful[:0]
			res.index[e.tail] = e.place
			res.end = e.end()
		}
		off = e.end()
	}
	res.holes = res.end
	for _, p := range res.index {
		res.holes -= p.frame()
	}
	return res, nil
}

type scanner struct {
	f      io.ReaderAt
	size   int64
	number uint32
	buf    []byte // for a header, or a chunk and its checksum
}

type frameState int

const (
	none frameState = iota // no header of this segment here
	bad                    // a header, but the content is not what was written
	whole
)

// frame looks at what begins at off.
func (s *scanner) frame(off int64) (entry, frameState, error) {
	b := s.buf[:headerSize]
	if s.size-off < headerSize {
		return entry{}, none, nil
	}
	if _, err := s.f.ReadAt(b, off); err != nil {
		return entry{}, none, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return entry{}, none, nil
	}
	n, t := split(h.id)
	if n != s.number || h.length > maxSegment || frameSize(h.length) > s.size-off {
		return entry{}, none, nil
	}
	e := entry{t, place{uint32(off), uint32(h.length), uint32(h.stored.Unix())}}
	switch err := checkChunks(s.f, off+headerSize, h, s.buf); {
	case err == nil:
		return e, whole, nil
	case errors.Is(err, filestore.ErrCorrupt):
		return e, bad, nil
	default:
		return entry{}, none, err
	}
}

// next finds the first whole frame that begins at off or later, or returns size.
// Content may hold bytes that look like a header; only a frame that is whole
// is taken for one here.
func (s *scanner) next(off int64) (int64, error) {
	b := make([]byte, min(s.size, chunkSize))
	for s.size-off >= headerSize {
		n, err := s.f.ReadAt(b[:min(chunkSize, s.size-off)], off)
		if err != nil {
			return 0, err
		}
		for at := 0; ; at++ {
			hit := bytes.Index(b[at:n], magic[:])
			if hit < 0 {
				break
			}
			at += hit
			if _, state, err := s.frame(off + int64(at)); err != nil || state == whole {
				return off + int64(at), err
			}
		}
		off += int64(n - len(magic) + 1)
	}
	return s.size, nil
}
