package imap

import (
	"fmt"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/mailstore"
)

// searchBatch is how many visible headers are read before the clock is.
const searchBatch = 128

// candidate is a message under a SEARCH.
type candidate struct {
	view   *view
	at     int
	row    row
	header *searchHeader // nil until it has been read
}

// searchHeader is a visible header made ready for comparing.
type searchHeader struct {
	header  mail.Header
	emailID string
	encoded []byte              // the envelope
	known   *mail.Envelope      // the same, once somebody asked
	reading Reading             // of a mail that is not sealed, or nil
	texts   map[string][]string // by lower-case name, "" is all of it
}

// evaluate finds the places that fit, ascending.
func (s *session) evaluate(p *searchParser, tree searchKey) ([]int, error) {
	going := s.progress()
	defer going.end()
	uids, err := p.narrowed()
	if err != nil {
		return nil, err
	}
	return s.evaluateAmong(tree, uids, going)
}

// narrowed are the messages that are left by keys which all must fit: sets, and marks
// that the index keeps sets of. Of the others no row is read.
func (p *searchParser) narrowed() (mailstore.UIDSet, error) {
	s := p.session
	uids := s.box.set
	for _, spans := range p.among {
		uids = uids.Common(s.box.chosen(spans))
	}
	for _, m := range p.marks {
		marked, err := s.server.Store.Index.Marked(s.ctx, s.owner, s.box.id, m)
		if err != nil {
			return mailstore.UIDSet{}, fmt.Errorf("read marks: %w", err)
		}
		uids = uids.Common(marked)
	}
	return uids, nil
}

// evaluateAmong looks at some messages of the view only. Headers are read only of those
// that row and flags did not decide.
func (s *session) evaluateAmong(tree searchKey, uids mailstore.UIDSet, p *progress) (found []int, err error) {
	v, got := s.box, 0
	var undecided mailstore.UIDSetBuilder
	c := candidate{view: v}
	for line, err := range v.list(uids) {
		if err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		got++
		c.at, _ = v.find(line.UID)
		c.row = v.rowOf(line)
		switch tree(&c) {
		case fits:
			found = append(found, c.at)
		case open:
			undecided.Add(line.UID)
		}
	}
	v.lacks(uids, got)
	more, err := s.evaluateHeaders(tree, undecided.Set(), p)
	return union(found, more), err
}

// union merges two ascending lists without common places.
func union(a, b []int) []int {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]int, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

func (s *session) evaluateHeaders(tree searchKey, uids mailstore.UIDSet, p *progress) (found []int, err error) {
	v, all, got := s.box, uids.Len(), 0
	c := candidate{view: v}
	for line, err := range s.lister(v.id, mailstore.Columns{Whole: true})(uids) {
		if err != nil {
			return nil, fmt.Errorf("read mails: %w", err)
		}
		if got++; got%searchBatch == 0 {
			p.done(got, all)
		}
		c.at, _ = v.find(line.UID)
		c.row, c.header = v.rowOf(line), s.searchHeader(line.Mail)
		if tree(&c) == fits {
			found = append(found, c.at)
		}
	}
	return found, nil
}

// searchHeader reads what a SEARCH may look at.
func (s *session) searchHeader(m mailstore.Mail) *searchHeader {
	h := readSearchHeader(m)
	if k := s.server.Keeping; k != nil {
		h.reading, _ = k.Open(s.ctx, m) // one that cannot be read holds nothing
	}
	return h
}

func readSearchHeader(m mailstore.Mail) *searchHeader {
	return &searchHeader{header: visible(m.Outer), emailID: emailID(m), encoded: m.Envelope}
}

// envelope is read when a key asks for it.
func (h *searchHeader) envelope() *mail.Envelope {
	if h.known == nil {
		h.known = &mail.Envelope{}
		if h.known.UnmarshalBinary(h.encoded) != nil {
			*h.known = mail.Envelope{} // a date that cannot be read is none
		}
	}
	return h.known
}

// text is what a field says, decoded and folded for comparing, once for each
// time it stands there.
func (h *searchHeader) text(name string) []string {
	name = strings.ToLower(name)
	if t, ok := h.texts[name]; ok {
		return t
	}
	texts := []string{}
	for _, f := range h.header.Fields {
		switch {
		case name == "":
			texts = append(texts, foldText(f.Name+": "+f.Value()), foldText(mail.Decode(f.Value())))
		case strings.EqualFold(f.Name, name):
			texts = append(texts, foldText(mail.Decode(f.Value())))
		}
	}
	if h.texts == nil {
		h.texts = map[string][]string{}
	}
	h.texts[name] = texts
	return texts
}

func foldText(s string) string { return strings.ToLower(s) }

// headerKey fits when a field of that name holds text; an empty text fits when
// there is such a field (RFC 9051, section 6.4.4).
func headerKey(name, text string) searchKey {
	text = foldText(text)
	return func(c *candidate) verdict {
		if c.header == nil {
			return open
		}
		for _, t := range c.header.text(name) {
			if strings.Contains(t, text) {
				return fits
			}
		}
		return misses
	}
}

// bodyKey is BODY and TEXT. Of sealed mail nothing but the visible header can be
// looked at, so both do that.
func bodyKey(text string, header bool) searchKey {
	inHeader := headerKey("", text)
	return func(c *candidate) verdict {
		if c.header == nil {
			return open
		}
		if c.header.reading == nil || header && inHeader(c) == fits {
			return inHeader(c)
		}
		return is(c.header.reading.Holds(text))
	}
}

// received is a message's internal date.
func received(s *Server, c *candidate) (time.Time, verdict) {
	return s.clock(c.row.received), fits
}

// saved is when it entered the mailbox.
func saved(s *Server, c *candidate) (time.Time, verdict) {
	return s.clock(c.row.saved), fits
}

// clock is a moment, in Unix seconds, as clocks in the server's zone showed it.
func (s *Server) clock(seconds int64) time.Time {
	if s.Zone == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Unix(seconds, 0).In(s.Zone)
}

// sent is the day its Date field names, in that field's own zone.
func sent(_ *Server, c *candidate) (time.Time, verdict) {
	switch {
	case c.header == nil:
		return time.Time{}, open
	case c.header.envelope().Date.IsZero():
		return time.Time{}, misses
	}
	return c.header.envelope().Date, fits
}
