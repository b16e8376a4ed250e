package imap

import (
	"cmp"
	"slices"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// span is a run of places in a view's rows, from lo to before hi.
type span struct{ lo, hi int }

// places reads a set and finds its messages, in order, each once. Numbers
// beyond the last message are passed over.
func (s *session) places(p *wire.Parser, byUID bool) ([]span, error) {
	set, ok := p.Set()
	if !ok {
		return nil, bad("expected a set of messages")
	}
	return s.find(set, byUID), nil
}

func (s *session) find(set wire.Set, byUID bool) []span {
	if set.Saved {
		return s.remembered()
	}
	spans := make([]span, 0, len(set.Ranges))
	for _, r := range set.Ranges {
		if byUID {
			spans = append(spans, s.box.between(mailstore.UID(r.Start), mailstore.UID(r.Stop)))
		} else {
			spans = append(spans, s.box.numbered(r.Start, r.Stop))
		}
	}
	return merge(spans)
}

// numbered is a range of message numbers; 0 is "*".
func (v *view) numbered(start, stop uint32) span {
	last := uint32(v.count())
	start, stop = star(start, last), star(stop, last)
	if start > stop {
		start, stop = stop, start
	}
	if start > last || last == 0 {
		return span{}
	}
	return span{int(start) - 1, int(min(stop, last))}
}

// between is a range of UIDs; 0 is "*", the highest there is.
func (v *view) between(start, stop mailstore.UID) span {
	if v.count() == 0 {
		return span{}
	}
	last := v.uid(v.count() - 1)
	start, stop = star(start, last), star(stop, last)
	if start > stop {
		start, stop = stop, start
	}
	lo, _ := v.find(start)
	hi, found := v.find(stop)
	if found {
		hi++
	}
	return span{lo, hi}
}

func star[N mailstore.UID | uint32](n, last N) N {
	if n == 0 {
		return last
	}
	return n
}

func merge(spans []span) []span {
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.lo >= s.hi })
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s.lo <= merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// remembered are the places of "$" that are still there.
func (s *session) remembered() []span {
	var spans []span
	for _, uid := range s.saved {
		if at, ok := s.box.find(uid); ok {
			spans = append(spans, span{at, at + 1})
		}
	}
	return merge(spans)
}

// uids are the UIDs at some places.
func (v *view) uids(spans []span) []mailstore.UID {
	n := 0
	for _, s := range spans {
		n += s.hi - s.lo
	}
	uids := make([]mailstore.UID, 0, n)
	for at := range each(spans) {
		uids = append(uids, v.uid(at))
	}
	return uids
}

// chosen are the same as a set.
func (v *view) chosen(spans []span) mailstore.UIDSet {
	if len(spans) == 1 {
		return v.set.Slice(spans[0].lo, spans[0].hi)
	}
	var b mailstore.UIDSetBuilder
	for _, s := range spans {
		for first, last := range v.set.Slice(s.lo, s.hi).Runs() {
			b.AddRun(first, last)
		}
	}
	return b.Set()
}

// named are the UIDs of messages at some places, in the order of those.
func (v *view) named(places []int) []mailstore.UID {
	uids := make([]mailstore.UID, len(places))
	for i, at := range places {
		uids[i] = v.uid(at)
	}
	return uids
}

// each yields the places of spans.
func each(spans []span) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, s := range spans {
			for at := s.lo; at < s.hi; at++ {
				if !yield(at) {
					return
				}
			}
		}
	}
}
