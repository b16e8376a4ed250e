package mail

import "strings"

// MaxMailboxes is how many entries of one address list are kept.
const MaxMailboxes = 1000

// MissingDomain stands for the domain of an entry that has none. An empty
// Domain would say that the entry is a group.
const MissingDomain = "MISSING_DOMAIN"

// parseMailboxes reads an address list (RFC 5322, section 3.4, with obsolete
// syntax), unfolded. It never fails: an entry that is no address is kept as
// well as it can be, up to MaxMailboxes entries.
func parseMailboxes(s string) []Mailbox {
	if len(s) > maxAddressList {
		s = s[:maxAddressList]
	}
	p := listParser{s: s}
	for p.pos < len(p.s) && len(p.list) < MaxMailboxes {
		p.step()
	}
	p.endGroup()
	return p.list
}

// maxAddressList is how many bytes of an address list are read.
const maxAddressList = 256 << 10

// listParser walks an address list once, from left to right. Commas, colons and
// brackets count only outside quotes and comments, and before any encoded word
// is decoded, so no decoded text can become an address.
type listParser struct {
	s     string
	pos   int
	list  []Mailbox
	group bool // inside a group

	phrase  strings.Builder // words and quoted strings, a space between them
	compact strings.Builder // the same without spaces: an addr-spec if it has an @
	at      int             // offset behind the last unquoted @ in compact, 0 without
	comment string          // the last comment
	angle   string          // what stood in angle brackets
	angled  bool
	space   bool // white space was seen since the last word

	noQuote, noParen, noAngle bool // no closing one follows: they are text
}

func (p *listParser) step() {
	c := p.s[p.pos]
	switch {
	case c == ' ' || c == '\t':
		p.space = true
		p.pos++
	case c == ',':
		p.entry()
		p.pos++
	case c == ';':
		p.endGroup()
		p.pos++
	case c == ':' && p.at == 0 && !p.angled:
		p.startGroup()
		p.pos++
	case c == '"' && !p.noQuote:
		p.quoted()
	case c == '(' && !p.noParen:
		p.parens()
	case c == '<' && !p.noAngle:
		p.brackets()
	case c == '[' && p.at > 0 && p.at == p.compact.Len():
		p.literal()
	default:
		p.atom()
	}
}

// word adds text to the entry. Quoted text is told apart from bare, since an @
// in it is part of the local part.
func (p *listParser) word(text string) {
	if p.space && p.phrase.Len() > 0 {
		p.phrase.WriteByte(' ')
	}
	p.space = false
	p.phrase.WriteString(text)
	p.compact.WriteString(text)
}

func (p *listParser) atom() {
	end := p.pos + 1
	if n := encodedAtom(p.s[p.pos:]); n > 0 {
		end = p.pos + n
	}
	for end < len(p.s) && strings.IndexByte(" \t,;:\"(<[@", p.s[end]) < 0 {
		end++
	}
	p.word(p.s[p.pos:end])
	if p.s[p.pos] == '@' {
		p.at = p.compact.Len() - (end - p.pos) + 1
	}
	p.pos = end
}

// encodedAtom is the length of an encoded word at the start of s that may hold
// commas, colons and parentheses, as mailers write although they must not. It
// may hold nothing that makes an address.
func encodedAtom(s string) int {
	if !strings.HasPrefix(s, "=?") {
		return 0
	}
	_, rest, ok := cutWord(s[:min(len(s), maxEncodedAtom)])
	if n := min(len(s), maxEncodedAtom) - len(rest); ok && !strings.ContainsAny(s[:n], "<>@\" \t") {
		return n
	}
	return 0
}

// maxEncodedAtom is how long an encoded word in an address list may be.
const maxEncodedAtom = 256

func (p *listParser) quoted() {
	text, end, ok := unquote(p.s, p.pos)
	if !ok {
		p.noQuote = true
		return
	}
	p.word(text)
	p.pos = end
}

