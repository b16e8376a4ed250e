package nodekey

import (
	"crypto/cipher"
	"errors"
	"io"
	"os"
	"sync"

	"sealpost/filestore"
)

// chunk is memory for one chunk and its tag.
type chunk [sealedSize]byte

// chunks are buffers in no use, wiped.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// putChunk gives back a buffer of which the first bytes were used.
func putChunk(c *chunk, used int) {
	clear(c[:used])
	chunks.Put(c)
}

// NewWriter seals what is written to it; Close writes the last chunk and does
// not close w. What was not closed is no sealing.
func (k *Key) NewWriter(w io.Writer, purpose, id string) io.WriteCloser {
	header, aead := k.begin(make([]byte, 0, headerSize), purpose, id)
	return &writer{to: w, aead: aead, header: header, buf: chunks.Get().(*chunk)}
}

type writer struct {
	to     io.Writer
	aead   cipher.AEAD
	header []byte // not written yet
	number uint64
	buf    *chunk
	filled int
	used   int // most of buf that ever was
	err    error
}

// Write keeps a full chunk back until more comes: only then it is not the last.
func (w *writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if w.filled == chunkSize {
			w.flush(false)
			continue
		}
		c := copy(w.buf[w.filled:chunkSize], p)
		w.filled += c
		n += c
		p = p[c:]
	}
	return n, w.err
}

func (w *writer) Close() error {
	if w.err == nil {
		w.flush(true)
	}
	if w.buf == nil {
		return w.err
	}
	putChunk(w.buf, max(w.used, w.filled))
	w.buf = nil
	if w.err != nil {
		return w.err
	}
	w.err = os.ErrClosed
	return nil
}

func (w *writer) flush(last bool) {
	if w.header != nil {
		if _, w.err = w.to.Write(w.header); w.err != nil {
			return
		}
		w.header = nil
	}
	sealed := w.aead.Seal(w.buf[:0], nonce(w.number, last), w.buf[:w.filled], nil)
	w.used = max(w.used, len(sealed))
	_, w.err = w.to.Write(sealed)
	w.number++
	w.filled = 0
}

// NewReader opens a sealing of that many sealed bytes for reading anywhere: a
// mail.Bytes. It opens the last chunk, so that a cut is noticed before anything
// is read. Errors of sealed itself are passed on; what is wrong with the bytes is
// ErrSeal. Close the reader.
func (k *Key) NewReader(sealed io.ReaderAt, size int64, purpose, id string) (*Reader, error) {
	plain, ok := plainSize(size)
	if !ok {
		return nil, ErrSeal
	}
	var header [headerSize]byte
	if err := readFull(sealed, header[:], 0); err != nil {
		return nil, err
	}
	aead, err := k.resume(header[:], purpose, id)
	if err != nil {
		return nil, err
	}
	r := &Reader{size: plain, sealed: sealed, end: size, aead: aead, opened: -1}
	r.last = (size - headerSize - 1) / sealedSize
	if err := r.open(r.last); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Reader reads what was sealed, from many goroutines if need be.
type Reader struct {
	size   int64
	sealed io.ReaderAt
	end    int64 // length of sealed
	aead   cipher.AEAD
	last   int64 // number of the last chunk

	mu     sync.Mutex
	closed bool
	buf    *chunk // the chunk opened last, so that small reads open it once
	opened int64  // its number; -1: none
	used   int
}

func (r *Reader) Size() int64 { return r.size }

// ReadAt is that of io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, os.ErrClosed
	}
	return filestore.ReadWindows(p, off, r.size, func(off, _ int64) ([]byte, error) {
		if err := r.open(off / chunkSize); err != nil {
			return nil, err
		}
		return r.buf[off%chunkSize : r.length(r.opened)], nil
	})
}

// length is how many bytes a chunk holds.
func (r *Reader) length(number int64) int64 { return min(chunkSize, r.size-number*chunkSize) }

// open makes a chunk the opened one.
func (r *Reader) open(number int64) error {
	if r.opened == number {
		return nil
	}
	if r.buf == nil {
		r.buf = chunks.Get().(*chunk)
	}
	r.opened = -1
	sealed := r.buf[:r.length(number)+tagSize]
	r.used = max(r.used, len(sealed))
	if err := readFull(r.sealed, sealed, headerSize+number*sealedSize); err != nil {
		return err
	}
	if _, err := r.aead.Open(sealed[:0], nonce(uint64(number), number == r.last), sealed, nil); err != nil {
		return ErrSeal
	}
	r.opened = number
	return nil
}

// Close wipes what was opened. It may be called twice.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.buf != nil {
		putChunk(r.buf, r.used)
		r.buf, r.opened = nil, -1
	}
	return nil
}

// readFull reads all of p; an end before that is a cut.
func readFull(from io.ReaderAt, p []byte, off int64) error {
	n, err := from.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrSeal
	}
	return err
}
