package disk

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"sealpost/filestore"
)

// Most blobs fit a small buffer. One that does not gets a big one, which holds
// the longest small blob; a few Puts at once may have those, the others wait.
const (
	smallBuffer = 64 << 10
	bigBuffer   = headerSize + (1<<20)/chunkSize*(chunkSize+sumSize)
	bigRenders  = 16
)

var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}
	bigBuffers   = sync.Pool{New: func() any { b := make([]byte, 0, bigBuffer); return &b }}
)

// renderer makes the frames of one Put.
type renderer struct {
	ctx    context.Context // of the one call that this lives for
	b      *Blobs
	frames []*frame
	token  bool // one of b.tokens is ours
}

// render makes a frame of what src writes.
func (r *renderer) render(src io.WriterTo) error {
	t, err := newTail()
	if err != nil {
		return err
	}
	w := &frameWriter{r: r, id: join(noSegment, t), buf: getBuffer()}
	if _, err := src.WriteTo(w); err != nil {
		w.abandon()
		return err
	}
	if err := w.finish(); err != nil {
		w.abandon()
		return err
	}
	f := &frame{id: w.id, length: w.length, buf: w.buf, large: w.file != nil}
	if f.large {
		putBuffer(f.buf)
		f.buf = nil
	}
	r.frames = append(r.frames, f)
	return nil
}

// release gives the buffers back. Whoever has the frames calls it: the caller
// of Put until it handed them to the appender, then the appender.
func (r *renderer) release() {
	for _, f := range r.frames {
		if f.buf != nil {
			putBuffer(f.buf)
			f.buf = nil
		}
	}
	if r.token {
		<-r.b.tokens
		r.token = false
	}
}

// bytes is how much the small frames take.
func (r *renderer) bytes() (n int) {
	for _, f := range r.frames {
		n += len(f.buf)
	}
	return n
}

func (r *renderer) removeLarge() {
	for _, f := range r.frames {
		if f.large {
			r.b.large.remove(f.id) // what stays is the sweeper's
		}
	}
}

// frameWriter lays out one blob's content as a frame, in memory or, once it
// has become too long for that, in a file.
type frameWriter struct {
	r      *renderer
	id     filestore.ID
	length int64
	buf    []byte // what is not in the file; at first with room for the header
	open   int    // bytes at the end of buf that are a chunk without its checksum
	number int64  // of that chunk
	file   *largeFile
}

func (w *frameWriter) Write(p []byte) (int, error) {
	if err := w.r.ctx.Err(); err != nil {
		return 0, err
	}
	if err := w.choose(len(p)); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		c := min(len(p)-n, chunkSize-w.open)
		if err := w.room(c + sumSize); err != nil {
			return n, err
		}
		w.buf = append(w.buf, p[n:n+c]...)
		w.open += c
		w.length += int64(c)
		n += c
		if w.open == chunkSize {
			w.closeChunk()
		}
	}
	return n, nil
}

// choose begins a file when n bytes more are too many for a segment.
func (w *frameWriter) choose(n int) (err error) {
	if w.file == nil && w.length+int64(n) > w.r.b.o.Small {
		w.file, err = w.r.b.large.create(w.id)
	}
	return err
}

// room makes room for n bytes in buf.
func (w *frameWriter) room(n int) error {
	switch need := len(w.buf) + n; {
	case w.file != nil && w.open == 0 && cap(w.buf) == bigBuffer && cap(w.buf)-len(w.buf) < chunkSize+sumSize:
		return w.flush()
	case need <= cap(w.buf):
		return nil
	case need <= smallBuffer:
		w.buf = slices.Grow(w.buf, n)
		return nil
	}
	return w.enlarge()
}

// enlarge moves what is in buf to a big buffer.
func (w *frameWriter) enlarge() error {
	if !w.r.token {
		select {
		case w.r.b.tokens <- struct{}{}:
			w.r.token = true
		case <-w.r.ctx.Done():
			return w.r.ctx.Err()
		}
	}
	big := *bigBuffers.Get().(*[]byte)
	big = append(big[:0], w.buf...)
	putBuffer(w.buf)
	w.buf = big
	return nil
}

func (w *frameWriter) closeChunk() {
	chunk := w.buf[len(w.buf)-w.open:]
	w.buf = binary.BigEndian.AppendUint32(w.buf, checksum(w.id, w.number, chunk))
	w.number++
	w.open = 0
}

func (w *frameWriter) flush() error {
	err := w.file.append(w.buf)
	w.buf = w.buf[:0]
	return err
}

// finish closes the frame, and makes it durable if it is a file.
func (w *frameWriter) finish() error {
	if w.open > 0 {
		w.closeChunk()
	}
	if w.file == nil {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.file.finish(header{w.id, w.length, w.r.b.o.Now()})
}

func (w *frameWriter) abandon() {
	putBuffer(w.buf)
	if w.file != nil {
		w.file.abandon()
	}
}

// getBuffer returns a buffer that has room for a header and nothing else in it.
func getBuffer() []byte {
	b := (*smallBuffers.Get().(*[]byte))[:headerSize]
	clear(b)
	return b
}

func putBuffer(b []byte) {
	switch {
	case cap(b) == bigBuffer:
		bigBuffers.Put(&b)
	case cap(b) <= 2*smallBuffer:
		smallBuffers.Put(&b)
	}
}
