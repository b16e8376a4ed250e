package wire

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Str gathers octets as they stand.
func (c *Conn) Str(s string) {
	if c.room(len(s)) {
		c.out = append(c.out, s...)
		return
	}
	c.push([]byte(s))
}

// Write gathers p. Large pieces are sent at once: they are not worth copying.
func (c *Conn) Write(p []byte) (int, error) {
	if c.room(len(p)) {
		c.out = append(c.out, p...)
	} else {
		c.push(p)
	}
	if c.failed != nil {
		return 0, c.failed
	}
	return len(p), nil
}

// Num gathers a number.
func (c *Conn) Num(n uint64) {
	c.room(20)
	c.out = strconv.AppendUint(c.out, n, 10)
}

// Mark gathers one octet.
func (c *Conn) Mark(b byte) {
	c.room(1)
	c.out = append(c.out, b)
}

// Line ends a response.
func (c *Conn) Line() { c.Str("\r\n") }

// Time gathers a date-time in quotes (RFC 9051, section 9).
func (c *Conn) Time(t time.Time) {
	c.room(40)
	c.out = t.AppendFormat(c.out, `"_2-Jan-2006 15:04:05 -0700"`)
}

// Text gathers a string: quoted where that can be, else a literal.
func (c *Conn) Text(s string) { gather(c, s) }

// TextBytes is Text of octets that are somewhere already.
func (c *Conn) TextBytes(s []byte) { gather(c, s) }

func gather[S string | []byte](c *Conn, s S) {
	switch quotable, escapes := look(c, s); {
	case !quotable:
		c.Literal(int64(len(s)))
		c.add(len(s), func(out []byte) []byte { return append(out, s...) })
	case !escapes && c.room(len(s)+2):
		c.out = append(append(append(c.out, '"'), s...), '"')
	default:
		c.add(2*len(s)+2, func(out []byte) []byte { return AppendQuoted(out, s) })
	}
}

// add gathers what is at most so long.
func (c *Conn) add(n int, more func([]byte) []byte) {
	if c.room(n) {
		c.out = more(c.out)
		return
	}
	c.push(more(nil))
}

// Octets gathers a string that may hold anything: a literal8 where NUL is in it
// (RFC 3516).
func (c *Conn) Octets(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		c.Mark('~')
		c.Literal(int64(len(s)))
		c.Str(s)
		return
	}
	c.Text(s)
}

// Maybe gathers an nstring: an empty one is NIL.
func (c *Conn) Maybe(s string) {
	if s == "" {
		c.Str("NIL")
		return
	}
	c.Text(s)
}

// MaybeBytes is Maybe of octets that are somewhere already.
func (c *Conn) MaybeBytes(s []byte) {
	if len(s) == 0 {
		c.Str("NIL")
		return
	}
	c.TextBytes(s)
}

// Range gathers the octets of r from start to before end, which are read right into
// the place that they are sent from.
func (c *Conn) Range(r io.ReaderAt, start, end int64) error {
	for at := start; at < end; {
		c.room(int(min(end-at, leastRead)))
		free := outSize - len(c.out)
		n, err := r.ReadAt(c.out[len(c.out):][:min(int64(free), end-at)], at)
		c.out = c.out[:len(c.out)+n]
		at += int64(n)
		switch {
		case c.failed != nil:
			return c.failed
		case n == 0 && err != nil:
			return err
		}
	}
	return nil
}

// leastRead is what a reader is asked for at once, if there is so much: few like to
// begin and end for a handful of octets.
const leastRead = 1 << 10

// Literal begins a literal of that many octets, which are to follow.
func (c *Conn) Literal(size int64) {
	c.Mark('{')
	c.Num(uint64(size))
	c.Str("}\r\n")
}

// Astring gathers an atom where that can be, else a string.
func (c *Conn) Astring(s string) {
	if s == "" || len(s) > 200 || strings.EqualFold(s, "NIL") {
		c.Text(s)
		return
	}
	for i := range len(s) {
		if !isAtomChar(s[i]) || s[i] >= 0x80 {
			c.Text(s)
			return
		}
	}
	c.Str(s)
}

