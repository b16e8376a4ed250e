package dkim

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"sealpost/mail"
)

// Body is what a mail's body comes to in its canonical forms.
type Body [2]struct {
	Hash   [sha256.Size]byte
	Length int64 // bytes in canonical form, which l= counts
	Known  bool
}

// Of is the hash of one form; ok says that it was asked for.
func (b *Body) Of(c Canon) (hash []byte, length int64, ok bool) {
	s := &b[index(c)]
	return s.Hash[:], s.Length, s.Known
}

func index(c Canon) int {
	if c == Relaxed {
		return 1
	}
	return 0
}

// piece is how much of a body is in memory at a time.
const piece = 32 << 10

// HashBody reads the body of m, from offset start, once, in pieces, and hashes it
// in the forms that are wanted. An error of stop, which is asked before each piece
// if it is not nil, ends it.
func HashBody(m mail.Bytes, start int64, simple, relaxed bool, stop func() error) (*Body, error) {
	writers := [2]*canonWriter{}
	for i, want := range []bool{simple, relaxed} {
		if want {
			writers[i] = &canonWriter{sum: sha256.New(), relaxed: i == 1}
		}
	}
	body := &Body{}
	if !simple && !relaxed {
		return body, nil
	}
	if err := readBody(m, start, writers[:], stop); err != nil {
		return nil, err
	}
	for i, w := range writers {
		if w != nil {
			w.close()
			w.sum.Sum(body[i].Hash[:0])
			body[i].Length, body[i].Known = w.length, true
		}
	}
	return body, nil
}

func readBody(m mail.Bytes, start int64, writers []*canonWriter, stop func() error) error {
	end := m.Size()
	buf := make([]byte, min(piece, max(0, end-start)))
	for at := start; at < end; {
		if stop != nil && stop() != nil {
			return fmt.Errorf("hash a body: %w", stop())
		}
		n, err := m.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		for _, w := range writers {
			if w != nil {
				w.write(buf[:n])
			}
		}
		at += int64(n)
		if err != nil && (at < end || !errors.Is(err, io.EOF)) {
			return fmt.Errorf("read a body at %d: %w", at, err)
		}
		if n == 0 && at < end {
			return fmt.Errorf("read a body at %d: %w", at, io.ErrUnexpectedEOF)
		}
	}
	return nil
}

// What is written between pieces of a body; never changed.
var cr, crlf, space = []byte("\r"), []byte("\r\n"), []byte(" ")

// canonWriter brings a body into its simple or relaxed form (RFC 6376, sections
// 3.4.3 and 3.4.4) and hashes that. Line ends are held back until text follows,
// since empty lines at the end do not count.
type canonWriter struct {
	sum     hash.Hash
	relaxed bool
	length  int64
	ends    int  // line ends held back
	cr      bool // the last piece ended with CR
	space   bool // white space held back (relaxed)
	buf     [2048]byte
	n       int
}

func (w *canonWriter) write(b []byte) {
	if w.cr && len(b) > 0 {
		if w.cr = false; b[0] != '\n' {
			w.text(cr)
		}
	}
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			if w.cr = b[len(b)-1] == '\r'; w.cr {
				b = b[:len(b)-1]
			}
			w.text(b)
			return
		}
		w.text(bytes.TrimSuffix(b[:n], []byte("\r")))
		w.ends, w.space = w.ends+1, false
		b = b[n+1:]
	}
}

// text takes a part of a line without its end.
func (w *canonWriter) text(b []byte) {
	if len(b) == 0 {
		return
	}
	if !w.relaxed {
		w.flushEnds()
		w.put(b)
		return
	}
	for {
		for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
			b, w.space = b[1:], true
		}
		if len(b) == 0 {
			return
		}
		w.flushEnds()
		if w.space {
			w.put(space)
		}
		n := nextSpace(b[:min(len(b), window)])
		w.put(b[:n])
		b, w.space = b[n:], false
	}
}

// window bounds how far nextSpace looks, so that a line full of spaces costs no
// more than its length.
const window = 256

// nextSpace is where the text that can be taken as it is, which starts with no
// white space, ends: before a tab, before a run of white space, before white
// space at the end.
func nextSpace(b []byte) int {
	end := len(b)
	if n := bytes.IndexByte(b, '\t'); n >= 0 {
		end = n
	}
	if n := bytes.Index(b[:end], []byte("  ")); n >= 0 {
		end = n
	}
	if end > 0 && b[end-1] == ' ' {
		end--
	}
	return end
}

func (w *canonWriter) flushEnds() {
	for ; w.ends > 0; w.ends-- {
		w.put(crlf)
	}
}

// close writes the last line end: the simple form of nothing is one, the relaxed
// form of nothing is nothing.
func (w *canonWriter) close() {
	if w.cr {
		w.text(cr)
	}
	if !w.relaxed || w.length > 0 {
		w.put(crlf)
	}
	w.sum.Write(w.buf[:w.n])
	w.n = 0
}

// put gathers what is hashed: a hash is slow with two bytes at a time.
func (w *canonWriter) put(b []byte) {
	w.length += int64(len(b))
	if w.n+len(b) > len(w.buf) {
		w.sum.Write(w.buf[:w.n])
		w.n = 0
	}
	if len(b) > len(w.buf) {
		w.sum.Write(b)
		return
	}
	w.n += copy(w.buf[w.n:], b)
}
