package ordering

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Finding is what of a log cannot be, if the rules hold.
type Finding struct {
	Rule  string
	Box   string
	Lines []int // of the log, which show it
	Text  string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s (lines %s)", f.Rule, f.Box, f.Text, strings.Trim(fmt.Sprint(f.Lines), "[]"))
}

// The rules, by the names that findings have.
const (
	RuleNumbers  = "numbers"  // UIDVALIDITY stays, UIDNEXT and HIGHESTMODSEQ never fall
	RuleAscend   = "ascend"   // who came later has the larger UID
	RuleLate     = "late"     // nothing new comes at or below what was told already
	RuleIdentity = "identity" // a UID is one mail for ever, and a MODSEQ of it one state
	RuleTwice    = "twice"    // no mail is there more often than it was put
	RuleLost     = "lost"     // what was acknowledged, or seen once, is there until somebody removes it
	RuleGone     = "gone"     // what went never comes back
	RuleFlags    = "flags"    // each flag of each message is as if one thing happened after the other
	RuleSync     = "sync"     // what was known, and what changed since a MODSEQ, is what is there
	RuleBodies   = "bodies"   // what is listed can be read, and is what was put
	RuleProof    = "proof"    // the log shows enough to say anything
)

// maxFindings of one rule and mailbox are told: the first ones say it.
const maxFindings = 5

// Check says what of a log cannot be. Nothing: the rules held, as far as anybody saw.
func Check(log []*Record) []Finding {
	boxes := map[string]*history{}
	for _, r := range log {
		for _, name := range []string{r.Box, r.Source} {
			if name != "" && boxes[name] == nil {
				boxes[name] = newHistory(name)
			}
		}
		boxes[r.Box].add(r)
		if r.Do == Move || r.Do == Copy {
			boxes[r.Source].leave(r)
		}
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(boxes)) {
		h := boxes[name]
		h.resolve(boxes)
		for _, rule := range rules {
			rule(h)
		}
		found = append(found, h.found...)
	}
	return append(found, proof(log)...)
}

var rules = []func(*history){
	(*history).numbers, (*history).ascend, (*history).late, (*history).modseqs, (*history).identity,
	(*history).twice, (*history).lost, (*history).stayGone, (*history).flags, (*history).conditions, (*history).syncs, (*history).bodies,
}

// sight is a message that was shown.
type sight struct {
	Message
	start, end int64
	by         *Record
}

// state is what was said of a mailbox at one moment.
type state struct {
	valid, next uint32
	highest     uint64
	start, end  int64
	by          *Record
}

// whole is a mailbox as one client saw it: how it stood at one moment, and after that all
// that was there.
type whole struct {
	state
	read int64 // when FETCH ended
	all  map[uint32]Message
}

// arrival is one mail on its way into the mailbox.
type arrival struct {
	mark       string
	uid        uint32 // 0: not told
	start, end int64
	answered   bool
	by         *Record
}

// parting is a wish that a message goes: it may have gone at any moment from start on.
type parting struct {
	start int64
	by    *Record
}

// history is all that is known of one mailbox.
type history struct {
	box      string
	records  []*Record
	sights   map[uint32][]sight // by UID, as they began
	states   []state
	wholes   []whole
	arrivals []arrival
	partings map[uint32][]parting
	gone     map[uint32]moment // since when it is known to be gone
	known    map[uint32]moment // since when it is known to be there
	marks    map[uint32]string
	found    []Finding
	told     map[string]int
}

// moment is when something was known for certain, and by which line.
type moment struct {
	at int64
	by *Record
}

func newHistory(box string) *history {
	return &history{box: box, sights: map[uint32][]sight{}, partings: map[uint32][]parting{}, gone: map[uint32]moment{},
		known: map[uint32]moment{}, marks: map[uint32]string{}, told: map[string]int{}}
}

func (h *history) find(rule string, by []*Record, format string, args ...any) {
	if h.told[rule]++; h.told[rule] > maxFindings {
		return
	}
	f := Finding{Rule: rule, Box: h.box, Text: fmt.Sprintf(format, args...)}
	for _, r := range by {
		if r != nil {
			f.Lines = append(f.Lines, r.Line)
		}
	}
	h.found = append(h.found, f)
}

// add takes down what a record says of this mailbox.
func (h *history) add(r *Record) {
	h.records = append(h.records, r)
	answered := r.Answer == OK
	if mid := r.middle(); r.Next > 0 && (answered || r.Do == Look) {
		h.states = append(h.states, state{r.Valid, r.Next, r.Highest, r.Start, mid, r})
		if r.Whole && answered {
			w := whole{h.states[len(h.states)-1], r.End, map[uint32]Message{}}
			for _, m := range r.Seen {
				w.all[m.UID] = m
			}
			h.wholes = append(h.wholes, w)
		}
	}
	h.see(r)
	for _, uid := range r.Gone {
		earliest(h.gone, uid, r.End, r)
	}
	switch r.Do {
	case Put:
		h.arrivals = append(h.arrivals, arrival{r.Mark, r.UID, r.Start, r.End, answered, r})
	case Expunge:
		for _, uid := range r.Asked {
			h.partings[uid] = append(h.partings[uid], parting{r.Start, r})
		}
	}
}

