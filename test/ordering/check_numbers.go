package ordering

// numbers: UIDVALIDITY stays; UIDNEXT and HIGHESTMODSEQ never fall, and are never below what
// was told of messages before, whoever asks whom (RFC 9051, section 2.3.1.1; RFC 7162, section 3.1.2).
func (h *history) numbers() {
	var next, highest bound
	for _, s := range h.states {
		next.add(s.end, uint64(s.next), s.by)
		highest.add(s.end, s.highest, s.by)
	}
	for uid, since := range h.known {
		next.add(since.at, uint64(uid)+1, since.by)
	}
	for _, all := range h.sights {
		for _, s := range all {
			highest.add(s.end, s.Modseq, s.by)
		}
	}
	next.sort()
	highest.sort()
	for _, s := range h.states {
		if was := next.before(s.start); uint64(s.next) < was.value {
			h.find(RuleNumbers, []*Record{was.by, s.by}, "UIDNEXT is %d, and had to be %d at least", s.next, was.value)
		}
		if was := highest.before(s.start); s.highest > 0 && s.highest < was.value {
			h.find(RuleNumbers, []*Record{was.by, s.by}, "HIGHESTMODSEQ is %d, and %d was told before", s.highest, was.value)
		}
		if first := h.states[0]; s.valid != first.valid {
			h.find(RuleNumbers, []*Record{first.by, s.by}, "UIDVALIDITY is %d and %d", first.valid, s.valid)
		}
	}
}

// ascend: who began to come after a UID was known, or foretold as UIDNEXT, has a larger one.
func (h *history) ascend() {
	var floor bound
	for _, s := range h.states {
		floor.add(s.end, uint64(s.next), s.by)
	}
	for uid, since := range h.known {
		floor.add(since.at, uint64(uid)+1, since.by)
	}
	floor.sort()
	for _, a := range h.arrivals {
		if was := floor.before(a.start); a.uid != 0 && uint64(a.uid) < was.value {
			h.find(RuleAscend, []*Record{was.by, a.by}, "a mail got UID %d, when %d was the next already", a.uid, was.value)
		}
	}
}

// late: below the UIDNEXT of who saw all there is, nothing else ever comes; and above it nothing with
// a MODSEQ up to the HIGHESTMODSEQ that was told with it.
func (h *history) late() {
	last := map[uint32]sight{} // that began last
	for uid, all := range h.sights {
		last[uid] = all[len(all)-1]
	}
	for _, w := range h.wholes {
		for uid, s := range last {
			if _, there := w.all[uid]; !there && uid < w.next && s.start > w.read {
				h.find(RuleLate, []*Record{w.by, s.by}, "UID %d came after all below %d were seen, and it was not among them", uid, w.next)
			}
		}
		for uid := range w.all {
			if uid >= w.next {
				h.find(RuleNumbers, []*Record{w.by}, "UID %d is there, and UIDNEXT is %d", uid, w.next)
			}
		}
	}
	for _, s := range h.states {
		for uid, all := range h.sights {
			if uid < s.next || s.highest == 0 {
				continue
			}
			for _, one := range all {
				if one.Modseq > 0 && one.Modseq <= s.highest {
					h.find(RuleLate, []*Record{s.by, one.by}, "UID %d came with MODSEQ %d, after HIGHESTMODSEQ was %d", uid, one.Modseq, s.highest)
				}
			}
		}
	}
}

// modseqs: a message is never shown older than it was; and whoever saw all there is, and a
// HIGHESTMODSEQ, is not shown another state of it at or below that.
func (h *history) modseqs() {
	latest := map[uint32]map[uint64]sight{} // of each state, the one that began last
	for uid, all := range h.sights {
		var seen bound
		latest[uid] = map[uint64]sight{}
		for _, s := range all {
			seen.add(s.end, s.Modseq, s.by)
			if s.Modseq > 0 {
				latest[uid][s.Modseq] = s
			}
		}
		seen.sort()
		for _, s := range all {
			if was := seen.before(s.start); s.Modseq > 0 && s.Modseq < was.value {
				h.find(RuleLate, []*Record{was.by, s.by}, "UID %d is shown at MODSEQ %d, after it was at %d", uid, s.Modseq, was.value)
			}
		}
	}
	for _, w := range h.wholes {
		for uid, m := range w.all {
			for modseq, s := range latest[uid] {
				if s.start > w.read && modseq > m.Modseq && modseq <= w.highest && m.Modseq > 0 {
					h.find(RuleLate, []*Record{w.by, s.by}, "UID %d was at MODSEQ %d with HIGHESTMODSEQ %d, and then came its %d", uid, m.Modseq, w.highest, modseq)
				}
			}
		}
	}
}
