package imap

import (
	"fmt"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/mailstore"
)

// searchBatch is how many visible headers are read at once.
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
	header   mail.Header
	emailID  string
	envelope mail.Envelope
	reading  Reading             // of a mail that is not sealed, or nil
	texts    map[string][]string // by lower-case name, "" is all of it
}

// evaluate finds the places that fit, ascending. Headers are read only of those
// messages that row and flags did not decide.
func (s *session) evaluate(tree searchKey, p *progress) ([]int, error) {
	return s.evaluateAt(tree, each([]span{{0, s.box.count()}}), p)
}

// evaluateAt looks at some places only.
func (s *session) evaluateAt(tree searchKey, places func(func(int) bool), p *progress) ([]int, error) {
	var found, undecided []int
	for at := range places {
		r := s.box.at(at)
		if r.gone {
			continue
		}
		switch tree(&candidate{view: s.box, at: at, row: r}) {
		case fits:
			found = append(found, at)
		case open:
			undecided = append(undecided, at)
		}
	}
	if err := s.box.failed(); err != nil || len(undecided) == 0 {
		return found, err
	}
	more, err := s.evaluateHeaders(tree, undecided, p)
	return union(found, more), err
}

// union merges two ascending lists without common places.
func union(a, b []int) []int {
	if len(a) == 0 {
		return b
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

func (s *session) evaluateHeaders(tree searchKey, places []int, p *progress) (found []int, err error) {
	uids := make([]mailstore.UID, 0, searchBatch)
	all := len(places)
	for len(places) > 0 {
		p.done(all-len(places), all)
		n := min(len(places), searchBatch)
		uids = uids[:0]
		for _, at := range places[:n] {
			uids = append(uids, s.box.uid(at))
		}
		places = places[n:]
		mails, err := s.mails(uids)
		if err != nil {
			return nil, err
		}
		for _, m := range mails {
			at, ok := s.box.find(m.UID)
			if ok && !s.box.at(at).gone && tree(&candidate{view: s.box, at: at, row: s.box.at(at), header: s.searchHeader(m)}) == fits {
				found = append(found, at)
			}
		}
	}
	return found, s.box.failed()
}

// mails reads the unchanging halves of some messages, all before the first is
// used: writing to a slow client must not keep the index waiting.
func (s *session) mails(uids []mailstore.UID) ([]mailstore.Mail, error) {
	mails := make([]mailstore.Mail, 0, len(uids))
	for m, err := range s.server.Store.Index.Mails(s.ctx, s.owner, s.box.id, uids) {
		if err != nil {
			return nil, fmt.Errorf("read mails: %w", err)
		}
		mails = append(mails, m)
	}
	return mails, nil
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
	h := &searchHeader{header: visible(m.Outer), emailID: emailID(m)}
	if h.envelope.UnmarshalBinary(m.Envelope) != nil {
		h.envelope = mail.Envelope{} // a date that cannot be read is none
	}
	return h
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
func received(c *candidate) (time.Time, verdict) {
	return time.Unix(c.row.received, 0).UTC(), fits
}

// saved is when it entered the mailbox.
func saved(c *candidate) (time.Time, verdict) {
	return time.Unix(c.row.saved, 0).UTC(), fits
}

// sent is the day its Date field names, in that field's own zone.
func sent(c *candidate) (time.Time, verdict) {
	switch {
	case c.header == nil:
		return time.Time{}, open
	case c.header.envelope.Date.IsZero():
		return time.Time{}, misses
	}
	return c.header.envelope.Date, fits
}
