package imap

import (
	"errors"
	"slices"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// searchReturn is what ESEARCH asks back (RFC 4731, RFC 5182).
type searchReturn struct {
	extended                   bool
	min, max, all, count, save bool
	update                     bool   // UPDATE (RFC 5267): what changes is told later,
	fetch                      *fetch // with these attributes
	part                       *part  // PARTIAL (RFC 9394), or nil
	modseq                     bool   // the highest MODSEQ of what is found is told
}

// told says whether anything is to be answered.
func (r searchReturn) told() bool {
	return r.min || r.max || r.all || r.count || r.part != nil || r.update
}

// search is SEARCH and UID SEARCH (RFC 9051, section 6.4.4). It answers from
// what is visible: flags, dates, sizes and the header at the account's level.
// BODY and TEXT look at the visible header too, for there is nothing else.
func (s *session) search(r *request) error {
	p := s.searching(r.Args)
	ask, tree, err := p.search()
	if err == nil && ask.update && s.liveAt(r.Tag) >= 0 {
		err = sameTag
	}
	r.counted = p.counted
	if err != nil {
		return s.unsaved(ask, err)
	}
	found, err := s.evaluate(p, tree)
	if err != nil {
		return s.unsaved(ask, s.fault("search", err))
	}
	if ask.save {
		s.saved = s.box.pick(found, ask)
	}
	if ask.update {
		s.keepLive(r, ask, p, live{tree: tree}, found)
	}
	s.writeFound(r, ask, found)
	return nil
}

// unsaved empties "$" if a search that was to set it is answered NO; BAD leaves it
// as it was (RFC 5182, section 2.1).
func (s *session) unsaved(ask searchReturn, err error) error {
	var said *status
	if ask.save && errors.As(err, &said) && said.kind == "NO" {
		s.saved = nil
	}
	return err
}

// sameTag refuses a second search to be kept up to date under one tag.
var sameTag = bad("a search with that tag is kept up to date already")

func (s *session) searching(args wire.Parser) *searchParser {
	return &searchParser{Parser: args, session: s, arguments: argumentKeys}
}

// search reads the arguments: return options, charset, keys.
func (p *searchParser) search() (ask searchReturn, tree searchKey, err error) {
	s := p.session
	if ask, err = p.returns(); err != nil {
		return ask, nil, err
	}
	if err = p.charset(); err != nil {
		return ask, nil, err
	}
	tree, ok := p.keys()
	ask.modseq = p.modseq
	if p.counted && s.enabled.uidOnly {
		return ask, nil, uidRequired
	}
	if ask.modseq {
		s.followModseqs()
	}
	if !ok || !p.End() {
		return ask, nil, bad("expected search keys that this server knows")
	}
	return ask, tree, nil
}

// returnOptions are the words of RETURN.
var returnOptions = map[string]func(*searchReturn, *wire.Parser) bool{
	"MIN":     func(r *searchReturn, _ *wire.Parser) bool { r.min = true; return true },
	"MAX":     func(r *searchReturn, _ *wire.Parser) bool { r.max = true; return true },
	"ALL":     func(r *searchReturn, _ *wire.Parser) bool { r.all = true; return true },
	"COUNT":   func(r *searchReturn, _ *wire.Parser) bool { r.count = true; return true },
	"SAVE":    func(r *searchReturn, _ *wire.Parser) bool { r.save = true; return true },
	"CONTEXT": func(*searchReturn, *wire.Parser) bool { return true }, // that more is to come of it
	"PARTIAL": func(r *searchReturn, p *wire.Parser) (ok bool) {
		ok = p.Space() && r.part == nil
		if ok {
			r.part, ok = parsePart(p)
		}
		return ok
	},
}

// returns reads "RETURN (...) ".
func (p *searchParser) returns() (ask searchReturn, err error) {
	if !p.Fold("RETURN") {
		ask.all = true
		return ask, nil
	}
	ask.extended = true
	ok := p.Space() && p.List(func() bool {
		word, _ := p.Word()
		if word == "UPDATE" {
			return p.update(&ask)
		}
		option := returnOptions[word]
		return option != nil && option(&ask, &p.Parser)
	})
	if !ok || !p.Space() || ask.part != nil && ask.all { // RFC 9394, section 3.1
		return ask, bad("expected RETURN (MIN MAX ALL COUNT SAVE CONTEXT UPDATE), or PARTIAL in place of ALL")
	}
	if !ask.min && !ask.max && !ask.count && !ask.save && ask.part == nil && !ask.update {
		ask.all = true
	}
	return ask, nil
}

// update reads what may stand behind UPDATE (RFC 5465, section 7).
func (p *searchParser) update(ask *searchReturn) (ok bool) {
	ok = !ask.update
	ask.update, p.live = true, true
	if ok && p.Next(" (") {
		p.Space()
		ask.fetch, ok = p.session.attributes(&p.Parser)
	}
	return ok
}

func (p *searchParser) charset() error {
	if !p.Fold("CHARSET") {
		return nil
	}
	ok := p.Space()
	name, named := p.Astring()
	if !ok || !named || !p.Space() {
		return bad("expected CHARSET name")
	}
	return knownCharset(name)
}

func knownCharset(name string) error {
	switch strings.ToUpper(name) {
	case "UTF-8", "US-ASCII", "ASCII":
		return nil
	}
	return no("BADCHARSET (US-ASCII UTF-8)", "unknown charset")
}

// pick is what SAVE keeps of a result: only what MIN, MAX and PARTIAL name, if they
// are all that was asked for (RFC 5182, section 2.4; RFC 9394, section 3.2).
func (v *view) pick(found []int, ask searchReturn) []mailstore.UID {
	if ask.all || ask.count || !ask.min && !ask.max && ask.part == nil {
		return v.named(found)
	}
	var kept []int
	if ask.part != nil {
		lo, hi := ask.part.bounds(len(found))
		kept = append(kept, found[lo:hi]...)
	}
	if ask.min && len(found) > 0 {
		kept = append(kept, found[0])
	}
	if ask.max && len(found) > 0 {
		kept = append(kept, found[len(found)-1])
	}
	uids := v.named(kept)
	slices.Sort(uids)
	return slices.Compact(uids)
}

// writeFound writes SEARCH or ESEARCH.
func (s *session) writeFound(r *request, ask searchReturn, found []int) {
	number := func(at int) uint32 {
		if r.UID {
			return uint32(s.box.uid(at))
		}
		return uint32(at + 1)
	}
	w := s.wire
	if !ask.extended && !s.enabled.rev2 {
		w.Str("* SEARCH")
		for _, at := range found {
			w.Mark(' ')
			w.Num(uint64(number(at)))
		}
		if ask.modseq && len(found) > 0 {
			w.Str(" (MODSEQ " + modseqText(s.highest(found, ask)) + ")")
		}
		w.Line()
		return
	}
	if ask.extended && !ask.told() { // SAVE alone says nothing (RFC 5182, section 2.4)
		return
	}
	w.Str("* ESEARCH (TAG ")
	w.Text(r.Tag)
	w.Mark(')')
	if r.UID {
		w.Str(" UID")
	}
	if last := len(found) - 1; last >= 0 {
		if ask.min {
			w.Str(" MIN ")
			w.Num(uint64(number(found[0])))
		}
		if ask.max {
			w.Str(" MAX ")
			w.Num(uint64(number(found[last])))
		}
		if ask.all {
			w.Str(" ALL ")
			w.Runs(len(found), func(i int) uint32 { return number(found[i]) })
		}
	}
	if ask.part != nil {
		s.writePart(ask.part, found, number)
	}
	if ask.count {
		w.Str(" COUNT ")
		w.Num(uint64(len(found)))
	}
	if ask.modseq && len(found) > 0 {
		w.Str(" MODSEQ " + modseqText(s.highest(found, ask)))
	}
	w.Line()
}

// writePart is PARTIAL (RFC 9394, section 3.1).
func (s *session) writePart(x *part, found []int, number func(int) uint32) {
	lo, hi := x.bounds(len(found))
	s.wire.Str(" PARTIAL (" + x.spelled + " ")
	if lo == hi {
		s.wire.Str("NIL)")
		return
	}
	found = found[lo:hi]
	s.wire.Runs(len(found), func(i int) uint32 { return number(found[i]) })
	s.wire.Mark(')')
}

// highest is the highest MODSEQ among what is told of a result (RFC 7162,
// section 3.1.10).
func (s *session) highest(found []int, ask searchReturn) (m mailstore.Modseq) {
	v := s.box
	told := v.named(found)
	if (ask.min || ask.max) && !ask.all && !ask.count && ask.part == nil {
		told = v.pick(found, ask)
	}
	for line, err := range v.list(mailstore.UIDsOf(told...)) {
		if err != nil {
			_ = s.fault("read MODSEQs", err) // logged there; a low one makes the client ask again
			break
		}
		m = max(m, v.rowOf(line).modseq)
	}
	return m
}
