package smtp

import "io"

// mended reads what people submit, every CR, LF and CRLF made CRLF: programs on
// their own machines write files as they lie there, and a bare CR or LF must not
// leave (ATTACKS D02). It stands behind the reader that finds the mail's end, so
// that no line end it makes ends one.
type mended struct {
	from io.Reader
	cr   bool // the last octet was a CR, whose CRLF is written
	lf   bool // the LF of the last line end had no room
	err  error
}

// Read reads into the second half of p, for a line end takes the room of two.
func (m *mended) Read(p []byte) (n int, err error) {
	for n == 0 && len(p) > 0 {
		switch {
		case m.lf:
			p[0], m.lf = '\n', false
			return 1, nil
		case m.err != nil:
			return 0, m.err
		}
		raw := p[len(p)/2:]
		var got int
		got, m.err = m.from.Read(raw)
		n = m.mend(p, raw[:got])
	}
	return n, nil
}

func (m *mended) mend(p, raw []byte) (n int) {
	for _, c := range raw {
		switch {
		case c == '\n' && m.cr:
			m.cr = false
		case c == '\n' || c == '\r':
			m.cr = c == '\r'
			k := copy(p[n:], "\r\n")
			m.lf = k < 2
			n += k
		default:
			m.cr = false
			p[n] = c
			n++
		}
	}
	return n
}
