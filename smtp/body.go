package smtp

import (
	"bytes"
	"errors"
	"io"
	"time"
)

var (
	errGivenUp = errors.New("the client gave the mail up")
	errTooBig  = &Reply{552, "5.3.4", "message is larger than this server takes"}
	errPart    = errors.New("the mail was not read to its end")
	errCut     = &Reply{421, "4.4.2", "the mail did not come through, closing"}
	errBare    = &Reply{554, "5.6.0", "message holds a bare CR, a bare LF or a NUL"}
)

// body reads one mail for its Handler, by DATA or BDAT, and holds it to the
// limits. What it ended with decides about the mail, whatever the Handler made
// of it: only after io.EOF was the mail whole.
type body struct {
	from  io.Reader
	lines lines
	left  int64 // octets that are still allowed
	taken int64
	began time.Time
	err   error
}

func (g *guard) newBody() *body {
	b := &body{left: g.server.limits.Message, began: time.Now()}
	if g.verb == "BDAT" {
		b.from = &chunked{g}
	} else {
		b.from = newDotted(g)
	}
	if g.server.SignIn != nil {
		b.from = &mended{from: b.from}
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	b.taken += int64(n)
	b.lines.feed(p[:n])
	switch {
	case b.left < 0:
		err = errTooBig
	case b.lines.broken(err == io.EOF):
		err = errBare
	}
	b.err = err
	if err != nil && err != io.EOF {
		return 0, err
	}
	return n, err
}

// verdict is what became of the mail, given what its Handler said.
func (b *body) verdict(handled error) error {
	switch {
	case b.err == errBare || b.err == errTooBig:
		return b.err
	case handled == nil && b.err != io.EOF:
		return errPart
	}
	return handled
}

// drain reads a mail the Handler had enough of to its end, as far as that is
// bearable, so that the reply stands where the client looks for it. It fails
// when that end cannot be reached.
func (g *guard) drain(b *body) error {
	switch b.err {
	case io.EOF, errGivenUp:
		return nil
	case nil, errTooBig, errBare:
		return g.skim(b)
	}
	return b.err
}

func (g *guard) skim(b *body) error {
	if g.verb == "BDAT" {
		return g.skipChunk()
	}
	n, err := io.Copy(io.Discard, io.LimitReader(count{b}, g.tolerance()))
	if err == nil && n == g.tolerance() {
		return errGone
	}
	return err
}

// count keeps a body's clock right while it is skimmed.
type count struct{ b *body }

func (c count) Read(p []byte) (int, error) {
	n, err := c.b.from.Read(p)
	c.b.taken += int64(n)
	return n, err
}

// lines looks for what makes line ends ambiguous, the stuff of SMTP smuggling
// (ATTACKS D01): CR without LF, LF without CR; and for NUL.
type lines struct {
	cr  bool // the last octet was CR
	bad bool
}

func (l *lines) feed(p []byte) {
	if l.bad || len(p) == 0 {
		return
	}
	l.bad = bytes.IndexByte(p, 0) >= 0
	for len(p) > 0 && !l.bad {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.open(p)
			return
		}
		l.whole(p[:end])
		p = p[end+1:]
	}
}

// whole takes what stands before an LF, open what stands before no line end yet.
func (l *lines) whole(p []byte) {
	if len(p) == 0 {
		l.bad = !l.cr
	} else {
		l.bad = l.cr || bytes.IndexByte(p, '\r') != len(p)-1
	}
	l.cr = false
}

func (l *lines) open(p []byte) {
	i := bytes.IndexByte(p, '\r')
	l.bad = l.cr || i >= 0 && i != len(p)-1
	l.cr = i >= 0
}

func (l *lines) broken(atEnd bool) bool { return l.bad || atEnd && l.cr }
