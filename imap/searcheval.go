package imap

import (
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
	envelope mail.Envelope
	texts    map[string][]string // by lower-case name, "" is all of it
}

// evaluate finds the places that fit, ascending. Headers are read only of those
// messages that row and flags did not decide.
func (s *session) evaluate(tree searchKey) ([]int, error) {
	var found, undecided []int
	for at, r := range s.box.rows {
		switch tree(&candidate{view: s.box, at: at, row: r}) {
		case fits:
			found = append(found, at)
		case open:
			undecided = append(undecided, at)
		}
	}
	if len(undecided) == 0 {
		return found, nil
	}
	more, err := s.evaluateHeaders(tree, undecided)
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

func (s *session) evaluateHeaders(tree searchKey, places []int) (found []int, err error) {
	uids := make([]mailstore.UID, 0, searchBatch)
	for len(places) > 0 {
		n := min(len(places), searchBatch)
		uids = uids[:0]
		for _, at := range places[:n] {
			uids = append(uids, s.box.rows[at].uid)
		}
		places = places[n:]
		mails, err := s.mails(uids)
		if err != nil {
			return nil, err
		}
		for _, m := range mails {
			at, ok := s.box.find(m.UID)
			if ok && tree(&candidate{view: s.box, at: at, row: s.box.rows[at], header: readSearchHeader(m)}) == fits {
				found = append(found, at)
			}
		}
	}
	return found, nil
}

func readSearchHeader(m mailstore.Mail) *searchHeader {
	h := &searchHeader{header: visible(m.Outer)}
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

// received is a message's internal date.
func received(c *candidate) (time.Time, verdict) {
	return time.Unix(c.row.received, 0).UTC(), fits
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
