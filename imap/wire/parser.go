package wire

import (
	"strconv"
	"strings"
	"time"
)

// Parser reads the arguments of a command. Each method takes one thing from the
// front, or leaves everything as it is and says false.
type Parser struct {
	rest string
}

// Parse reads arguments that did not come from a connection.
func Parse(args string) Parser { return Parser{rest: args} }

// Rest is what was not taken yet.
func (p *Parser) Rest() string { return p.rest }

// End says whether everything was taken.
func (p *Parser) End() bool { return p.rest == "" }

// Next says whether what follows begins so.
func (p *Parser) Next(s string) bool { return strings.HasPrefix(p.rest, s) }

// Special takes octets as they stand.
func (p *Parser) Special(c string) bool {
	rest, ok := strings.CutPrefix(p.rest, c)
	if ok {
		p.rest = rest
	}
	return ok
}

// Space takes the one space between two arguments.
func (p *Parser) Space() bool { return p.Special(" ") }

// Fold takes a word whatever its case; what follows it must not go on with it.
func (p *Parser) Fold(word string) bool {
	if len(p.rest) < len(word) || !strings.EqualFold(p.rest[:len(word)], word) {
		return false
	}
	if rest := p.rest[len(word):]; rest != "" && isAtomChar(rest[0]) && isAtomChar(word[len(word)-1]) {
		return false
	}
	p.rest = p.rest[len(word):]
	return true
}

// run takes the longest run of octets that are in.
func (p *Parser) run(in func(byte) bool) (string, bool) {
	n := 0
	for n < len(p.rest) && in(p.rest[n]) {
		n++
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s, n > 0
}

// Atom is an atom (RFC 9051, section 9).
func (p *Parser) Atom() (string, bool) { return p.run(isAtomChar) }

// Word is an atom in capitals, for names of keys and options.
func (p *Parser) Word() (string, bool) {
	s, ok := p.Atom()
	return strings.ToUpper(s), ok
}

// Letters is a run of letters, digits, "." and "-" in capitals: an atom that
// may be followed by "[" or "<", as in FETCH.
func (p *Parser) Letters() (string, bool) {
	s, ok := p.run(func(c byte) bool {
		return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-'
	})
	return strings.ToUpper(s), ok
}

// Astring is an atom, which may hold "]", or a string.
func (p *Parser) Astring() (string, bool) {
	if s, ok := p.Text(); ok {
		return s, true
	}
	return p.run(func(c byte) bool { return isAtomChar(c) || c == ']' })
}

// Pattern is a list-mailbox: an astring in which "%" and "*" may stand.
func (p *Parser) Pattern() (string, bool) {
	if s, ok := p.Text(); ok {
		return s, true
	}
	return p.run(func(c byte) bool { return isAtomChar(c) || c == ']' || c == '%' || c == '*' })
}

// Text is a string: quoted, or a literal.
func (p *Parser) Text() (string, bool) {
	if strings.HasPrefix(p.rest, `"`) {
		return p.Quoted()
	}
	return p.literal()
}

// Nstring is a string or NIL.
func (p *Parser) Nstring() (s string, isNil, ok bool) {
	if p.Fold("NIL") {
		return "", true, true
	}
	s, ok = p.Text()
	return s, false, ok
}

// Quoted is a quoted string.
func (p *Parser) Quoted() (string, bool) {
	if !strings.HasPrefix(p.rest, `"`) {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case '\r', '\n':
			return "", false
		case '\\':
			if i++; i == len(p.rest) {
				return "", false
			}
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// literal is a literal that was read into the arguments.
func (p *Parser) literal() (string, bool) {
	rest := strings.TrimPrefix(p.rest, "~")
	if !strings.HasPrefix(rest, "{") {
		return "", false
	}
	digits, rest, ok := strings.Cut(rest[1:], "}\r\n")
	size, ok2 := parseSize([]byte(digits))
	if !ok || !ok2 || size > int64(len(rest)) {
		return "", false
	}
	p.rest = rest[size:]
	return rest[:size], true
}

// Number is at most 63 bits (RFC 9051: number64).
func (p *Parser) Number() (int64, bool) {
	before := p.rest
	s, _ := p.run(func(c byte) bool { return c >= '0' && c <= '9' })
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		p.rest = before
		return 0, false
	}
	return n, true
}

// Date is a day (RFC 9051: date), quoted or not.
func (p *Parser) Date() (time.Time, bool) {
	s, ok := p.Astring()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse("_2-Jan-2006", s)
	return t, err == nil
}

// DateTime is a quoted date-time with its zone. It is told in UTC, where it must
// have a year of four digits as well.
func (p *Parser) DateTime() (time.Time, bool) {
	s, ok := p.Quoted()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse("_2-Jan-2006 15:04:05 -0700", s)
	year := t.UTC().Year()
	return t, err == nil && !t.IsZero() && 0 < year && year < 10_000
}

// List takes a parenthesised list, calling item at each of its things.
func (p *Parser) List(item func() bool) bool {
	if !p.Special("(") {
		return false
	}
	if p.Special(")") {
		return true
	}
	for item() {
		if p.Special(")") {
			return true
		}
		if !p.Space() {
			return false
		}
	}
	return false
}

// Words takes a list of words in capitals.
func (p *Parser) Words() (words []string, ok bool) {
	ok = p.List(func() bool {
		w, ok := p.Word()
		words = append(words, w)
		return ok
	})
	return words, ok
}

// Flag is a flag or keyword, with its backslash.
func (p *Parser) Flag() (string, bool) {
	sign := ""
	if p.Special(`\`) {
		sign = `\`
	}
	s, ok := p.Atom()
	return sign + s, ok
}

// Flags is a list of flags. \Recent, which old clients send back although it
// is the server's, is left out.
func (p *Parser) Flags() (flags []string, ok bool) {
	flags = []string{}
	ok = p.List(func() bool {
		f, ok := p.Flag()
		if f != `\Recent` {
			flags = append(flags, f)
		}
		return ok
	})
	return flags, ok
}

// Box is the name of a mailbox in UTF-8. With utf8 it came so; otherwise it is
// in modified UTF-7, in which UTF-8 may stand as it is.
func (p *Parser) Box(utf8 bool) (string, bool) {
	s, ok := p.Astring()
	if !ok {
		return "", false
	}
	return boxName(s, utf8), true
}

// BoxPattern is a list-mailbox in UTF-8.
func (p *Parser) BoxPattern(utf8 bool) (string, bool) {
	s, ok := p.Pattern()
	if !ok {
		return "", false
	}
	return boxName(s, utf8), true
}

// boxName gives what cannot be read as a name that nothing has and nothing gets.
func boxName(s string, utf8 bool) string {
	if utf8 {
		return s
	}
	if name, ok := DecodeName(s); ok {
		return name
	}
	return "\x00"
}