// unquote reads the quoted string that starts at i of s; end is behind it.
func unquote(s string, i int) (text string, end int, ok bool) {
	var b []byte
	for from := i + 1; ; {
		n := strings.IndexAny(s[from:], `"\`)
		if n < 0 {
			return "", i, false
		}
		stop := from + n
		if s[stop] == '"' {
			if b == nil {
				return s[i+1 : stop], stop + 1, true
			}
			return string(append(b, s[from:stop]...)), stop + 1, true
		}
		b = append(b, s[from:stop]...)
		if stop+1 < len(s) {
			b = append(b, s[stop+1])
		}
		from = min(stop+2, len(s))
	}
}

// skipComment returns the offset behind the comment that starts at i of s.
func skipComment(s string, i int) (end int, ok bool) {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

func (p *listParser) parens() {
	end, ok := skipComment(p.s, p.pos)
	if !ok {
		p.noParen = true
		return
	}
	p.comment = p.s[p.pos+1 : end-1]
	p.pos = end
	p.space = true
}

func (p *listParser) brackets() {
	end := p.pos + 1
	for end < len(p.s) && p.s[end] != '>' {
		if p.s[end] == '"' {
			if _, after, ok := unquote(p.s, end); ok {
				end = after
				continue
			}
		}
		end++
	}
	if end >= len(p.s) {
		p.noAngle = true
		return
	}
	p.angle, p.angled = p.s[p.pos+1:end], true
	p.pos = end + 1
}

// literal takes a domain literal as one word, for its colons and commas.
func (p *listParser) literal() {
	end := strings.IndexByte(p.s[p.pos:], ']')
	if end < 0 {
		end = len(p.s) - p.pos - 1
	}
	p.word(p.s[p.pos : p.pos+end+1])
	p.pos += end + 1
}

func (p *listParser) startGroup() {
	name := Decode(p.phrase.String())
	p.reset()
	if name == "" {
		return
	}
	if p.group {
		p.add(Mailbox{})
	}
	p.group = true
	p.add(Mailbox{Local: name})
}

func (p *listParser) endGroup() {
	p.entry()
	if p.group {
		p.add(Mailbox{})
	}
	p.group = false
}

// entry ends the entry being read and keeps it unless it is empty.
func (p *listParser) entry() {
	m, ok := p.mailbox()
	p.reset()
	if ok {
		p.add(m)
	}
}

func (p *listParser) add(m Mailbox) {
	if len(p.list) < MaxMailboxes {
		p.list = append(p.list, m)
	}
}

func (p *listParser) mailbox() (Mailbox, bool) {
	if p.angled {
		m := splitSpec(p.angle)
		m.Name = Decode(p.phrase.String())
		if m.Local == "" && m.Domain == "" {
			if m.Name == "" {
				return Mailbox{}, false
			}
			m.Local, m.Name = m.Name, ""
		}
		return named(m), true
	}
	s := p.compact.String()
	if s == "" {
		return Mailbox{}, false
	}
	if p.at == 0 {
		return named(Mailbox{Local: plain(guess8bit(p.phrase.String()))}), true
	}
	m := Mailbox{Name: Decode(p.comment), Local: plain(guess8bit(s[:p.at-1])), Domain: plain(guess8bit(s[p.at:]))}
	return named(m), true
}

// named makes sure that an entry is not taken for a group.
func named(m Mailbox) Mailbox {
	if m.Domain == "" {
		m.Domain = MissingDomain
	}
	return m
}

// cutRoute takes a source route (RFC 5322, section 4.4) from the front of what
// stands in angle brackets: its domains as they are written, without comments and
// white space.
func cutRoute(s string) (route, spec string) {
	if s = strings.Trim(s, " \t"); !strings.HasPrefix(s, "@") {
		return "", s
	}
	p := listParser{s: s}
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == ':':
			return clip(plain(guess8bit(p.compact.String())), maxRoute), s[p.pos+1:]
		case strings.IndexByte(",;<", c) >= 0:
			p.word(string(c))
			p.pos++
		default:
			p.step()
		}
	}
	return "", s
}

// splitSpec reads an addr-spec, with a source route in front if need be, without
// judging it.
func splitSpec(s string) Mailbox {
	route, s := cutRoute(s)
	p := listParser{s: s}
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case strings.IndexByte(",;:<", c) >= 0:
			p.word(string(c))
			p.pos++
		default:
			p.step()
		}
	}
	spec := p.compact.String()
	if p.at == 0 {
		return Mailbox{Local: plain(guess8bit(spec)), Route: route}
	}
	return Mailbox{Local: plain(guess8bit(spec[:p.at-1])), Domain: plain(guess8bit(spec[p.at:])), Route: route}
}

func (p *listParser) reset() {
	p.phrase.Reset()
	p.compact.Reset()
	p.at, p.comment, p.angle, p.angled, p.space = 0, "", "", false, false
}
