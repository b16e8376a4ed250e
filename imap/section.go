package imap

import (
	"strconv"
	"strings"

	"sealpost/imap/wire"
)

// section is what stands in the brackets of BODY[...] (RFC 9051, section
// 6.4.5.1), and the part of it that is wanted.
type section struct {
	path    []int
	what    string   // HEADER, TEXT, MIME, HEADER.FIELDS, HEADER.FIELDS.NOT, or empty
	names   []string // of header fields
	spelled string   // as it is answered

	partial      bool
	offset, size int64
}

// origin is how the answer names a partial fetch; its number has 32 bits.
func (s *section) origin() string {
	if !s.partial {
		return ""
	}
	return "<" + strconv.FormatInt(min(s.offset, 1<<32-1), 10) + ">"
}

// visible says whether it is of the visible header alone.
func (s *section) visible() bool { return len(s.path) == 0 && strings.HasPrefix(s.what, "HEADER") }

// sectionWords are what a section may name, and whether names of fields follow.
var sectionWords = map[string]bool{
	"HEADER": false, "TEXT": false, "MIME": false, "HEADER.FIELDS": true, "HEADER.FIELDS.NOT": true,
}

// maxPath bounds the depth of a part's number.
const maxPath = 20

// parseSection reads: "[" section "]" ["<" offset "." size ">"].
func parseSection(p *wire.Parser) (s section, ok bool) {
	if !p.Special("[") {
		return s, false
	}
	spec, _ := p.Letters()
	for {
		digits, rest, more := strings.Cut(spec, ".")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || n == 0 {
			break
		}
		s.path = append(s.path, int(n))
		s.spelled += digits
		if spec = rest; !more {
			break
		}
		s.spelled += "."
	}
	s.what = spec
	s.spelled += spec
	fields, known := sectionWords[spec]
	if spec != "" && !known || spec == "" && strings.HasSuffix(s.spelled, ".") ||
		spec == "MIME" && len(s.path) == 0 || len(s.path) > maxPath {
		return s, false
	}
	if fields && !s.fields(p) {
		return s, false
	}
	return s, p.Special("]") && s.part(p)
}

// fields reads: SP "(" names ")".
func (s *section) fields(p *wire.Parser) bool {
	if !p.Space() {
		return false
	}
	s.spelled += " ("
	ok := p.List(func() bool {
		name, ok := p.Astring()
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`:"\`, r) }) {
			return false
		}
		if len(s.names) > 0 {
			s.spelled += " "
		}
		s.names = append(s.names, name)
		s.spelled += fieldName(name)
		return true
	})
	s.spelled += ")"
	return ok && len(s.names) > 0
}

// fieldName writes a name as an astring.
func fieldName(name string) string {
	if strings.ContainsAny(name, "(){%*]") {
		return `"` + name + `"`
	}
	return name
}

// part reads: ["<" offset "." size ">"].
func (s *section) part(p *wire.Parser) (ok bool) {
	if !p.Special("<") {
		return true
	}
	s.partial = true
	if s.offset, ok = p.Number(); !ok || !p.Special(".") {
		return false
	}
	s.size, ok = p.Number()
	return ok && s.size > 0 && p.Special(">")
}
