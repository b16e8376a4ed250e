package mail

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// scratch is the memory one look works in. Mails come one after another and
// most are small, so it is used again; what a mail left in it is zeroed first.
type scratch struct {
	window [windowSize]byte
	head   [4096]byte // the top header section, if it fits
	text   [4096]byte // decoded text
	guess  [1024]byte // the start of a text that names no charset
	fields []Field
	set    *termSet
}

var scratches = sync.Pool{New: func() any { return &scratch{set: newTermSet(0)} }}

// largestFields is how many fields a used scratch has room for at most.
const largestFields = 256

// wipe zeroes s after a look at a mail of size bytes.
func (s *scratch) wipe(size int64) {
	clear(s.window[:min(windowSize, max(size, 0))])
	clear(s.head[:])
	clear(s.text[:])
	clear(s.guess[:])
	clear(s.fields[:cap(s.fields)])
	if cap(s.fields) > largestFields {
		s.fields = nil
	}
	s.set.forget()
}

// header is ReadHeader at the start of m; only what it returns is new memory.
func (s *scratch) header(m Bytes, max int64) (Header, error) {
	buf, all, err := readSection(m, 0, max, s.head[:])
	if err != nil {
		return Header{}, fmt.Errorf("read header section: %w", err)
	}
	if end, found := findBlank(buf, 0); found {
		buf = buf[:end+bytes.IndexByte(buf[end:], '\n')+1]
	}
	h := parseSection(bytes.Clone(buf), 0, all, s.fields, nil)
	s.fields, h.Fields = h.Fields, slices.Clone(h.Fields)
	return h, nil
}