// middle is when SELECT had ended, or the whole command.
func (r *Record) middle() int64 {
	if r.Mid > 0 {
		return r.Mid
	}
	return r.End
}

func (h *history) see(r *Record) {
	start := r.Start
	if r.Do == Look {
		start = r.middle()
	}
	for _, m := range r.Seen {
		h.sights[m.UID] = append(h.sights[m.UID], sight{m, start, r.End, r})
	}
	for _, m := range r.Changed {
		h.sights[m.UID] = append(h.sights[m.UID], sight{m, r.Start, r.middle(), r})
	}
}

// leave takes down that messages were to be copied or moved from here.
func (h *history) leave(r *Record) {
	if r.Do != Move {
		return
	}
	for _, uid := range r.Asked {
		h.partings[uid] = append(h.partings[uid], parting{r.Start, r})
	}
	if r.Answer == OK {
		for _, p := range r.Pairs {
			earliest(h.gone, p[0], r.End, r)
		}
	}
}

// resolve finds out which mail each UID is, since when it is there, and what copies brought.
func (h *history) resolve(boxes map[string]*history) {
	for uid, all := range h.sights {
		slices.SortStableFunc(all, func(a, b sight) int { return cmp.Compare(a.start, b.start) })
		for _, s := range all {
			earliest(h.known, uid, s.end, s.by)
			if s.Mark != "" && h.marks[uid] == "" {
				h.marks[uid] = s.Mark
			}
		}
	}
	for _, r := range h.records {
		if r.Do == Copy || r.Do == Move {
			h.arrive(r, boxes[r.Source])
		}
	}
	byMark := map[string][]uint32{}
	for uid, mark := range h.marks {
		byMark[mark] = append(byMark[mark], uid)
	}
	puts := map[string]int{}
	for _, a := range h.arrivals {
		puts[a.mark]++
	}
	for i := range h.arrivals {
		a := &h.arrivals[i]
		if uids := byMark[a.mark]; a.uid == 0 && len(uids) == 1 && puts[a.mark] == 1 {
			a.uid = uids[0] // nothing else can have brought it
		}
		if a.answered && a.uid != 0 {
			earliest(h.known, a.uid, a.end, a.by)
		}
		if a.uid != 0 && h.marks[a.uid] == "" {
			h.marks[a.uid] = a.mark
		}
	}
}

// arrive takes down what a COPY or MOVE may have brought here.
func (h *history) arrive(r *Record, from *history) {
	target := map[uint32]uint32{}
	for _, p := range r.Pairs {
		target[p[0]] = p[1]
	}
	for _, uid := range r.Asked {
		if to, told := target[uid]; told || r.Answer != OK {
			h.arrivals = append(h.arrivals, arrival{from.markOf(uid), to, r.Start, r.End, r.Answer == OK, r})
		}
	}
}

// markOf is the mail that a UID is, as far as anybody saw.
func (h *history) markOf(uid uint32) string {
	if m := h.marks[uid]; m != "" {
		return m
	}
	for _, a := range h.arrivals {
		if a.uid == uid {
			return a.mark
		}
	}
	for _, s := range h.sights[uid] {
		if s.Mark != "" {
			return s.Mark
		}
	}
	return ""
}

func earliest(of map[uint32]moment, uid uint32, at int64, by *Record) {
	if was, there := of[uid]; !there || at < was.at {
		of[uid] = moment{at, by}
	}
}

// bound answers what the largest number was that had been told before a moment.
type bound struct {
	all  []told
	tops []told // the largest up to there
}

type told struct {
	at    int64
	value uint64
	by    *Record
}

func (b *bound) add(at int64, value uint64, by *Record) { b.all = append(b.all, told{at, value, by}) }

func (b *bound) sort() {
	slices.SortFunc(b.all, func(x, y told) int { return cmp.Compare(x.at, y.at) })
	var top told
	for _, t := range b.all {
		if t.value > top.value {
			top = t
		}
		b.tops = append(b.tops, top)
	}
}

// before is the largest that was told before a moment.
func (b *bound) before(at int64) told {
	n, _ := slices.BinarySearchFunc(b.all, at, func(t told, at int64) int { return cmp.Compare(t.at, at) })
	if n == 0 {
		return told{}
	}
	return b.tops[n-1]
}

// Sum says in a line what a log holds.
func Sum(log []*Record) string {
	count, clients, nodes := map[string]int{}, map[string]bool{}, map[string]bool{}
	unsure := 0
	for _, r := range log {
		count[r.Do]++
		clients[r.Client], nodes[r.Node] = true, true
		if r.Answer != OK {
			unsure++
		}
	}
	text := fmt.Sprintf("%d operations of %d clients through %d nodes, %d of them failed or not answered:", len(log), len(clients), len(nodes), unsure)
	for _, do := range slices.Sorted(maps.Keys(count)) {
		text += fmt.Sprintf(" %s %d", do, count[do])
	}
	return text
}