// Box gathers the name of a mailbox: as UTF-8 once the client takes it, else in
// modified UTF-7.
func (c *Conn) Box(name string) {
	switch {
	case name == "INBOX":
		c.Str(name)
	case c.UTF8:
		c.Text(name)
	default:
		c.Text(EncodeName(name))
	}
}

// What octets are to a quoted string.
const (
	never   = 1 << iota // no quoted string holds it
	escaped             // behind a backslash
	eightBit
)

var octets = func() (kinds [256]uint8) {
	for i := range kinds {
		switch {
		case i < ' ' && i != '\t' || i == 0x7f:
			kinds[i] = never
		case i == '"' || i == '\\':
			kinds[i] = escaped
		case i >= 0x80:
			kinds[i] = eightBit
		}
	}
	return kinds
}()

// look: a quoted string holds no line end and no NUL, and UTF-8 only once the client
// takes it (RFC 6855, section 3). escapes says whether a backslash is needed.
func look[S string | []byte](c *Conn, s S) (quotable, escapes bool) {
	if len(s) > 1000 {
		return false, false
	}
	var seen uint8
	for i := range len(s) {
		seen |= octets[s[i]]
	}
	if seen&never != 0 || seen&eightBit != 0 && !(c.UTF8 && utf8.ValidString(string(s))) {
		return false, false
	}
	return true, seen&escaped != 0
}

// AppendQuoted appends s in quotes.
func AppendQuoted[S string | []byte](line []byte, s S) []byte {
	line = append(line, '"')
	for i := range len(s) {
		if octets[s[i]] == escaped {
			line = append(line, '\\')
		}
		line = append(line, s[i])
	}
	return append(line, '"')
}

// room makes place for n octets of output, or says that there is none.
func (c *Conn) room(n int) bool {
	if c.out == nil {
		c.out = *buffers.Get().(*[]byte)
	}
	large := n > outSize/2
	if large || len(c.out)+n > outSize {
		c.send()
	}
	return !large
}

func (c *Conn) send() {
	if len(c.out) > 0 {
		c.push(c.out)
		c.out = c.out[:0]
	}
}

// push writes to the network: a client that does not take its bytes in time is
// left, and a body cut short is never followed by anything.
func (c *Conn) push(p []byte) {
	if c.failed != nil {
		return
	}
	c.conn.SetWriteDeadline(time.Now().Add(c.times.Write))
	if err := c.write(p); err != nil {
		c.failed = err
		c.conn.Close()
	}
}

func (c *Conn) write(p []byte) error {
	if c.cork != nil && len(p) > oneRecord {
		return c.cork.through(c.conn, p)
	}
	_, err := c.conn.Write(p)
	return err
}

// oneRecord is what TLS sends in one record even at first.
const oneRecord = 1 << 10

// Flush sends what was gathered, and gives its buffer back.
func (c *Conn) Flush() error {
	if c.out != nil {
		c.send()
		out := c.out[:0]
		c.out = nil
		buffers.Put(&out)
	}
	return c.failed
}

// Failed is why nothing can be written any more, or nil.
func (c *Conn) Failed() error { return c.failed }

// Fail makes the connection end without another octet, for when a response
// was begun that cannot be finished.
func (c *Conn) Fail(err error) {
	if c.failed == nil {
		c.failed = err
		if c.out != nil {
			c.out = c.out[:0]
		}
		c.conn.Close()
	}
}

// Reply writes a tagged status response. code is what stands in brackets, or
// empty.
func (c *Conn) Reply(tag, kind, code, text string) {
	c.Str(tag)
	c.Mark(' ')
	c.Str(kind)
	if code != "" {
		c.Str(" [")
		c.Str(code)
		c.Mark(']')
	}
	c.Mark(' ')
	c.Str(text)
	c.Line()
}
