package ordering

// syncs: what a client knew of a mailbox, with what SELECT (QRESYNC) told it has changed since, is what
// there is (RFC 7162, section 3.2.5).
func (h *history) syncs() {
	pictures := map[string]map[uint32]Message{}
	for _, r := range h.records {
		p := pictures[r.Client]
		switch {
		case r.Do == Look && r.Next == 0: // SELECT was not done: who comes back is told it again
			continue
		case r.Do == Look && r.Since > 0 && p != nil:
			apply(p, r.Changed, r.Gone)
			h.compare(p, r)
		case r.Do == Look:
			p = map[uint32]Message{}
			pictures[r.Client] = p
		case p == nil || r.Answer == Cut: // with its session goes what the node takes for known; after a NO it stays
			continue
		}
		if r.Do != Look {
			apply(p, r.Seen, r.Gone)
		} else if r.Whole && r.Answer == OK {
			clear(p)
			apply(p, r.Seen, nil)
		} else if r.Since == 0 {
			delete(pictures, r.Client) // it never saw all
		}
	}
}

func apply(p map[uint32]Message, shown []Message, gone []uint32) {
	for _, m := range shown {
		if m.Modseq >= p[m.UID].Modseq {
			p[m.UID] = m
		}
	}
	for _, uid := range gone {
		delete(p, uid)
	}
}

// compare says in what a picture is not what SELECT counted and FETCH showed.
func (h *history) compare(p map[uint32]Message, r *Record) {
	if missing := r.Count - len(p); missing < 0 || missing > h.passed(p, r) {
		h.find(RuleSync, []*Record{r}, "a client that followed all changes knows %d messages, and SELECT counts %d", len(p), r.Count)
	}
	if !r.Whole || r.Answer != OK {
		return
	}
	seen := map[uint32]bool{}
	for _, m := range r.Seen {
		seen[m.UID] = true
		known, there := p[m.UID]
		switch {
		case m.Modseq > r.Highest: // it changed after that moment
		case !there:
			h.find(RuleSync, []*Record{r}, "UID %d is there at MODSEQ %d, and a client that asked for all since %d was not told", m.UID, m.Modseq, r.Since)
		case known.Modseq != m.Modseq || flagText(known.Flags) != flagText(m.Flags):
			h.find(RuleSync, []*Record{r}, "UID %d has %q at MODSEQ %d, and a client that asked for all since %d believes %q at %d",
				m.UID, flagText(m.Flags), m.Modseq, r.Since, flagText(known.Flags), known.Modseq)
		}
	}
	for uid := range p {
		if !seen[uid] && !h.mayBeGone(uid, r.End) {
			h.find(RuleSync, []*Record{r}, "UID %d is believed to be there, and is not", uid)
		}
	}
}

// passed is how many messages, that a client does not know, may have been counted by SELECT and
// gone before they could be shown.
func (h *history) passed(p map[uint32]Message, r *Record) (n int) {
	for uid := range h.partings {
		_, known := p[uid]
		g, gone := h.gone[uid]
		if !known && uid < r.Next && h.mayBeGone(uid, r.End) && (!gone || g.at > r.Start) {
			n++
		}
	}
	return n
}
