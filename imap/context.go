package imap

import (
	"slices"

	"sealpost/imap/order"
	"sealpost/imap/wire"
	"sealpost/mailstore"
)

const (
	// maxContexts bounds the searches of a client that are kept up to date.
	maxContexts = 8

	// maxLiveSort bounds the results of a SORT that is: their order is worked out
	// anew whenever one comes to them.
	maxLiveSort = 1000
)

// live is a SEARCH or SORT whose client is told how its result changes (RFC 5267,
// section 4).
type live struct {
	tag    string
	byUID  bool
	tree   searchKey
	found  mailstore.UIDSet
	fetch  *fetch           // what is told of new messages that come to it, or nil
	came   mailstore.UIDSet // those that just did
	keys   []order.Key      // of a SORT, and
	sorted []mailstore.UID  // its result
}

// keepLive keeps a search up to date from here on, or says that it will not.
func (s *session) keepLive(r *request, ask searchReturn, p *searchParser, l live, found []int) {
	l.tag, l.byUID, l.fetch = r.Tag, r.UID, ask.fetch
	uids := s.box.named(found)
	if l.found = mailstore.UIDsOf(uids...); l.keys != nil {
		l.sorted = uids
	}
	// What OLDER and YOUNGER find changes with nothing but time.
	if len(s.live) >= maxContexts || p.aged || len(l.sorted) > maxLiveSort {
		s.noUpdate(l.tag)
		return
	}
	s.live = append(s.live, &l)
}

// noUpdate says that a result is not kept up to date, or no longer (RFC 5267,
// section 4.3.1).
func (s *session) noUpdate(tag string) {
	s.wire.Str("* NO [NOUPDATE ")
	s.wire.Text(tag)
	s.wire.Str("] its result is not kept up to date\r\n")
}

// endNumbered ends the searches whose results are message numbers: after ENABLE UIDONLY
// none may be told (RFC 9586, section 3).
func (s *session) endNumbered() {
	s.live = slices.DeleteFunc(s.live, func(l *live) bool {
		if !l.byUID {
			s.noUpdate(l.tag)
		}
		return !l.byUID
	})
}

// liveAt is the place of the context that a tag names, or -1.
func (s *session) liveAt(tag string) int {
	return slices.IndexFunc(s.live, func(l *live) bool { return l.tag == tag })
}

// tellGone takes what is about to be expunged out of the results, while its
// number still stands for it.
func (s *session) tellGone() {
	for _, l := range s.live {
		s.removeFrom(l, l.found.Common(s.box.gone))
	}
}

// tellContexts tells how messages that changed or are new change the results.
func (s *session) tellContexts(n news) {
	if n.changed.Len() == 0 || len(s.live) == 0 {
		return
	}
	changed := n.changed.Common(s.box.set)
	s.live = slices.DeleteFunc(s.live, func(l *live) bool {
		err := s.refresh(l, changed, n.fresh)
		if err != nil {
			_ = s.fault("refresh a search", err) // logged there; the client is told
			s.noUpdate(l.tag)
		}
		return err != nil
	})
}

// refresh looks at messages again that a result may have lost or won. Attributes are
// told of those that are new, not of those that came by their flags (RFC 5465, section 7).
func (s *session) refresh(l *live, changed, fresh mailstore.UIDSet) error {
	found, err := s.evaluateAmong(l.tree, changed, nil)
	if err != nil {
		return err
	}
	fit := mailstore.UIDsOf(s.box.named(found)...)
	s.removeFrom(l, l.found.Common(changed).Minus(fit))
	added := fit.Minus(l.found)
	if added.Len() == 0 {
		return nil
	}
	l.found, l.came = l.found.Union(added), added.Common(fresh)
	return s.addTo(l, added)
}

