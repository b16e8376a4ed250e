package imap

import (
	"strconv"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// fetchModifiers are what may stand behind the items of FETCH (RFC 4466).
var fetchModifiers = map[string]func(*fetch, *wire.Parser) bool{
	"CHANGEDSINCE": (*fetch).changedSince,
	"VANISHED":     func(f *fetch, _ *wire.Parser) bool { f.vanished = true; return true },
	"PARTIAL":      (*fetch).partial,
}

// changedSince is CHANGEDSINCE (RFC 7162, section 3.1.4.1). MODSEQ is told with
// it, asked for or not.
func (f *fetch) changedSince(p *wire.Parser) bool {
	ok := p.Space()
	n, known := p.Number()
	f.changed, f.since = true, mailstore.Modseq(n)
	f.session.followModseqs()
	if !f.asked["MODSEQ"] {
		modseq, _ := modseqItem(f, p)
		modseq.name = "MODSEQ"
		f.asked["MODSEQ"] = true
		f.items = append(f.items, modseq)
	}
	return ok && known
}

func (f *fetch) partial(p *wire.Parser) (ok bool) {
	if ok = p.Space() && f.part == nil; ok {
		f.part, ok = parsePart(p)
	}
	return ok
}

// modifiers reads: SP "(" modifier ... ")".
func (f *fetch) modifiers(p *wire.Parser, uid bool) error {
	ok := p.Space() && p.List(func() bool {
		word, _ := p.Word()
		read := fetchModifiers[word]
		return read != nil && read(f, p)
	})
	switch {
	case !ok || !p.End():
		return bad("expected (CHANGEDSINCE modseq [VANISHED] PARTIAL range)")
	case f.vanished && (!uid || !f.changed || !f.session.enabled.qresync):
		return bad("VANISHED goes with UID FETCH, CHANGEDSINCE and ENABLE QRESYNC (RFC 7162, section 3.2.6)")
	case f.part != nil && !uid:
		return bad("PARTIAL goes with UID FETCH (RFC 9394, section 3.3)")
	}
	return nil
}

// choose applies the modifiers to the messages of a set, which p still has.
func (f *fetch) choose(spans []span, p wire.Parser, uid bool) ([]span, error) {
	if f.part != nil { // before CHANGEDSINCE, however they stand (RFC 9394, section 3.4)
		spans = f.part.of(spans)
	}
	if f.changed {
		set := everyUID
		if asked, ok := p.Set(); ok && uid && !asked.Saved {
			set = asked.Ordered(lastUID)
		}
		changed, err := f.session.missed(f.since, set, f.vanished)
		if err != nil {
			return nil, err
		}
		spans = f.view.only(spans, changed)
	}
	return spans, nil
}

// only leaves the places of some UIDs.
func (v *view) only(spans []span, uids mailstore.UIDSet) (out []span) {
	for uid := range uids.All() {
		at, ok := v.find(uid)
		for len(spans) > 0 && spans[0].hi <= at {
			spans = spans[1:]
		}
		if len(spans) == 0 {
			break
		}
		if ok && spans[0].lo <= at {
			out = append(out, span{at, at + 1})
		}
	}
	return merge(out)
}

// part is a partial range (RFC 9394): from the first result on, or with
// negative numbers from the last one back.
type part struct {
	from, to int64 // 1 is the first
	last     bool  // counted from the end
	spelled  string
}

// parsePart reads a partial range. It is answered with the number first that is nearer
// to where counting begins, in whichever order they came: both are the same range (RFC 9394,
// section 4), and imaptest wants this one.
func parsePart(p *wire.Parser) (*part, bool) {
	x := &part{last: p.Special("-")}
	from, ok1 := p.Number()
	ok2 := p.Special(":")
	ok3 := p.Special("-") == x.last
	to, ok4 := p.Number()
	x.from, x.to = min(from, to), max(from, to)
	sign := ""
	if x.last {
		sign = "-"
	}
	x.spelled = sign + strconv.FormatInt(x.from, 10) + ":" + sign + strconv.FormatInt(x.to, 10)
	return x, ok1 && ok2 && ok3 && ok4 && x.from > 0 && x.to < 1<<32
}

// bounds are where the part lies among n results.
func (x *part) bounds(n int) (lo, hi int) {
	from, to := min(x.from-1, int64(n)), min(x.to, int64(n))
	if x.last {
		return n - int(to), n - int(from)
	}
	return int(from), int(to)
}

// of cuts the part out of some places.
func (x *part) of(spans []span) (out []span) {
	n := 0
	for _, s := range spans {
		n += s.hi - s.lo
	}
	lo, hi := x.bounds(n)
	for _, s := range spans {
		size := s.hi - s.lo
		if from, to := max(lo, 0), min(hi, size); from < to {
			out = append(out, span{s.lo + from, s.lo + to})
		}
		lo, hi = lo-size, hi-size
	}
	return out
}
