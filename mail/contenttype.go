package mail

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// ContentType is a Content-Type field (RFC 2045, section 5.1), read leniently.
type ContentType struct {
	Type    string            // lower case, such as "multipart"
	Subtype string            // lower case, such as "encrypted"
	Params  map[string]string // by name in lower case; RFC 2231 joined and decoded; nil without any
}

// Media is "type/subtype".
func (c ContentType) Media() string { return c.Type + "/" + c.Subtype }

// ParseContentType reads the unfolded body of a Content-Type field. It never
// fails: what cannot be read is text/plain (RFC 2045, section 5.2). The first
// of parameters of the same name counts, and of all at most 256 are read.
func ParseContentType(value string) ContentType {
	media, params := splitParams(value)
	c := ContentType{Params: params}
	c.Type, c.Subtype, _ = strings.Cut(media, "/")
	c.Type, c.Subtype = strings.TrimSpace(c.Type), strings.TrimSpace(c.Subtype)
	if !isToken(c.Type) || !isToken(c.Subtype) {
		c.Type, c.Subtype = "text", "plain"
	}
	return c
}

// isToken says that s can name a type (RFC 2045, section 5.1), within reason.
func isToken(s string) bool {
	if s == "" || len(s) > 127 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// maxParams is how many parameters, or pieces of them, are read of one field.
const maxParams = 256

// splitParams reads "value; name=value; ..." as Content-Type and
// Content-Disposition are written; the value is in lower case.
func splitParams(s string) (value string, params map[string]string) {
	i := strings.IndexAny(s, ";(")
	if i < 0 {
		return lower(strings.TrimSpace(s)), nil
	}
	value = lower(strings.TrimSpace(s[:i]))
	var pieces []piece
	for n := 0; n < maxParams; n++ {
		var p piece
		var ok bool
		if p, s, ok = cutParam(s[i:]); !ok {
			break
		}
		i = 0
		if p.name != "" {
			pieces = append(pieces, p)
		}
	}
	return value, joinPieces(pieces)
}

func lower(s string) string {
	s, _ = lowerASCII(s)
	return s
}

// piece is a parameter or one of its continuations (RFC 2231, section 3).
type piece struct {
	name    string
	index   int  // of a continuation, -1 for a plain parameter
	encoded bool // percent-encoded (RFC 2231, section 4)
	value   string
}

// cutParam takes one parameter from the front of s; a piece without a name was
// no parameter.
func cutParam(s string) (p piece, rest string, ok bool) {
	s = skipBlanks(s)
	if s == "" {
		return p, "", false
	}
	end := strings.IndexAny(s, "=;")
	if end < 0 || s[end] == ';' {
		return p, s[max(end, 0)+1:], end >= 0
	}
	p = nameOf(lower(strings.TrimSpace(s[:end])))
	s = strings.TrimLeft(s[end+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		if value, end, ok := unquote(s, 0); ok {
			p.value = value
			return p, s[end:], true
		}
		s = s[1:]
	}
	value, rest, _ := strings.Cut(s, ";")
	p.value = strings.TrimSpace(value)
	if !strings.HasSuffix(p.name, "name") { // names with spaces that nobody quoted are common
		p.value, _, _ = strings.Cut(p.value, " ")
	}
	return p, rest, true
}

// skipBlanks skips white space, semicolons and comments.
func skipBlanks(s string) string {
	for {
		s = strings.TrimLeft(s, " \t;")
		if !strings.HasPrefix(s, "(") {
			return s
		}
		end, ok := skipComment(s, 0)
		if !ok {
			return s[1:]
		}
		s = s[end:]
	}
}

// nameOf reads name, name*, name*0 and name*0*.
func nameOf(s string) piece {
	name, extra, star := strings.Cut(s, "*")
	p := piece{name: name, index: -1}
	if !star {
		return p
	}
	if extra == "" {
		p.index, p.encoded = 0, true
		return p
	}
	digits, encoded := strings.CutSuffix(extra, "*")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n >= 1<<20 {
		return piece{}
	}
	p.index, p.encoded = n, encoded
	return p
}

// joinPieces makes parameters of pieces. One in RFC 2231 form wins over a plain
// one of the same name, as its readers expect.
func joinPieces(pieces []piece) map[string]string {
	if len(pieces) == 0 {
		return nil
	}
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.index, b.index))
	})
	params := make(map[string]string, len(pieces))
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].name == pieces[0].name {
			n++
		}
		params[pieces[0].name] = joinPiece(pieces[:n])
		pieces = pieces[n:]
	}
	return params
}

// joinPiece makes one value of the pieces of one name, sorted by index.
func joinPiece(pieces []piece) string {
	plain := pieces[0].value
	for len(pieces) > 0 && pieces[0].index < 0 {
		pieces = pieces[1:]
	}
	if len(pieces) == 0 {
		return plain
	}
	var charset string
	var octets []byte
	last := -1
	for _, p := range pieces {
		if p.index == last {
			continue
		}
		value := p.value
		if p.encoded && last < 0 {
			if parts := strings.SplitN(value, "'", 3); len(parts) == 3 {
				charset, value = parts[0], parts[2]
			}
		}
		last = p.index
		if p.encoded {
			octets = appendPercent(octets, value)
		} else {
			octets = append(octets, value...)
		}
	}
	return decodeCharset(octets, charset)
}

func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			dst = append(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else {
			dst = append(dst, s[i])
		}
	}
	return dst
}
