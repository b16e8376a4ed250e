package mail

import (
	"bytes"
	"errors"
	"io"
)

// ErrNUL says that a mail holds what no mail may hold.
var ErrNUL = errors.New("a message must not hold NUL")

// LineEnds makes every line end CRLF on its way to another writer: clients bring what
// they have on their disks. A CR of its own becomes a line end too, so that nothing
// bare is left. It fails with ErrNUL. Close ends the last line, and no more.
type LineEnds struct {
	w   io.Writer
	out []byte
	cr  bool // a CR was written and its LF is due
}

// NewLineEnds writes to w.
func NewLineEnds(w io.Writer) *LineEnds { return &LineEnds{w: w} }

func (l *LineEnds) Write(p []byte) (int, error) {
	l.out = l.out[:0]
	for rest := p; len(rest) > 0; {
		n := bytes.IndexAny(rest, "\r\n\x00")
		if n != 0 {
			l.due()
		}
		if n < 0 {
			l.out = append(l.out, rest...)
			break
		}
		l.out = append(l.out, rest[:n]...)
		if rest[n] == 0 {
			return 0, ErrNUL
		}
		l.lineEnd(rest[n])
		rest = rest[n+1:]
	}
	if _, err := l.w.Write(l.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// due writes the LF that a CR is owed.
func (l *LineEnds) due() {
	if l.cr {
		l.out = append(l.out, '\n')
		l.cr = false
	}
}

func (l *LineEnds) lineEnd(c byte) {
	switch {
	case c == '\n' && !l.cr:
		l.out = append(l.out, '\r', '\n')
	case c == '\n':
		l.due()
	default:
		l.due()
		l.out = append(l.out, '\r')
		l.cr = true
	}
}

// Close ends the last line, if it ends in CR.
func (l *LineEnds) Close() error {
	l.out = l.out[:0]
	l.due()
	_, err := l.w.Write(l.out)
	return err
}
