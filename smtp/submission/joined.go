package submission

import (
	"bytes"
	"errors"
	"io"

	"sealpost/mail"
)

// joined is several texts read as one: what is put in front of a mail, its
// header, and its body where it lies.
type joined []mail.Bytes

// join makes one text of pieces of memory and others, in their order.
func join(parts ...any) joined {
	var j joined
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			j = append(j, bytes.NewReader(p))
		case string:
			j = append(j, bytes.NewReader([]byte(p)))
		case joined:
			j = append(j, p...)
		case mail.Bytes:
			j = append(j, p)
		}
	}
	return j
}

// Size is the sum of all.
func (j joined) Size() int64 {
	var n int64
	for _, p := range j {
		n += p.Size()
	}
	return n
}

// ReadAt reads across the joints.
func (j joined) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("read mail: negative offset")
	}
	for _, p := range j {
		if off >= p.Size() {
			off -= p.Size()
			continue
		}
		want := b[n:min(int64(len(b)), int64(n)+p.Size()-off)]
		m, err := p.ReadAt(want, off)
		n += m
		switch {
		case m < len(want) && err == nil:
			return n, io.ErrNoProgress
		case m < len(want):
			return n, err
		case n == len(b):
			return n, nil
		}
		off = 0
	}
	return n, io.EOF
}

// reader reads all of m from its start.
func reader(m mail.Bytes) *io.SectionReader { return io.NewSectionReader(m, 0, m.Size()) }
