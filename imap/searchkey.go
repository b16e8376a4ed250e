package imap

import (
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

const (
	// searchDepth and searchKeys bound what one SEARCH may ask (ATTACKS D10).
	searchDepth = 50
	searchKeys  = 200
)

// verdict of a key over a message. What depends on the header is open until
// the header has been read.
type verdict int8

const (
	misses verdict = iota - 1
	open
	fits
)

func is(b bool) verdict {
	if b {
		return fits
	}
	return misses
}

// searchKey is one key of a SEARCH, or several.
type searchKey func(*candidate) verdict

func allOf(keys []searchKey) searchKey {
	return func(c *candidate) verdict {
		v := fits
		for _, k := range keys {
			if v = min(v, k(c)); v == misses {
				return misses
			}
		}
		return v
	}
}

func anyOf(a, b searchKey) searchKey {
	return func(c *candidate) verdict {
		v := a(c)
		if v == fits {
			return fits
		}
		return max(v, b(c))
	}
}

func not(k searchKey) searchKey {
	return func(c *candidate) verdict { return -k(c) }
}

// searchParser reads search keys.
type searchParser struct {
	parser
	session     *session
	depth, seen int
}

// keys reads keys separated by spaces; all must fit.
func (p *searchParser) keys() (searchKey, bool) {
	var keys []searchKey
	for {
		k, ok := p.key()
		if !ok {
			return nil, false
		}
		keys = append(keys, k)
		if p.end() || strings.HasPrefix(p.rest, ")") {
			return allOf(keys), true
		}
		if !p.space() {
			return nil, false
		}
	}
}

// key reads one key.
func (p *searchParser) key() (searchKey, bool) {
	p.depth++
	defer func() { p.depth-- }()
	if p.seen++; p.depth > searchDepth || p.seen > searchKeys {
		return nil, false
	}
	if p.special("(") {
		k, ok := p.keys()
		return k, ok && p.special(")")
	}
	if k, ok := p.places(); ok {
		return k, true
	}
	name, ok := p.word()
	if !ok {
		return nil, false
	}
	if k, ok := plainKeys[name]; ok {
		return k, true
	}
	if !p.space() {
		return nil, false
	}
	return p.argument(name)
}

// plainKeys are those without an argument. \Recent is gone from IMAP4rev2 and
// no message has it.
var plainKeys = map[string]searchKey{
	"ALL":        func(*candidate) verdict { return fits },
	"ANSWERED":   flagged(mailstore.Answered),
	"DELETED":    flagged(mailstore.Deleted),
	"DRAFT":      flagged(mailstore.Draft),
	"FLAGGED":    flagged(mailstore.Flagged),
	"SEEN":       flagged(mailstore.Seen),
	"UNANSWERED": not(flagged(mailstore.Answered)),
	"UNDELETED":  not(flagged(mailstore.Deleted)),
	"UNDRAFT":    not(flagged(mailstore.Draft)),
	"UNFLAGGED":  not(flagged(mailstore.Flagged)),
	"UNSEEN":     not(flagged(mailstore.Seen)),
	"RECENT":     func(*candidate) verdict { return misses },
	"NEW":        func(*candidate) verdict { return misses },
	"OLD":        func(*candidate) verdict { return fits },
}

func flagged(flag string) searchKey {
	return func(c *candidate) verdict { return is(c.view.flags.has(c.row, flag)) }
}

// argument reads the argument of a key that has one.
func (p *searchParser) argument(name string) (searchKey, bool) {
	switch name {
	case "NOT":
		return p.not()
	case "OR":
		return p.or()
	case "UID":
		return p.uid()
	case "KEYWORD":
		return p.keyword()
	case "UNKEYWORD":
		k, ok := p.keyword()
		return not(k), ok
	case "LARGER", "SMALLER":
		return p.sized(name == "LARGER")
	case "SINCE", "BEFORE", "ON":
		return p.dated(received, name)
	case "SENTSINCE", "SENTBEFORE", "SENTON":
		return p.dated(sent, strings.TrimPrefix(name, "SENT"))
	case "FROM", "TO", "CC", "BCC", "SUBJECT":
		return p.field(name)
	case "HEADER":
		field, ok := p.astring()
		if !ok || !p.space() {
			return nil, false
		}
		return p.field(field)
	case "TEXT", "BODY":
		return p.field("")
	}
	return nil, false
}

func (p *searchParser) not() (searchKey, bool) {
	k, ok := p.key()
	if !ok {
		return nil, false
	}
	return not(k), true
}

func (p *searchParser) or() (searchKey, bool) {
	a, ok := p.key()
	if !ok || !p.space() {
		return nil, false
	}
	b, ok := p.key()
	if !ok {
		return nil, false
	}
	return anyOf(a, b), true
}

func (p *searchParser) keyword() (searchKey, bool) {
	f, ok := p.flag()
	return flagged(f), ok
}

func (p *searchParser) sized(larger bool) (searchKey, bool) {
	n, ok := p.number()
	return func(c *candidate) verdict {
		return is(larger && c.row.size > n || !larger && c.row.size < n)
	}, ok
}

// dated makes a key that compares days, whatever the hour and zone.
func (p *searchParser) dated(of func(*candidate) (time.Time, verdict), how string) (searchKey, bool) {
	t, ok := p.date()
	than := dayOf(t)
	return func(c *candidate) verdict {
		t, known := of(c)
		if known != fits {
			return known
		}
		day := dayOf(t)
		return is(how == "SINCE" && day >= than || how == "BEFORE" && day < than || how == "ON" && day == than)
	}, ok
}

func dayOf(t time.Time) int {
	y, m, d := t.Date()
	return (y*12+int(m))*32 + d
}

// field reads the text to look for in a field; "" is the whole header.
func (p *searchParser) field(name string) (searchKey, bool) {
	text, ok := p.astring()
	return headerKey(name, text), ok
}

// places reads a set of message numbers, or "$".
func (p *searchParser) places() (searchKey, bool) {
	if p.special("$") {
		return within(p.session.remembered()), true
	}
	set, ok := p.set()
	if !ok {
		return nil, false
	}
	var spans []span
	for _, r := range set {
		spans = append(spans, p.session.box.numbered(r.Start, r.Stop))
	}
	return within(merge(spans)), true
}

func (p *searchParser) uid() (searchKey, bool) {
	if p.special("$") {
		return within(p.session.remembered()), true
	}
	set, ok := p.set()
	var spans []span
	for _, r := range set {
		spans = append(spans, p.session.box.between(mailstore.UID(r.Start), mailstore.UID(r.Stop)))
	}
	return within(merge(spans)), ok
}

// set reads a sequence set; 0 is "*".
func (p *searchParser) set() (set []goimap.SeqRange, ok bool) {
	before := p.rest
	for {
		start, ok := p.setNumber()
		if !ok {
			p.rest = before
			return nil, false
		}
		stop := start
		if p.special(":") {
			if stop, ok = p.setNumber(); !ok {
				p.rest = before
				return nil, false
			}
		}
		set = append(set, goimap.SeqRange{Start: start, Stop: stop})
		if !p.special(",") {
			return set, true
		}
	}
}

func (p *searchParser) setNumber() (uint32, bool) {
	if p.special("*") {
		return 0, true
	}
	n, ok := p.number()
	if !ok || n < 1 || n > 1<<32-1 {
		return 0, false
	}
	return uint32(n), true
}

// within is a key for places; candidates come in order, so a hand on the spans
// only moves forward.
func within(spans []span) searchKey {
	hand := 0
	return func(c *candidate) verdict {
		if hand > 0 && spans[hand-1].hi > c.at {
			hand = 0 // another walk began
		}
		for hand < len(spans) && spans[hand].hi <= c.at {
			hand++
		}
		return is(hand < len(spans) && spans[hand].lo <= c.at)
	}
}
