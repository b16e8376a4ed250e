package imap

import (
	"slices"
	"strings"
	"time"

	"sealpost/imap/wire"
	"sealpost/mail"
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
	wire.Parser
	session     *session
	arguments   map[string]func(*searchParser) (searchKey, bool) // argumentKeys, which refer to us
	depth, seen int
	modseq      bool // MODSEQ is among the keys
	counted     bool // message numbers are
	aged        bool // OLDER or YOUNGER is
	live        bool // its result is kept up to date

	among [][]span         // sets that all of the result is in
	marks []mailstore.Mark // likewise
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
		if p.End() || p.Next(")") {
			return allOf(keys), true
		}
		if !p.Space() {
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
	if p.Special("(") {
		k, ok := p.keys()
		return k, ok && p.Special(")")
	}
	if k, ok := p.places(); ok {
		return k, true
	}
	name, ok := p.Word()
	if !ok {
		return nil, false
	}
	if k, ok := plainKeys[name]; ok {
		if m, kept := markKeys[name]; kept && p.depth == 1 && !slices.Contains(p.marks, m) {
			p.marks = append(p.marks, m)
		}
		return k, true
	}
	if !p.Space() {
		return nil, false
	}
	read := p.arguments[name]
	if read == nil {
		return nil, false
	}
	return read(p)
}

// plainKeys are those without an argument. To who speaks IMAP4rev2 no message is
// recent (RFC 9051, appendix E).
var plainKeys = map[string]searchKey{
	"ALL":               func(*candidate) verdict { return fits },
	"ANSWERED":          flagged(mailstore.Answered),
	"DELETED":           flagged(mailstore.Deleted),
	"DRAFT":             flagged(mailstore.Draft),
	"FLAGGED":           flagged(mailstore.Flagged),
	"SEEN":              flagged(mailstore.Seen),
	"UNANSWERED":        not(flagged(mailstore.Answered)),
	"UNDELETED":         not(flagged(mailstore.Deleted)),
	"UNDRAFT":           not(flagged(mailstore.Draft)),
	"UNFLAGGED":         not(flagged(mailstore.Flagged)),
	"UNSEEN":            not(flagged(mailstore.Seen)),
	"RECENT":            recently,
	"NEW":               allOf([]searchKey{recently, not(flagged(mailstore.Seen))}),
	"OLD":               not(recently),
	"SAVEDATESUPPORTED": func(*candidate) verdict { return fits },
}

// markKeys are those of them that the index keeps a set of.
var markKeys = map[string]mailstore.Mark{"UNSEEN": mailstore.MarkUnseen, "DELETED": mailstore.MarkDeleted}

func flagged(flag string) searchKey {
	return func(c *candidate) verdict { return is(c.row.flags.has(flag)) }
}

// argumentKeys are those with arguments, which each reads.
var argumentKeys = map[string]func(*searchParser) (searchKey, bool){
	"NOT":         (*searchParser).not,
	"OR":          (*searchParser).or,
	"UID":         (*searchParser).uid,
	"KEYWORD":     (*searchParser).keyword,
	"UNKEYWORD":   (*searchParser).unkeyword,
	"LARGER":      sized(func(size, n int64) bool { return size > n }),
	"SMALLER":     sized(func(size, n int64) bool { return size < n }),
	"SINCE":       dated(received, since),
	"BEFORE":      dated(received, before),
	"ON":          dated(received, on),
	"SENTSINCE":   dated(sent, since),
	"SENTBEFORE":  dated(sent, before),
	"SENTON":      dated(sent, on),
	"SAVEDSINCE":  dated(saved, since), // RFC 8514
	"SAVEDBEFORE": dated(saved, before),
	"SAVEDON":     dated(saved, on),
	"OLDER":       aged(func(age, n int64) bool { return age >= n }), // RFC 5032
	"YOUNGER":     aged(func(age, n int64) bool { return age <= n }),
	"MODSEQ":      (*searchParser).sinceModseq,
	"EMAILID":     (*searchParser).emailID,
	"THREADID":    (*searchParser).threadID,
	"FROM":        inAddresses("From", func(e *mail.Envelope) []mail.Mailbox { return e.From }),
	"TO":          inAddresses("To", func(e *mail.Envelope) []mail.Mailbox { return e.To }),
	"CC":          inAddresses("Cc", func(e *mail.Envelope) []mail.Mailbox { return e.Cc }),
	"BCC":         inAddresses("Bcc", func(e *mail.Envelope) []mail.Mailbox { return e.Bcc }),
	"SUBJECT":     field("Subject"),
	"HEADER":      (*searchParser).anyField,
	"TEXT":        inBody(true),
	"BODY":        inBody(false),
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
	if !ok || !p.Space() {
		return nil, false
	}
	b, ok := p.key()
	if !ok {
		return nil, false
	}
	return anyOf(a, b), true
}

func (p *searchParser) keyword() (searchKey, bool) {
	f, ok := p.Atom() // and no system flag: those have keys of their own
	return flagged(f), ok
}

func (p *searchParser) unkeyword() (searchKey, bool) {
	k, ok := p.keyword()
	return not(k), ok
}

func sized(fit func(size, n int64) bool) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		n, ok := p.Number()
		return func(c *candidate) verdict { return is(fit(c.row.size, n)) }, ok
	}
}

