package imap

import (
	"slices"
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
		s.wire.Str("* OK [HIGHESTMODSEQ " + modseqText(s.box.full) + "] the highest\r\n")
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

	numbers, uids wire.Set // which number had which UID, when it knew
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
			known, ok := knownSet(p)
			if !ok {
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
		if !q.matchData(p) {
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

// matchData reads what a client says of numbers that it still knows.
func (q *resync) matchData(p *wire.Parser) bool {
	var ok1, ok2 bool
	ok := p.Special("(")
	q.numbers, ok1 = knownSet(p)
	ok = ok && p.Space()
	q.uids, ok2 = knownSet(p)
	return ok && ok1 && ok2 && p.Special(")")
}

// knownSet reads a set in which neither "*" nor "$" may stand (RFC 7162, section 7).
func knownSet(p *wire.Parser) (set wire.Set, ok bool) {
	set, ok = p.Set()
	return set, ok && !set.Saved && !slices.ContainsFunc(set.Ranges, func(r wire.Range) bool {
		return r.Start == wire.Star || r.Stop == wire.Star
	})
}

// certain is the UID up to which a client knows of all expunges, for the messages have
// the numbers that it says (RFC 7162, section 3.2.5.2); 0: of none.
func (v *view) certain(numbers, uids []wire.Range) (last mailstore.UID) {
	for len(numbers) > 0 && len(uids) > 0 {
		n, u := &numbers[0], &uids[0]
		if at := int64(n.Start) - 1; at >= int64(v.count()) || v.uid(int(at)) != mailstore.UID(u.Start) {
			break
		}
		last = mailstore.UID(u.Start)
		numbers, uids = step(numbers), step(uids)
	}
	return last
}

// step takes the first number out of ascending ranges.
func step(ranges []wire.Range) []wire.Range {
	if ranges[0].Start++; ranges[0].Start > ranges[0].Stop || ranges[0].Start == 0 {
		return ranges[1:]
	}
	return ranges
}

// resync tells all that changed since a client was here last, in one answer.
func (s *session) resync(q *resync) error {
	known := everyUID
	if q.known != nil {
		known = q.known.Ordered(lastUID)
	}
	c, err := s.server.Store.Index.Changes(s.ctx, s.owner, s.box.id, q.since)
	if err != nil {
		return err
	}
	gone := s.vanished(c, known)
	if past := s.box.certain(q.numbers.Ranges, q.uids.Ranges); past > 0 {
		gone = gone.Between(past+1, lastUID)
	}
	s.writeVanished(gone)
	changed := among(c.Changed.Common(s.box.set), known)
	for uid := range changed.All() {
		at, _ := s.box.find(uid)
		s.writeFlags(at)
	}
	s.box.forget() // the next command reads what is there by then
	s.box.shown = 0
	return s.box.failed()
}

const lastUID = 1<<32 - 1

var everyUID = []wire.Range{{Start: 1, Stop: lastUID}}

// missed gives the UIDs that changed since a MODSEQ, ascending, and with vanished
// tells which of some UIDs are gone.
func (s *session) missed(since mailstore.Modseq, known []wire.Range, vanished bool) (changed mailstore.UIDSet, err error) {
	c, err := s.server.Store.Index.Changes(s.ctx, s.owner, s.box.id, since)
	if err != nil {
		return mailstore.UIDSet{}, err
	}
	if vanished {
		s.writeVanished(s.vanished(c, known))
	}
	return among(c.Changed.Common(s.box.set), known), nil
}

// vanished are those of some UIDs that are gone; where the index has forgotten expunges,
// all that could be (RFC 7162, section 3.2.6). What the client still counts goes with its
// number, at its moment.
func (s *session) vanished(c mailstore.Changes, known []wire.Range) mailstore.UIDSet {
	return among(c.Vanished.Minus(s.box.set), known)
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
