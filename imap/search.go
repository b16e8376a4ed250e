package imap

import (
	"fmt"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// searchReturn is what ESEARCH asks back (RFC 4731, RFC 5182).
type searchReturn struct {
	extended                   bool
	min, max, all, count, save bool
}

// search is SEARCH and UID SEARCH (RFC 9051, section 6.4.4). It answers from
// what is visible: flags, dates, sizes and the header at the account's level.
// BODY and TEXT look at the visible header too, for there is nothing else.
func (s *session) search(c command) error {
	if s.box == nil {
		return bad("select a mailbox first")
	}
	ask, tree, err := s.parseSearch(c.args)
	if err != nil {
		if ask.save {
			s.saved = nil // RFC 5182, section 2.1
		}
		return err
	}
	found, err := s.evaluate(tree)
	if err != nil {
		return s.fault("search", err)
	}
	if ask.save {
		s.saved = s.box.pick(found, ask)
	}
	s.writeFound(c, ask, found)
	return s.done(c)
}

// parseSearch reads the arguments: return options, charset, keys.
func (s *session) parseSearch(args string) (ask searchReturn, tree searchKey, err error) {
	p := searchParser{parser: parser{rest: args}, session: s}
	if ask, err = p.returns(); err != nil {
		return ask, nil, err
	}
	if err = p.charset(); err != nil {
		return ask, nil, err
	}
	tree, ok := p.keys()
	if !ok || !p.end() {
		return ask, nil, bad("expected search keys that this server knows")
	}
	return ask, tree, nil
}

// returns reads "RETURN (...) ".
func (p *searchParser) returns() (ask searchReturn, err error) {
	const word = "RETURN "
	if len(p.rest) < len(word) || !strings.EqualFold(p.rest[:len(word)], word) {
		ask.all = true
		return ask, nil
	}
	p.rest = p.rest[len(word):]
	ask.extended = true
	known := true
	ok := p.list(func() bool {
		option, ok := p.word()
		switch option {
		case "MIN":
			ask.min = true
		case "MAX":
			ask.max = true
		case "ALL":
			ask.all = true
		case "COUNT":
			ask.count = true
		case "SAVE":
			ask.save = true
		default:
			known = false
		}
		return ok
	})
	if !ok || !known || !p.space() {
		return ask, bad("expected RETURN (MIN MAX ALL COUNT SAVE)")
	}
	if !ask.min && !ask.max && !ask.count && !ask.save {
		ask.all = true
	}
	return ask, nil
}

func (p *searchParser) charset() error {
	const word = "CHARSET "
	if len(p.rest) < len(word) || !strings.EqualFold(p.rest[:len(word)], word) {
		return nil
	}
	p.rest = p.rest[len(word):]
	name, ok := p.astring()
	if !ok || !p.space() {
		return bad("expected CHARSET name")
	}
	switch strings.ToUpper(name) {
	case "UTF-8", "US-ASCII", "ASCII":
		return nil
	}
	return no("BADCHARSET (US-ASCII UTF-8)", "unknown charset")
}

// pick is what SAVE keeps of a result: only what MIN and MAX name if nothing
// more was asked for (RFC 5182, section 2.4).
func (v *view) pick(found []int, ask searchReturn) []mailstore.UID {
	var uids []mailstore.UID
	if (ask.min || ask.max) && !ask.all && !ask.count {
		if ask.min && len(found) > 0 {
			uids = append(uids, v.rows[found[0]].uid)
		}
		if last := len(found) - 1; ask.max && last >= 0 && !(ask.min && last == 0) {
			uids = append(uids, v.rows[found[last]].uid)
		}
		return uids
	}
	for _, at := range found {
		uids = append(uids, v.rows[at].uid)
	}
	return uids
}

// writeFound writes SEARCH or ESEARCH.
func (s *session) writeFound(c command, ask searchReturn, found []int) {
	byUID := c.name == "UID SEARCH"
	number := func(at int) uint32 {
		if byUID {
			return uint32(s.box.rows[at].uid)
		}
		return uint32(at + 1)
	}
	if !ask.extended && !s.conn.EnabledCaps().Has(goimap.CapIMAP4rev2) {
		s.wire.WriteString("* SEARCH")
		for _, at := range found {
			fmt.Fprintf(s.wire, " %d", number(at))
		}
		s.wire.WriteString("\r\n")
		return
	}
	fmt.Fprintf(s.wire, "* ESEARCH (TAG %s)", appendQuoted(nil, []byte(c.tag)))
	if byUID {
		s.wire.WriteString(" UID")
	}
	if last := len(found) - 1; last >= 0 {
		if ask.min {
			fmt.Fprintf(s.wire, " MIN %d", number(found[0]))
		}
		if ask.max {
			fmt.Fprintf(s.wire, " MAX %d", number(found[last]))
		}
		if ask.all {
			s.wire.WriteString(" ALL ")
			s.writeRuns(found, number)
		}
	}
	if ask.count {
		fmt.Fprintf(s.wire, " COUNT %d", len(found))
	}
	s.wire.WriteString("\r\n")
}

// writeRuns writes numbers as a set, without holding it.
func (s *session) writeRuns(found []int, number func(int) uint32) {
	for i := 0; i < len(found); {
		first := number(found[i])
		last := first
		for i++; i < len(found) && number(found[i]) == last+1; i++ {
			last++
		}
		fmt.Fprintf(s.wire, "%d", first)
		if last > first {
			fmt.Fprintf(s.wire, ":%d", last)
		}
		if i < len(found) {
			s.wire.WriteString(",")
		}
	}
}
