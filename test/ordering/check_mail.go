package ordering

import (
	"slices"
	"strings"
)

// identity: a UID is one mail for ever, and at a MODSEQ it has one set of flags.
func (h *history) identity() {
	for _, a := range h.arrivals {
		if m := h.marks[a.uid]; a.uid != 0 && a.mark != "" && m != a.mark {
			h.find(RuleIdentity, []*Record{a.by, h.known[a.uid].by}, "UID %d was given to mail %s, and is %s", a.uid, a.mark, m)
		}
	}
	type version struct {
		uid    uint32
		modseq uint64
	}
	first := map[version]sight{}
	for uid, all := range h.sights {
		for _, s := range all {
			if s.Mark != "" && s.Mark != h.marks[uid] {
				h.find(RuleIdentity, []*Record{h.known[uid].by, s.by}, "UID %d is mail %s, and was %s", uid, s.Mark, h.marks[uid])
			}
			if s.Modseq == 0 || s.by.Do == Read {
				continue
			}
			v := version{uid, s.Modseq}
			was, seen := first[v]
			if !seen {
				first[v] = s
			} else if flagText(was.Flags) != flagText(s.Flags) {
				h.find(RuleIdentity, []*Record{was.by, s.by}, "UID %d has flags %q and %q at MODSEQ %d", uid, flagText(was.Flags), flagText(s.Flags), s.Modseq)
			}
		}
	}
}

// flagText is a set of flags in order, without what each session has of its own.
func flagText(flags []string) string {
	kept := slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
	slices.Sort(kept)
	return strings.Join(kept, " ")
}

// twice: no mail has more UIDs than there were operations that may have brought it, and no UID
// came by two of them.
func (h *history) twice() {
	puts, uids := map[string]int{}, map[string][]uint32{}
	given := map[uint32]arrival{}
	for _, a := range h.arrivals {
		puts[a.mark]++
		if was, already := given[a.uid]; already && a.uid != 0 {
			h.find(RuleTwice, []*Record{was.by, a.by}, "UID %d was given twice", a.uid)
		}
		given[a.uid] = a
	}
	for uid, mark := range h.marks {
		if uids[mark] = append(uids[mark], uid); len(uids[mark]) > puts[mark] && mark != "" {
			var by []*Record
			for _, u := range uids[mark] {
				by = append(by, h.known[u].by)
			}
			h.find(RuleTwice, by, "mail %s is there as UIDs %v, and was put %d times", mark, uids[mark], puts[mark])
		}
	}
}

// lost: what was acknowledged, or seen by anybody, is there for everybody who looks after that,
// until somebody may have removed it.
func (h *history) lost() {
	for _, w := range h.wholes {
		for uid, since := range h.known {
			if _, there := w.all[uid]; !there && since.at < w.start && !h.mayBeGone(uid, w.read) {
				h.find(RuleLost, []*Record{since.by, w.by}, "UID %d is not there any more, and nobody removed it", uid)
			}
		}
	}
	for uid, g := range h.gone {
		if _, there := h.known[uid]; there && !h.mayBeGone(uid, g.at) {
			h.find(RuleLost, []*Record{h.known[uid].by, g.by}, "UID %d is said to be gone, and nobody removed it", uid)
		}
	}
	for _, a := range h.arrivals {
		if !a.answered || a.uid != 0 || slices.Contains(h.seenMarks(), a.mark) {
			continue
		}
		for _, w := range h.wholes {
			if w.start > a.end {
				h.find(RuleLost, []*Record{a.by, w.by}, "mail %s was acknowledged, and nobody ever saw it", a.mark)
				break
			}
		}
	}
}

func (h *history) seenMarks() (marks []string) {
	for _, m := range h.marks {
		marks = append(marks, m)
	}
	return marks
}

func (h *history) mayBeGone(uid uint32, by int64) bool {
	return slices.ContainsFunc(h.partings[uid], func(p parting) bool { return p.start < by })
}

// stayGone: after anybody was told that a message is gone, nobody sees it.
func (h *history) stayGone() {
	for uid, g := range h.gone {
		for _, s := range h.sights[uid] {
			if s.start > g.at {
				h.find(RuleGone, []*Record{g.by, s.by}, "UID %d is shown after it was gone", uid)
			}
		}
	}
}

// bodies: where mails were opened, all that is there in the end opens to what was put.
func (h *history) bodies() {
	opened := map[uint32]string{}
	any := false
	for _, r := range h.records {
		if r.Do != Read {
			continue
		}
		any = true
		for _, m := range r.Seen {
			opened[m.UID] = m.Mark
		}
	}
	if !any || len(h.wholes) == 0 {
		return
	}
	last := slices.MaxFunc(h.wholes, func(a, b whole) int { return int(a.start - b.start) })
	for uid := range last.all {
		if mark, read := opened[uid]; !read || mark != h.marks[uid] {
			h.find(RuleBodies, []*Record{last.by}, "UID %d opens to %q, and is mail %q", uid, mark, h.marks[uid])
		}
	}
}

// proof: after the last change, a client looked at all of each mailbox through each node.
func proof(log []*Record) (found []Finding) {
	changed, looked, nodes := map[string]*Record{}, map[[2]string]int64{}, map[string]bool{}
	for _, r := range log {
		nodes[r.Node] = true
		switch r.Do {
		case Look:
			if r.Whole && r.Answer == OK {
				at := [2]string{r.Box, r.Node}
				looked[at] = max(looked[at], r.Start)
			}
		case Status, Told, Read:
		default:
			for _, box := range []string{r.Box, r.Source} {
				if was := changed[box]; box != "" && (was == nil || was.Start < r.Start) {
					changed[box] = r
				}
			}
		}
	}
	if len(changed) == 0 {
		return []Finding{{Rule: RuleProof, Text: "nobody changed anything"}}
	}
	for box, r := range changed {
		for node := range nodes {
			if at, ever := looked[[2]string{box, node}]; !ever || at < r.Start {
				found = append(found, Finding{RuleProof, box, []int{r.Line}, "nobody looked through node " + node + " after the last change"})
			}
		}
	}
	return found
}
