package imap

import (
	"slices"

	"sealpost/mailstore"
)

// asking is who wants to know what of which new messages.
type asking struct {
	what *fetch
	of   mailstore.UIDSet
}

// tellNew tells of new messages what NOTIFY asked for (RFC 5465, section 5.2), and the
// searches that they came to (section 7): in one FETCH each, behind all ADDTO. Of those
// that this client put there itself it knows.
func (s *session) tellNew(fresh mailstore.UIDSet) error {
	own := s.own.Common(fresh)
	fresh, s.own = fresh.Minus(own), s.own.Minus(own)
	var all []asking
	for _, l := range s.live {
		if l.fetch != nil {
			all = append(all, asking{l.fetch, l.came.Common(fresh)})
		}
		l.came = mailstore.UIDSet{}
	}
	if w := s.watch; w != nil && w.fetch != nil {
		if fresh.Len() > maxToldNew {
			s.overflow()
		} else {
			all = append(all, asking{w.fetch, fresh})
		}
	}
	err := s.tellAsked(all)
	if err != nil && !s.wire.Over() {
		s.quit()
	}
	return err
}

// quit says that nothing of new messages is told any more, as not all of it was: otherwise
// the client would wait for what never comes (RFC 5465, section 5.8; RFC 5267, section 4.3.1).
func (s *session) quit() {
	if s.watch != nil && s.watch.fetch != nil {
		s.overflow()
	}
	s.live = slices.DeleteFunc(s.live, func(l *live) bool {
		if l.fetch != nil {
			s.noUpdate(l.tag)
		}
		return l.fetch != nil
	})
}

// tellAsked answers all askings together: messages that the same want to know of have
// the same items.
func (s *session) tellAsked(all []asking) error {
	var left mailstore.UIDSet
	for _, a := range all {
		left = left.Union(a.of)
	}
	for left.Len() > 0 {
		first, same := left.First(), left
		var wanted []*fetch
		for _, a := range all {
			if a.of.Has(first) {
				wanted, same = append(wanted, a.what), same.Common(a.of)
			} else {
				same = same.Minus(a.of)
			}
		}
		f := together(wanted)
		f.view = s.box
		if err := f.answer(s.box.only([]span{{0, s.box.count()}}, same)); err != nil {
			return err
		}
		left = left.Minus(same)
	}
	return nil
}

// together asks for all that some ask for, and for nothing twice.
func together(wanted []*fetch) *fetch {
	f := &fetch{session: wanted[0].session, wire: wanted[0].wire, asked: map[string]bool{}}
	spelled := map[string]bool{}
	for _, w := range wanted {
		f.uid = f.uid || w.uid
		for name := range w.asked {
			f.asked[name] = true
		}
		for _, i := range w.items {
			if name := i.spelled(); !spelled[name] {
				spelled[name] = true
				f.items = append(f.items, i)
			}
		}
	}
	return f
}
