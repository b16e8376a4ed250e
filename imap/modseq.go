package imap

import (
	"strconv"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// followModseqs is CONDSTORE (RFC 7162, section 3.1): from here on MODSEQ is told
// with every change. Whoever has a mailbox selected is told where it stands.
func (s *session) followModseqs() {
	if s.enabled.condstore {
		return
	}
	s.enabled.condstore = true
	if s.box != nil {
		s.box.modseqs = true
		s.wire.Str("* OK [HIGHESTMODSEQ " + modseqText(s.box.since) + "] the highest\r\n")
	}
}

// modseqText: a mailbox in which nothing happened yet has 1, for 0 is no MODSEQ.
func modseqText(m mailstore.Modseq) string { return strconv.FormatUint(uint64(max(m, 1)), 10) }

// resync is what a client says of a mailbox that it knows (RFC 7162, section
// 3.2.5): QRESYNC (UIDVALIDITY MODSEQ [UIDs [(numbers UIDs)]]).
type resync struct {
	valid uint32
	since mailstore.Modseq
	known *wire.Set // nil: all
}

// selectParams reads what may stand behind SELECT's mailbox (RFC 4466).
func (s *session) selectParams(p *wire.Parser) (q *resync, err error) {
	if p.End() {
		return nil, nil
	}
	wrong := bad("expected (CONDSTORE) or (QRESYNC (uidvalidity modseq ...))")
	ok := p.Space() && p.List(func() bool {
		switch {
		case p.Fold("CONDSTORE"):
			s.followModseqs()
			return true
		case p.Fold("QRESYNC"):
			q, wrong = s.parseResync(p)
			return q != nil
		}
		return false
	})
	if !ok || !p.End() {
		return nil, wrong
	}
	return q, nil
}

func (s *session) parseResync(p *wire.Parser) (*resync, *status) {
	wrong := bad("expected QRESYNC (uidvalidity modseq [uids [(numbers uids)]])")
	if !s.enabled.qresync {
		return nil, bad("ENABLE QRESYNC comes first (RFC 7162, section 3.2.5)")
	}
	ok := p.Special(" (")
	valid, ok1 := p.Number()
	ok2 := p.Space()
	since, ok3 := p.Number()
	if !ok || !ok1 || !ok2 || !ok3 || valid < 1 || valid > 1<<32-1 || since < 1 {
		return nil, wrong
	}
	q := &resync{valid: uint32(valid), since: mailstore.Modseq(since)}
	if p.Space() {
		if !p.Next("(") {
			known, ok := p.Set()
			if !ok || known.Saved {
				return nil, wrong
			}
			q.known = &known
			if !p.Space() {
				return q, closing(p, wrong)
			}
		}
		if s.enabled.uidOnly {
			return nil, uidRequired
		}
		if !matchData(p) {
			return nil, wrong
		}
	}
	return q, closing(p, wrong)
}

func closing(p *wire.Parser, wrong *status) *status {
	if p.Special(")") {
		return nil
	}
	return wrong
}

// matchData reads what a client says of numbers that it still knows. It could
// only shorten our answer when expunges are forgotten, and is not used.
func matchData(p *wire.Parser) bool {
	if !p.Special("(") {
		return false
	}
	_, ok1 := p.Set()
	ok2 := p.Space()
	_, ok3 := p.Set()
	return ok1 && ok2 && ok3 && p.Special(")")
}

// resync tells all that changed since a client was here last, in one answer.
func (s *session) resync(q *resync) error {
	known := everyUID
	if q.known != nil {
		known = q.known.Ordered(lastUID)
	}
	changed, err := s.missed(q.since, known, true)
	if err != nil {
		return err
	}
	for uid := range changed.All() {
		at, _ := s.box.find(uid)
		s.writeFlags(at)
	}
	s.box.forget() // the next command reads what is there by then
	return s.box.failed()
}

const lastUID = 1<<32 - 1

var everyUID = []wire.Range{{Start: 1, Stop: lastUID}}

// missed gives the UIDs that changed since a MODSEQ, ascending, and with vanished
// tells which of some UIDs are gone. Where the index has forgotten expunges, all
// that could be gone is told (RFC 7162, section 3.2.5.2).
func (s *session) missed(since mailstore.Modseq, known []wire.Range, vanished bool) (changed mailstore.UIDSet, err error) {
	c, err := s.server.Store.Index.Changes(s.ctx, s.owner, s.box.id, since)
	if err != nil {
		return mailstore.UIDSet{}, err
	}
	if vanished { // what the client still counts goes with its number, at its moment
		s.writeVanished(among(c.Vanished.Minus(s.box.set), known))
	}
	return among(c.Changed.Common(s.box.set), known), nil
}

// among are those of a set that are in some ranges.
func among(set mailstore.UIDSet, ranges []wire.Range) mailstore.UIDSet {
	var b mailstore.UIDSetBuilder
	for _, r := range ranges {
		for first, last := range set.Between(mailstore.UID(r.Start), mailstore.UID(r.Stop)).Runs() {
			b.AddRun(first, last)
		}
	}
	return b.Set()
}

func (s *session) writeVanished(uids mailstore.UIDSet) {
	if uids.Len() == 0 {
		return
	}
	s.wire.Str("* VANISHED (EARLIER) " + uids.String())
	s.wire.Line()
}