// removeFrom is REMOVEFROM (RFC 5267, section 4.3.4). Of a SORT each is named with
// its position, the last one first; the order of a SEARCH is that of the mailbox.
func (s *session) removeFrom(l *live, uids mailstore.UIDSet) {
	if uids.Len() == 0 {
		return
	}
	l.found = l.found.Minus(uids)
	s.beginUpdate(l, "REMOVEFROM")
	if l.keys == nil {
		s.wire.Str("0 ")
		s.writeUpdate(l, uids)
	}
	next := ""
	for i := len(l.sorted) - 1; i >= 0; i-- {
		if uids.Has(l.sorted[i]) {
			s.wire.Str(next)
			s.wire.Num(uint64(i + 1))
			s.wire.Mark(' ')
			s.writeUpdate(l, mailstore.UIDsOf(l.sorted[i]))
			next = " "
		}
	}
	l.sorted = slices.DeleteFunc(l.sorted, uids.Has)
	s.wire.Str(")\r\n")
}

// addTo is ADDTO (RFC 5267, section 4.3.3). Of a SORT each is named with its
// position, the first one first.
func (s *session) addTo(l *live, uids mailstore.UIDSet) error {
	if l.keys == nil {
		s.beginUpdate(l, "ADDTO")
		s.wire.Str("0 ")
		s.writeUpdate(l, uids)
		s.wire.Str(")\r\n")
		return nil
	}
	if l.found.Len() > maxLiveSort {
		return no("LIMIT", "too many messages to keep in order")
	}
	found := slices.Collect(each(s.box.only([]span{{0, s.box.count()}}, l.found)))
	messages, err := s.ordering(found, order.NeedsHeader(l.keys), func(at int) uint32 { return uint32(at) }, nil)
	if err != nil {
		return err
	}
	s.beginUpdate(l, "ADDTO")
	next := ""
	l.sorted = l.sorted[:0]
	for i, at := range order.Sort(messages, l.keys) {
		uid := s.box.uid(int(at))
		l.sorted = append(l.sorted, uid)
		if uids.Has(uid) {
			s.wire.Str(next)
			s.wire.Num(uint64(i + 1))
			s.wire.Mark(' ')
			s.writeUpdate(l, mailstore.UIDsOf(uid))
			next = " "
		}
	}
	s.wire.Str(")\r\n")
	return nil
}

func (s *session) beginUpdate(l *live, what string) {
	s.wire.Str("* ESEARCH (TAG ")
	s.wire.Text(l.tag)
	s.wire.Mark(')')
	if l.byUID {
		s.wire.Str(" UID")
	}
	s.wire.Str(" " + what + " (")
}

// writeUpdate names messages as the client that searched does.
func (s *session) writeUpdate(l *live, uids mailstore.UIDSet) {
	if l.byUID {
		s.wire.Str(uids.String())
		return
	}
	list := uids.List()
	s.wire.Runs(len(list), func(i int) uint32 {
		at, _ := s.box.find(list[i])
		return uint32(at + 1)
	})
}

// attributes reads attributes of FETCH in parentheses: what is told of new messages
// (RFC 5465, sections 5.2 and 7).
func (s *session) attributes(p *wire.Parser) (*fetch, bool) {
	f := &fetch{session: s, wire: s.wire, asked: map[string]bool{}}
	ok := p.List(func() bool { return f.item(p) })
	return f, ok && (f.uid || len(f.items) > 0) && f.bounded() == nil
}

// lasting is a set among the keys of a search that is kept up to date: it goes on
// naming the messages that it names now, and of UIDs those to come.
func (p *searchParser) lasting(set wire.Set, byUID bool) searchKey {
	v := p.session.box
	if !byUID || set.Saved {
		named := mailstore.UIDsOf(v.uids(p.session.find(set, byUID))...)
		return func(c *candidate) verdict { return is(named.Has(c.row.uid)) }
	}
	ranges := slices.Clone(set.Ranges)
	for i := range ranges {
		a, b := star(ranges[i].Start, uint32(v.set.Last())), star(ranges[i].Stop, uint32(v.set.Last()))
		ranges[i] = wire.Range{Start: min(a, b), Stop: max(a, b)}
	}
	return func(c *candidate) verdict {
		return is(slices.ContainsFunc(ranges, func(r wire.Range) bool {
			return r.Start <= uint32(c.row.uid) && uint32(c.row.uid) <= r.Stop
		}))
	}
}
