package imap

import (
	"cmp"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// span is a run of places in a view's rows, from lo to before hi.
type span struct{ lo, hi int }

// places finds the messages of a set that a client sent, in order, each once.
// It never counts a set out: "1:4294967295" is one span. Numbers beyond the
// last message are passed over.
func (s *session) places(set goimap.NumSet) []span {
	var spans []span
	switch set := set.(type) {
	case goimap.SeqSet:
		for _, r := range set {
			spans = append(spans, s.box.numbered(r.Start, r.Stop))
		}
	case goimap.UIDSet:
		if goimap.IsSearchRes(set) {
			return s.remembered()
		}
		for _, r := range set {
			spans = append(spans, s.box.between(mailstore.UID(r.Start), mailstore.UID(r.Stop)))
		}
	}
	return merge(spans)
}

// numbered is a range of message numbers; 0 is "*".
func (v *view) numbered(start, stop uint32) span {
	last := uint32(len(v.rows))
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
	if len(v.rows) == 0 {
		return span{}
	}
	last := v.rows[len(v.rows)-1].uid
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
	var uids []mailstore.UID
	for _, s := range spans {
		for _, r := range v.rows[s.lo:s.hi] {
			uids = append(uids, r.uid)
		}
	}
	return uids
}

// uidSet writes UIDs of ours, ascending, as a set.
func uidSet(uids []mailstore.UID) goimap.UIDSet {
	var set goimap.UIDSet
	for _, u := range uids {
		if n := len(set); n > 0 && set[n-1].Stop+1 == goimap.UID(u) {
			set[n-1].Stop++
			continue
		}
		set = append(set, goimap.UIDRange{Start: goimap.UID(u), Stop: goimap.UID(u)})
	}
	return set
}