// aged is OLDER and YOUNGER: seconds since a message was received.
func aged(fit func(age, n int64) bool) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		n, ok := p.Number()
		p.aged = true
		now := p.session.server.Now().Unix()
		return func(c *candidate) verdict { return is(fit(now-c.row.received, n)) }, ok && n > 0
	}
}

// sinceModseq is MODSEQ (RFC 7162, section 3.1.5): a message changed at that
// MODSEQ or later. An entry may be named; there is one MODSEQ for all of them.
func (p *searchParser) sinceModseq() (searchKey, bool) {
	if _, ok := p.Quoted(); ok {
		if !p.Space() {
			return nil, false
		}
		if _, ok := p.Word(); !ok || !p.Space() {
			return nil, false
		}
	}
	n, ok := p.Number()
	p.modseq = true
	return func(c *candidate) verdict { return is(c.row.modseq >= mailstore.Modseq(n)) }, ok
}

func (p *searchParser) emailID() (searchKey, bool) {
	id, ok := p.Astring()
	return func(c *candidate) verdict {
		if c.header == nil {
			return open
		}
		return is(c.header.emailID == id)
	}, ok
}

// threadID fits nothing: no message has one here (RFC 8474, section 5.2).
func (p *searchParser) threadID() (searchKey, bool) {
	_, ok := p.Astring()
	return func(*candidate) verdict { return misses }, ok
}

func since(day, than int) bool  { return day >= than }
func before(day, than int) bool { return day < than }
func on(day, than int) bool     { return day == than }

// dated makes a key that compares days, whatever the hour and zone.
func dated(of func(*Server, *candidate) (time.Time, verdict), fit func(day, than int) bool) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		t, ok := p.Date()
		than := dayOf(t)
		return func(c *candidate) verdict {
			t, known := of(p.session.server, c)
			if known != fits {
				return known
			}
			return is(fit(dayOf(t), than))
		}, ok
	}
}

func dayOf(t time.Time) int {
	y, m, d := t.Date()
	return (y*12+int(m))*32 + d
}

// field reads the text to look for in a field.
func field(name string) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		text, ok := p.Astring()
		return headerKey(name, text), ok
	}
}

// inAddresses reads the text to look for in a field of addresses: as it stands,
// and as the envelope has it, without comments and what else may stand between.
func inAddresses(name string, of func(*mail.Envelope) []mail.Mailbox) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		text, ok := p.Astring()
		inField, folded := headerKey(name, text), foldText(text)
		return func(c *candidate) verdict {
			v := inField(c)
			if v != misses {
				return v
			}
			return is(slices.ContainsFunc(of(c.header.envelope()), func(m mail.Mailbox) bool {
				return strings.Contains(foldText(m.Local+"@"+m.Domain), folded)
			}))
		}, ok
	}
}

// inBody reads the text to look for in the body, or in the header too.
func inBody(header bool) func(*searchParser) (searchKey, bool) {
	return func(p *searchParser) (searchKey, bool) {
		text, ok := p.Astring()
		return bodyKey(text, header), ok
	}
}

func (p *searchParser) anyField() (searchKey, bool) {
	name, ok := p.Astring()
	if !ok || !p.Space() {
		return nil, false
	}
	text, ok := p.Astring()
	return headerKey(name, text), ok
}

// places reads a set of message numbers, or "$".
func (p *searchParser) places() (searchKey, bool) {
	set, ok := p.Set()
	if !ok {
		return nil, false
	}
	p.counted = p.counted || !set.Saved
	if p.live {
		return p.lasting(set, false), true
	}
	return p.within(p.session.find(set, false)), true
}

func (p *searchParser) uid() (searchKey, bool) {
	set, ok := p.Set()
	if !ok {
		return nil, false
	}
	if p.live {
		return p.lasting(set, true), true
	}
	return p.within(p.session.find(set, true)), true
}

// within is a key for places; candidates come in order, so a hand on the spans
// only moves forward.
func (p *searchParser) within(spans []span) searchKey {
	if p.depth == 1 {
		p.among = append(p.among, spans)
	}
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
