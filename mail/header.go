package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxFields is how many fields of one section are kept; a section with more is Cut.
const maxFields = 5000

// Field is one header field (RFC 5322, section 2.2) as it stood in the mail.
type Field struct {
	Name  string // as written, without trailing white space
	Raw   []byte // the whole field with its folds and line ends
	Start int64  // offset of Raw in the mail
}

// Value is the field's unfolded body, leading and trailing white space removed.
// It holds no CR, LF or NUL; octets beyond ASCII are as they were sent.
func (f Field) Value() string {
	_, body, _ := bytes.Cut(f.Raw, []byte(":"))
	body = bytes.Trim(body, " \t\r\n")
	if bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 && bytes.IndexByte(body, 0) < 0 {
		return string(body)
	}
	return unfold(body)
}

// unfold drops line ends before white space; any other, and NUL, is a space.
func unfold(body []byte) string {
	out := make([]byte, 0, len(body))
	for i, c := range body {
		switch c {
		case '\r', '\n', 0:
			if c == 0 || !endsLine(body[i+1:]) {
				out = append(out, ' ')
			}
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// endsLine says that what follows a CR or LF is the rest of a fold.
func endsLine(rest []byte) bool {
	return len(rest) > 0 && (rest[0] == '\n' || isWSP(rest[0]))
}

func isWSP(c byte) bool { return c == ' ' || c == '\t' }

// Header is a header section that was read, not interpreted: fields in their
// order, duplicates included, broken lines skipped but counted.
type Header struct {
	Fields []Field
	End    int64 // offset of the first body byte (after the empty line, if there is one)
	Broken int   // lines in the section that are no field and no fold
	Clean  bool  // starts with a field and has no broken line: more fields may be put in front
	Cut    bool  // the section is longer than the limit, or has over 5000 fields; End is where reading stopped
	Blank  bool  // the section ended with an empty line (not with the end of the mail)
}

// ReadHeader reads the header section at offset of r, at most max bytes of it.
// What it returns is its own copy.
func ReadHeader(r io.ReaderAt, offset, max int64) (Header, error) {
	buf, all, err := readSection(r, offset, max, nil)
	if err != nil {
		return Header{}, fmt.Errorf("read header section at %d: %w", offset, err)
	}
	return parseSection(buf, offset, all, nil, nil), nil
}

// readSection reads until buf holds an empty line, all of r, or max bytes. all
// says that the section does not go on after buf. buf is in room, if that is
// large enough.
func readSection(r io.ReaderAt, offset, max int64, room []byte) (buf []byte, all bool, err error) {
	buf = room[:0]
	for seen := 0; ; {
		size := min(max, int64(2*len(buf)+4096))
		have := len(buf)
		if size <= int64(have) {
			return buf, false, nil
		}
		if size > int64(cap(buf)) {
			buf = append(make([]byte, 0, size), buf...)
		}
		buf = buf[:size]
		n, err := r.ReadAt(buf[have:], offset+int64(have))
		buf = buf[:have+n]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		var found bool
		if seen, found = findBlank(buf, seen); found || err != nil || n == 0 {
			return buf, true, nil
		}
	}
}

// findBlank looks for an empty line from the line at seen onwards; without one
// it returns the start of the last line, to go on from there.
func findBlank(buf []byte, seen int) (int, bool) {
	for {
		n := bytes.IndexByte(buf[seen:], '\n')
		if n < 0 {
			return seen, false
		}
		if isBlank(buf[seen : seen+n+1]) {
			return seen, true
		}
		seen += n + 1
	}
}

// isBlank says that a line with its end is CRLF or LF alone.
func isBlank(line []byte) bool {
	return len(line) == 1 || len(line) == 2 && line[0] == '\r'
}

// parseSection makes a Header of the section at the start of buf, which stands
// at offset base of the mail. all says that the section ends with buf, if not
// before. It also ends before a line that stop, if given, says yes to. Fields
// take the room of scratch and point into buf.
func parseSection(buf []byte, base int64, all bool, scratch []Field, stop func(line []byte) bool) Header {
	p := sectionParser{buf: buf, base: base, h: Header{Fields: scratch[:0]}}
	for pos := 0; ; {
		line, whole := nextLine(buf[pos:])
		switch {
		case len(line) == 0 && all:
			return p.finish(pos, pos)
		case !whole && !all, p.full(line):
			return p.cut(pos, line)
		case isBlank(line) && whole:
			p.h.Blank = true
			return p.finish(pos, pos+len(line))
		case stop != nil && stop(line):
			return p.finish(pos, pos)
		}
		p.line(pos, line)
		pos += len(line)
	}
}

// nextLine is the first line of b with its end; whole says that it has one.
func nextLine(b []byte) (line []byte, whole bool) {
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return b[:n+1], true
	}
	return b, false
}

// sectionParser collects lines into fields.
type sectionParser struct {
	buf   []byte
	base  int64
	h     Header
	name  string // of the field being read
	start int    // where it starts
	open  bool   // a field is being read, so a fold belongs to it
	first bool   // a line was seen
	clean bool   // the first line was a field
}

func (p *sectionParser) line(pos int, line []byte) {
	if isWSP(line[0]) && p.open {
		return
	}
	p.close(pos)
	name, ok := fieldName(line)
	if !p.first {
		p.first, p.clean = true, ok
	}
	if !ok {
		p.h.Broken++
		return
	}
	p.name, p.start, p.open = name, pos, true
}

// close ends the field being read at pos.
func (p *sectionParser) close(pos int) {
	if p.open {
		f := Field{Name: p.name, Raw: p.buf[p.start:pos:pos], Start: p.base + int64(p.start)}
		p.h.Fields = append(p.h.Fields, f)
	}
	p.open = false
}

// full says that line would begin one field too many.
func (p *sectionParser) full(line []byte) bool {
	n := len(p.h.Fields)
	if p.open {
		n++
	}
	return n >= maxFields && !isWSP(line[0]) && !isBlank(line)
}

func (p *sectionParser) finish(pos, end int) Header {
	p.close(pos)
	p.h.End = p.base + int64(end)
	p.h.Clean = p.clean && p.h.Broken == 0
	return p.h
}

// cut ends a section at a line that is not read. It drops the field before,
// unless the line is seen to belong to another.
func (p *sectionParser) cut(pos int, line []byte) Header {
	p.h.Cut = true
	if p.open && (len(line) == 0 || isWSP(line[0])) {
		pos, p.open = p.start, false
	}
	return p.finish(pos, pos)
}

// fieldName reads the name at the start of a field's first line. White space
// before the colon is obsolete syntax (RFC 5322, section 4.5.8) and accepted.
func fieldName(line []byte) (string, bool) {
	n := bytes.IndexByte(line, ':')
	if n < 0 {
		return "", false
	}
	name := bytes.TrimRight(line[:n], " \t")
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return "", false
		}
	}
	return internName(name), len(name) > 0
}

// internName spares an allocation for the names nearly every mail has.
func internName(name []byte) string {
	switch string(name) {
	case "Received":
		return "Received"
	case "From":
		return "From"
	case "To":
		return "To"
	case "Subject":
		return "Subject"
	case "Date":
		return "Date"
	case "Message-ID":
		return "Message-ID"
	case "MIME-Version":
		return "MIME-Version"
	case "Content-Type":
		return "Content-Type"
	case "Content-Transfer-Encoding":
		return "Content-Transfer-Encoding"
	case "Content-Disposition":
		return "Content-Disposition"
	}
	return string(name)
}

// Get returns the first field of that name, compared without case.
func (h Header) Get(name string) (Field, bool) {
	for _, f := range h.Fields {
		if len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

// Values returns the unfolded bodies of all fields of that name, in order.
func (h Header) Values(name string) []string {
	var values []string
	for _, f := range h.Fields {
		if len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			values = append(values, f.Value())
		}
	}
	return values
}

// value is the body of the first field of that name, or empty.
func (h Header) value(name string) string {
	if f, ok := h.Get(name); ok {
		return f.Value()
	}
	return ""
}
