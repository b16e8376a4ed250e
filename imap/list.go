package imap

import (
	"math"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

const (
	// maxPatterns bounds what one LIST may ask (ATTACKS D10).
	maxPatterns = 100

	// maxSteps bounds what comparing them with all names may take: seconds.
	maxSteps = 1 << 30
)

// listing is what one LIST asks for (RFC 9051, section 6.3.9; RFC 5258).
type listing struct {
	ref      string
	patterns []string
	lsub     bool // it is LSUB

	subscribed, use, recursive bool // which to select
	showSubscribed, rights     bool
	status                     []string // of RETURN (STATUS (...)), RFC 5819
	metadata                   []string // of RETURN (METADATA (...)), RFC 9590
}

// list is LIST (RFC 9051, section 6.3.9; RFC 5258, 5819, 6154).
func (s *session) list(r *request) error {
	l := listing{}
	if err := l.parse(&r.Args, s.wire.UTF8); err != nil {
		return err
	}
	if len(l.patterns) == 1 && l.patterns[0] == "" { // LIST "" "" asks for the delimiter
		s.wire.Str(`* LIST (\Noselect) "/" ""` + "\r\n")
		return nil
	}
	return s.listAll(&l)
}

// lsub is LSUB (RFC 3501, section 6.3.9).
func (s *session) lsub(r *request) error {
	l := listing{lsub: true, subscribed: true}
	if !l.names(&r.Args, s.wire.UTF8) || len(l.patterns) != 1 || !r.Args.End() {
		return bad("expected LSUB reference pattern")
	}
	return s.listAll(&l)
}

func (s *session) listAll(l *listing) error {
	t, err := s.tree()
	if err != nil {
		return s.fault("list", err)
	}
	if t.steps(l.ref, l.patterns) > maxSteps {
		return no("LIMIT", "too many patterns for so many mailboxes")
	}
	t.hide(l.ref, l.patterns)
	s.heed(l.status)
	for _, b := range t.branches {
		if !matches(b.name, l.ref, l.patterns) {
			continue
		}
		attrs, shown := t.show(b, l)
		if !shown {
			continue
		}
		s.writeList(l, b, attrs)
		if b.real && l.selects(b) {
			if err := s.writeMore(l, b.box); err != nil {
				return err
			}
		}
	}
	return nil
}

// selects says whether a branch is listed for itself, not only for what is below it: of
// the others nothing more is told (RFC 5819, section 2; RFC 9590, section 4).
func (l *listing) selects(b *branch) bool { return !l.subscribed || b.subscribed }

// writeMore tells what was asked for beside the mailbox itself.
func (s *session) writeMore(l *listing, b mailstore.Mailbox) error {
	if l.rights { // RFC 8440
		s.writeRights(b.Name)
	}
	if len(l.metadata) > 0 { // RFC 9590
		if _, err := s.writeMetadata(b, l.metadata, depthZero, math.MaxInt64); err != nil {
			return s.fault("read metadata", err)
		}
	}
	if len(l.status) > 0 {
		return s.writeStatus(b, l.status)
	}
	return nil
}

func (s *session) writeList(l *listing, b *branch, attrs []string) {
	w := s.wire
	if l.lsub {
		w.Str("* LSUB (")
	} else {
		w.Str("* LIST (")
	}
	w.Str(strings.Join(attrs, " "))
	w.Str(`) "/" `)
	w.Box(b.name)
	if l.recursive && b.hidden {
		w.Str(` (CHILDINFO ("SUBSCRIBED"))`)
	}
	w.Line()
}

// writeRights tells what the account may do with a mailbox of its own: all but
// give rights to others (RFC 4314; INBOX cannot be deleted).
func (s *session) writeRights(name string) {
	s.wire.Str("* MYRIGHTS ")
	s.wire.Box(name)
	if name == mailstore.Inbox {
		s.wire.Str(" lrswitek\r\n")
		return
	}
	s.wire.Str(" lrswitekx\r\n")
}

// listSelects and listReturns are the options of LIST (RFC 5258, section 6).
var listSelects = map[string]func(*listing){
	"SUBSCRIBED":     func(l *listing) { l.subscribed = true },
	"SPECIAL-USE":    func(l *listing) { l.use = true },
	"REMOTE":         func(*listing) {}, // there are none
	"RECURSIVEMATCH": func(l *listing) { l.recursive = true },
}

var listReturns = map[string]func(*listing, *wire.Parser) error{
	"SUBSCRIBED":  func(l *listing, _ *wire.Parser) error { l.showSubscribed = true; return nil },
	"CHILDREN":    func(*listing, *wire.Parser) error { return nil }, // always told
	"SPECIAL-USE": func(*listing, *wire.Parser) error { return nil }, // always told
	"MYRIGHTS":    func(l *listing, _ *wire.Parser) error { l.rights = true; return nil },
	"STATUS":      (*listing).returnStatus,
	"METADATA":    (*listing).returnMetadata,
}

func (l *listing) returnStatus(p *wire.Parser) (err error) {
	if !p.Space() {
		return bad("expected STATUS (items)")
	}
	l.status, err = statusList(p)
	return err
}

func (l *listing) returnMetadata(p *wire.Parser) error {
	ok := p.Space()
	names, good := entryList(p)
	if !ok || !good {
		return bad("expected METADATA (entries)")
	}
	l.metadata = names
	return nil
}

// parse reads: [(options) SP] reference SP pattern [SP RETURN (options)].
func (l *listing) parse(p *wire.Parser, utf8 bool) error {
	if p.Next("(") {
		words, ok := p.Words()
		if !ok || !p.Space() {
			return bad("expected LIST (options) reference pattern")
		}
		for _, w := range words {
			option := listSelects[w]
			if option == nil {
				return bad("expected options of LIST that this server knows")
			}
			option(l)
		}
	}
	if l.recursive && !l.subscribed {
		return bad("RECURSIVEMATCH goes with SUBSCRIBED (RFC 5258, section 3)")
	}
	if !l.names(p, utf8) {
		return bad("expected LIST reference pattern")
	}
	if p.End() {
		return nil
	}
	return l.returns(p)
}

// names reads: reference SP pattern, or patterns in parentheses.
func (l *listing) names(p *wire.Parser, utf8 bool) (ok bool) {
	if l.ref, ok = p.BoxPattern(utf8); !ok || !p.Space() {
		return false
	}
	one := func() bool {
		pattern, ok := p.BoxPattern(utf8)
		l.patterns = append(l.patterns, pattern)
		return ok
	}
	if p.Next("(") {
		return p.List(one) && len(l.patterns) <= maxPatterns
	}
	return one()
}

// returns reads: SP RETURN (options).
func (l *listing) returns(p *wire.Parser) (err error) {
	if !p.Space() || !p.Fold("RETURN") || !p.Space() {
		return bad("expected RETURN (options)")
	}
	ok := p.List(func() bool {
		word, ok := p.Word()
		option := listReturns[word]
		if !ok || option == nil {
			err = bad("expected options of LIST that this server knows")
			return false
		}
		err = option(l, p)
		return err == nil
	})
	if err == nil && (!ok || !p.End()) {
		err = bad("expected RETURN (options)")
	}
	return err
}
