package imap

import (
	"strconv"
	"strings"
	"time"
)

// parser reads the arguments of the commands that are ours. Each method takes
// one thing from the front, or leaves rest as it is and says false. Literals
// are quoted strings by now (see command).
type parser struct {
	rest string
}

func (p *parser) end() bool { return p.rest == "" }

func (p *parser) special(c string) bool {
	rest, ok := strings.CutPrefix(p.rest, c)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) space() bool { return p.special(" ") }

// run takes the longest run of octets that are in.
func (p *parser) run(in func(byte) bool) (string, bool) {
	n := 0
	for n < len(p.rest) && in(p.rest[n]) {
		n++
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s, n > 0
}

func (p *parser) atom() (string, bool) { return p.run(isAtomChar) }

// word is an atom in capitals, for names of keys and options.
func (p *parser) word() (string, bool) {
	s, ok := p.atom()
	return strings.ToUpper(s), ok
}

// astring is an atom, which may hold "]", or a quoted string.
func (p *parser) astring() (string, bool) {
	if strings.HasPrefix(p.rest, `"`) {
		return p.quoted()
	}
	return p.run(func(c byte) bool { return isAtomChar(c) || c == ']' })
}

func (p *parser) quoted() (string, bool) {
	if !strings.HasPrefix(p.rest, `"`) {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
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

// number is at most 63 bits (RFC 9051: number64).
func (p *parser) number() (int64, bool) {
	before := p.rest
	s, _ := p.run(func(c byte) bool { return c >= '0' && c <= '9' })
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		p.rest = before
		return 0, false
	}
	return n, true
}

// date is a day (RFC 9051: date), quoted or not.
func (p *parser) date() (time.Time, bool) {
	s, ok := p.astring()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse("_2-Jan-2006", s)
	return t, err == nil
}

// dateTime is a quoted date-time with its zone.
func (p *parser) dateTime() (time.Time, bool) {
	s, ok := p.quoted()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse("_2-Jan-2006 15:04:05 -0700", s)
	return t, err == nil
}

// list takes a parenthesised list, calling item at each of its things.
func (p *parser) list(item func() bool) bool {
	if !p.special("(") {
		return false
	}
	if p.special(")") {
		return true
	}
	for item() {
		if p.special(")") {
			return true
		}
		if !p.space() {
			return false
		}
	}
	return false
}

// flag is a flag or keyword, with its backslash.
func (p *parser) flag() (string, bool) {
	sign := ""
	if p.special(`\`) {
		sign = `\`
	}
	s, ok := p.atom()
	return sign + s, ok
}
