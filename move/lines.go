package move

import (
	"bufio"
	"io"
)

// wireLines makes CRLF line ends of what they are in files: LF, CRLF or, of old
// Macs, CR. NULs go: no mail may hold one, and every server would refuse it.
type wireLines struct {
	from *bufio.Reader
	cr   bool // the last octet was CR, and its line's end was written
	rest []byte
}

func newWireLines(r io.Reader) *wireLines {
	return &wireLines{from: bufio.NewReaderSize(r, 32<<10)}
}

func (w *wireLines) Read(p []byte) (int, error) {
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	for n < len(p) {
		run, err := w.from.Peek(max(1, min(w.from.Buffered(), len(p)-n)))
		if len(run) == 0 {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		plain := plainRun(run)
		if plain > 0 {
			n += copy(p[n:], run[:plain])
			w.cr = false
			w.from.Discard(plain)
			continue
		}
		n += w.special(p[n:], run[0])
		w.from.Discard(1)
	}
	return n, nil
}

// plainRun is how many octets stand before the first that needs care.
func plainRun(b []byte) int {
	for i, c := range b {
		if c == '\r' || c == '\n' || c == 0 {
			return i
		}
	}
	return len(b)
}

// special writes the end of a line, once for CR LF; p has room for one octet.
func (w *wireLines) special(p []byte, c byte) int {
	switch {
	case c == 0:
		return 0
	case c == '\n' && w.cr:
		w.cr = false
		return 0
	}
	w.cr = c == '\r'
	n := copy(p, "\r\n")
	w.rest = []byte("\r\n")[n:]
	return n
}
