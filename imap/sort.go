package imap

import (
	"fmt"
	"slices"
	"strings"

	"sealpost/imap/order"
	"sealpost/mailstore"
)

// maxOrdered bounds how many headers one SORT or THREAD compares: all of them are
// in memory at once.
const maxOrdered = 200_000

// hiddenSubject is what stands for a subject that is sealed (RFC 9788, section 3.2.1).
// All such messages have it, so it must not thread them.
const hiddenSubject = "[...]"

// sort is SORT and UID SORT (RFC 5256, section 3; RFC 5957), with RETURN (RFC 5267,
// section 3). It orders by what is visible, as SEARCH finds by it.
func (s *session) sort(r *request) error {
	p := s.searching(r.Args)
	ask, err := p.returns()
	if err == nil && ask.update && s.liveAt(r.Tag) >= 0 {
		err = sameTag
	}
	if err != nil {
		return s.unsaved(ask, err)
	}
	keys, ok := p.sortKeys()
	if !ok {
		return bad("expected SORT [RETURN (...)] (criteria) charset keys, of those that this server knows")
	}
	tree, found, err := s.foundBy(p, r)
	ask.modseq = p.modseq
	if err != nil {
		return s.unsaved(ask, err)
	}
	if err := s.inOrder(found, keys); err != nil {
		return s.unsaved(ask, s.fault("sort", err))
	}
	if ask.save {
		s.saved = s.box.pick(found, ask)
		slices.Sort(s.saved)
	}
	if ask.update {
		s.keepLive(r, ask, p, live{tree: tree, keys: keys}, found)
	}
	if ask.extended {
		s.writeFound(r, ask, found)
		return nil
	}
	s.wire.Str("* SORT")
	for _, at := range found {
		s.wire.Mark(' ')
		s.wire.Num(uint64(s.named(at, r.UID)))
	}
	if ask.modseq && len(found) > 0 { // RFC 7162, section 3.1.9
		s.wire.Str(" (MODSEQ " + modseqText(s.highest(found, ask)) + ")")
	}
	s.wire.Line()
	return nil
}

// inOrder sorts places by what stands at them.
func (s *session) inOrder(found []int, keys []order.Key) error {
	p := s.progress()
	defer p.end()
	messages, err := s.ordering(found, order.NeedsHeader(keys), func(at int) uint32 { return uint32(at) }, p)
	if err != nil {
		return err
	}
	for i, at := range order.Sort(messages, keys) {
		found[i] = int(at)
	}
	return nil
}

// named is how a client that asked by UID, or not, names the message at a place.
func (s *session) named(at int, byUID bool) uint32 {
	if byUID {
		return uint32(s.box.uid(at))
	}
	return uint32(at + 1)
}

// sortKeys reads: "(" ["REVERSE"] criterion ... ")" SP.
func (p *searchParser) sortKeys() (keys []order.Key, ok bool) {
	reverse := false
	ok = p.List(func() bool {
		word, _ := p.Word()
		by := order.Names[word]
		switch {
		case word == "REVERSE" && !reverse:
			reverse = true
			return true
		case by == 0 || len(keys) >= 2*len(order.Names):
			return false
		}
		keys = append(keys, order.Key{By: by, Reverse: reverse})
		reverse = false
		return true
	})
	return keys, ok && len(keys) > 0 && !reverse && p.Space()
}

// foundBy reads "charset keys" up to the end, and finds what fits.
func (s *session) foundBy(p *searchParser, r *request) (searchKey, []int, error) {
	name, ok := p.Astring()
	if !ok || !p.Space() {
		return nil, nil, bad("expected a charset and search keys")
	}
	if err := knownCharset(name); err != nil {
		return nil, nil, err
	}
	tree, ok := p.keys()
	r.counted = p.counted
	if !ok || !p.End() {
		return nil, nil, bad("expected search keys that this server knows")
	}
	if p.counted && s.enabled.uidOnly {
		return nil, nil, uidRequired
	}
	if p.modseq {
		s.followModseqs()
	}
	found, err := s.evaluate(p, tree)
	return tree, found, s.fault("search", err)
}

// ordering reads what is compared of the messages at some places. Of one that was
// expunged meanwhile little is known, but it has its number still.
func (s *session) ordering(found []int, headers bool, number func(at int) uint32, p *progress) ([]order.Message, error) {
	if headers && len(found) > maxOrdered {
		return nil, no("LIMIT", "too many messages at once: narrow the search")
	}
	v, got, next := s.box, 0, 0
	messages := make([]order.Message, len(found))
	for i, at := range found {
		messages[i].Number = number(at)
	}
	wanted := mailstore.UIDsOf(v.named(found)...)
	for line, err := range s.lister(v.id, mailstore.Columns{Whole: headers})(wanted) {
		p.done(got, len(found))
		if err != nil {
			return nil, fmt.Errorf("read what is compared: %w", err)
		}
		for v.uid(found[next]) != line.UID {
			next++
		}
		m, r := &messages[next], v.rowOf(line)
		m.Arrival, m.Size = r.received, r.size
		if headers {
			readSearchHeader(line.Mail).order(m)
		}
		got++
	}
	v.lacks(wanted, got)
	return messages, nil
}

// order fills in what a visible header says.
func (h *searchHeader) order(m *order.Message) {
	e := h.envelope()
	m.Date, m.Subject, m.ID = e.Date, e.Subject, order.Clean(e.MessageID)
	if m.Subject == hiddenSubject {
		m.Subject, m.Hidden = "", true
	}
	if len(e.From) > 0 {
		m.From = e.From[0].Local
		m.DisplayFrom = displayName(e.From[0].Name, e.From[0].Local, e.From[0].Domain)
	}
	if len(e.To) > 0 {
		m.To = e.To[0].Local
		m.DisplayTo = displayName(e.To[0].Name, e.To[0].Local, e.To[0].Domain)
	}
	if len(e.Cc) > 0 {
		m.Cc = e.Cc[0].Local
	}
	if field, ok := h.header.Get("References"); ok {
		m.References = messageIDs(field.Value())
	}
	if len(m.References) == 0 && len(e.InReplyTo) > 0 {
		m.References = []string{order.Clean(e.InReplyTo[0])}
	}
}

// displayName is what DISPLAYFROM and DISPLAYTO compare (RFC 5957, section 3).
func displayName(name, local, domain string) string {
	switch {
	case name != "":
		return name
	case domain == "": // a group, by its name
		return local
	}
	return local + "@" + domain
}

// maxReferences bounds what one message may refer to: the last ones count.
const maxReferences = 100

// messageIDs takes the message ids out of a References field.
func messageIDs(value string) (ids []string) {
	for {
		_, rest, open := strings.Cut(value, "<")
		id, after, closed := strings.Cut(rest, ">")
		if !open || !closed {
			return ids[max(0, len(ids)-maxReferences):]
		}
		ids, value = append(ids, order.Clean(strings.Join(strings.Fields(id), ""))), after
	}
}
