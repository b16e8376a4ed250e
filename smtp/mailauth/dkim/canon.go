package dkim

import (
	"bytes"
	"strings"

	"sealpost/mail"
)

// Canon is a canonical form (RFC 6376, section 3.4).
type Canon bool

const (
	Simple  Canon = false
	Relaxed Canon = true
)

// parseCanon reads c=. Without a second word the body is simple.
func parseCanon(s string) (header, body Canon, ok bool) {
	h, b, both := strings.Cut(s, "/")
	if !both {
		b = "simple"
	}
	names := map[string]Canon{"simple": Simple, "relaxed": Relaxed}
	header, ok = names[h]
	body, ok2 := names[b]
	return header, body, ok && ok2
}

// AppendField appends the canonical form of a header field to dst, CRLF included.
func (c Canon) AppendField(dst, raw []byte) []byte {
	if c == Relaxed {
		return appendRelaxed(dst, raw)
	}
	return appendSimple(dst, raw)
}

// appendRelaxed follows section 3.4.2: name in lower case, unfolded, runs of
// white space one space, none around the colon and at the end.
func appendRelaxed(dst, raw []byte) []byte {
	name, body, _ := bytes.Cut(raw, []byte(":"))
	for _, b := range bytes.TrimRight(name, " \t\r\n") {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	dst = append(dst, ':')
	start, space := len(dst), false
	for i, b := range body {
		switch {
		case b == ' ' || b == '\t':
			space = true
		case b == '\n' || b == '\r' && i+1 < len(body) && body[i+1] == '\n':
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, b)
		}
	}
	return append(dst, "\r\n"...)
}

// appendSimple follows section 3.4.1: as it stands. A lone LF, which SMTP does
// not carry, is written as the line end it stood for.
func appendSimple(dst, raw []byte) []byte {
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		dst = append(dst, bytes.TrimSuffix(line, []byte("\r"))...)
		dst = append(dst, "\r\n"...)
		raw = rest
	}
	return dst
}

// withoutB is a signature field as its own signature covers it: the value of b=
// taken out, no line end (section 3.7).
func withoutB(raw []byte) []byte {
	raw = bytes.TrimRight(raw, "\r\n")
	colon := bytes.IndexByte(raw, ':') + 1
	out := append(make([]byte, 0, len(raw)), raw[:colon]...)
	for i, spec := range bytes.Split(raw[colon:], []byte(";")) {
		if i > 0 {
			out = append(out, ';')
		}
		if eq := bytes.IndexByte(spec, '='); eq >= 0 && string(bytes.Trim(spec[:eq], " \t\r\n")) == "b" {
			spec = spec[:eq+1]
		}
		out = append(out, spec...)
	}
	return out
}

// appendSelf appends the canonical form of the signature field itself.
func (c Canon) appendSelf(dst, raw []byte) []byte {
	return bytes.TrimSuffix(c.AppendField(dst, withoutB(raw)), []byte("\r\n"))
}

// picker hands out header fields by name, the last one first (section 5.4.2).
type picker map[string][]int

func newPicker(fields []mail.Field) picker {
	p := make(picker, len(fields))
	for i, f := range fields {
		name := strings.ToLower(f.Name)
		p[name] = append(p[name], i)
	}
	return p
}

// next is the index of the last field of that name that was not taken yet. None
// left is no fault: it was signed that there is none.
func (p picker) next(name string) (int, bool) {
	left := p[name]
	if len(left) == 0 {
		return 0, false
	}
	p[name] = left[:len(left)-1]
	return left[len(left)-1], true
}

// SignedHeader is the canonical header that a signature covers: the fields named
// in h=, then the signature's own field.
func SignedHeader(fields []mail.Field, names []string, c Canon, self []byte) []byte {
	p := newPicker(fields)
	var picked []mail.Field
	for _, name := range names {
		if i, ok := p.next(strings.ToLower(name)); ok {
			picked = append(picked, fields[i])
		}
	}
	return c.Covered(picked, self)
}

// Covered is what a signature covers: fields in the order given, then its own.
func (c Canon) Covered(fields []mail.Field, self []byte) []byte {
	var out []byte
	for _, f := range fields {
		out = c.AppendField(out, f.Raw)
	}
	return c.appendSelf(out, self)
}
