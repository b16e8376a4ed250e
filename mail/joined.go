package mail

import (
	"errors"
	"io"
)

// Joined is several texts read as one: what is put in front of a mail, its header,
// and its body where it lies.
type Joined []Bytes

// Size is the sum of all.
func (j Joined) Size() int64 {
	var n int64
	for _, p := range j {
		n += p.Size()
	}
	return n
}

// ReadAt reads across the joints.
func (j Joined) ReadAt(b []byte, off int64) (n int, err error) {
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
