package mail

import (
	"errors"
	"io"
)

// windowSize is how much of a mail the walk holds at once; longestLine is how
// much of a line it sees at least, enough for any boundary.
const (
	windowSize  = 64 << 10
	longestLine = 512
	maxBoundary = 256 // RFC 2046 allows 70; longer ones are no boundaries here
)

// window is the piece of a mail that was read last.
type window struct {
	m    Bytes
	buf  []byte
	base int64 // offset of buf in the mail
	err  error
}

// newWindow takes of room, of windowSize bytes, what m can fill.
func newWindow(m Bytes, room []byte) *window {
	return &window{m: m, buf: room[:0:min(windowSize, max(m.Size(), 0))]}
}

// at is what the window holds from pos on: at least need bytes (at most
// windowSize), or all that the mail has left.
func (w *window) at(pos int64, need int) []byte {
	if pos < w.base || pos+int64(need) > w.base+int64(len(w.buf)) && !w.holdsEnd() {
		w.load(pos)
	}
	if pos < w.base || pos > w.base+int64(len(w.buf)) {
		return nil
	}
	return w.buf[pos-w.base:]
}

func (w *window) holdsEnd() bool { return w.base+int64(len(w.buf)) >= w.m.Size() }

func (w *window) load(pos int64) {
	want := int(min(int64(cap(w.buf)), max(0, w.m.Size()-pos)))
	n, err := w.m.ReadAt(w.buf[:want], pos)
	w.base, w.buf = pos, w.buf[:n]
	if n == want {
		return
	}
	if w.err = err; err == nil || errors.Is(err, io.EOF) {
		w.err = io.ErrUnexpectedEOF // shorter than its Size
	}
}
