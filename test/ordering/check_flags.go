package ordering

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// flags: what STORE did and FETCH showed of one flag of one message can have happened one after
// the other, each at a moment between its beginning and its end. One that was not
// answered may have happened at any moment since, or never.
func (h *history) flags() {
	stores := map[uint32][]*Record{}
	for _, r := range h.records {
		if r.Do == Store && r.Unless == 0 {
			for _, uid := range r.Asked {
				stores[uid] = append(stores[uid], r)
			}
		}
	}
	conditional := map[uint32]map[string]bool{} // of those it is not known whether they did anything
	for _, r := range h.records {
		if r.Do == Store && r.Unless > 0 {
			for _, uid := range r.Asked {
				if conditional[uid] == nil {
					conditional[uid] = map[string]bool{}
				}
				conditional[uid][strings.ToLower(r.Flag)] = true
			}
		}
	}
	first := map[uint32][]string{}
	for _, a := range h.arrivals {
		if a.by.Do == Put && a.uid != 0 {
			first[a.uid] = a.by.Flags
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(h.sights)) {
		names := map[string]bool{}
		for _, r := range stores[uid] {
			names[strings.ToLower(r.Flag)] = true
		}
		for _, f := range first[uid] {
			names[strings.ToLower(f)] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if conditional[uid][name] {
				continue
			}
			g := &register{may: [2]bool{true, true}}
			if flags, known := first[uid]; known {
				g.may[number(has(flags, name))], g.may[number(!has(flags, name))] = true, false
			}
			for _, r := range stores[uid] {
				if strings.EqualFold(r.Flag, name) {
					g.acts = append(g.acts, act{r.Start, r.End, true, r.On, r.Answer != OK, r})
				}
			}
			for _, s := range h.sights[uid] {
				if s.by.Do != Read {
					g.acts = append(g.acts, act{s.start, s.end, false, has(s.Flags, name), false, s.by})
				}
			}
			if wrong := g.check(); wrong != nil {
				h.find(RuleFlags, []*Record{wrong.by}, "UID %d: nothing that was stored before explains whether it has %s", uid, name)
			}
		}
	}
}

func has(flags []string, name string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, name) })
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// conditions: between the UNCHANGEDSINCE of a STORE that was done and the MODSEQ it got, the
// message was not changed (RFC 7162, section 3.1.3).
func (h *history) conditions() {
	for _, r := range h.records {
		if r.Do != Store || r.Unless == 0 || r.Answer != OK {
			continue
		}
		for _, m := range r.Seen {
			if m.Modseq <= r.Unless || slices.Contains(r.Failed, m.UID) || !slices.Contains(r.Asked, m.UID) || has(m.Flags, r.Flag) != r.On {
				continue
			}
			for _, s := range h.sights[m.UID] {
				if s.Modseq > r.Unless && s.Modseq < m.Modseq && has(s.Flags, r.Flag) != r.On {
					h.find(RuleFlags, []*Record{s.by, r}, "UID %d was at MODSEQ %d, and a STORE UNCHANGEDSINCE %d done at %d", m.UID, s.Modseq, r.Unless, m.Modseq)
				}
			}
		}
	}
}

// act is one thing that was done to a register, or seen of it.
type act struct {
	start, end int64
	write      bool
	value      bool
	unsure     bool // a write of which nobody knows whether it happened
	by         *Record
}

// register is one flag of one message: on or off.
type register struct {
	acts []act
	may  [2]bool // what it may be in the beginning
}

// world is a way in which all can have happened so far.
type world struct {
	value bool
	done  uint64 // acts under way that have happened, by their slot
	used  [2]int // writes of each value that were never answered and have happened
}

// check is nil if there is an order in which all acts can have happened, each between its
// beginning and its end; otherwise the first act of which there is none. It goes through
// beginnings and ends in time and keeps all worlds that are possible up to there: a read
// happens as soon as it can, which never excludes anything; a write when an end needs it.
func (g *register) check() *act {
	type event struct {
		at    int64
		ends  bool
		which int
	}
	var events []event
	for i, a := range g.acts {
		events = append(events, event{a.start, false, i})
		if !a.unsure {
			events = append(events, event{a.end, true, i})
		}
	}
	slices.SortStableFunc(events, func(x, y event) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(number(x.ends), number(y.ends)))
	})
	worlds := map[world]bool{}
	for i, may := range g.may {
		if may {
			worlds[world{value: i == 1}] = true
		}
	}
	open := &underway{}
	for _, e := range events {
		a := &g.acts[e.which]
		switch {
		case a.unsure:
			open.unsure[number(a.value)]++
			continue
		case !e.ends:
			if !open.begin(e.which, a) {
				return nil // more at once than anybody counts: nothing is said
			}
			if !a.write {
				worlds = open.readAll(worlds)
			}
			continue
		}
		slot := open.slot(e.which)
		worlds = open.until(worlds, slot)
		open.free(slot)
		if len(worlds) == 0 {
			return a
		}
	}
	return nil
}

// underway are the acts that began and did not end.
type underway struct {
	slots  [64]*act
	which  [64]int
	unsure [2]int // writes of each value that may happen from now on
}

func (u *underway) begin(which int, a *act) bool {
	for i := range u.slots {
		if u.slots[i] == nil {
			u.slots[i], u.which[i] = a, which
			return true
		}
	}
	return false
}

func (u *underway) slot(which int) int {
	for i := range u.slots {
		if u.slots[i] != nil && u.which[i] == which {
			return i
		}
	}
	return -1
}

func (u *underway) free(slot int) { u.slots[slot] = nil }

// readAll lets all reads happen that see what is.
func (u *underway) readAll(worlds map[world]bool) map[world]bool {
	all := map[world]bool{}
	for w := range worlds {
		all[u.read(w)] = true
	}
	return all
}

func (u *underway) read(w world) world {
	for i, a := range u.slots {
		if a != nil && !a.write && a.value == w.value {
			w.done |= 1 << i
		}
	}
	return w
}

// until lets writes happen until that of a slot, or the read of it, has: in all ways.
func (u *underway) until(worlds map[world]bool, slot int) map[world]bool {
	after, seen := map[world]bool{}, map[world]bool{}
	var queue []world
	for w := range worlds {
		queue = append(queue, w)
	}
	for len(queue) > 0 {
		w := queue[len(queue)-1]
		if queue = queue[:len(queue)-1]; seen[w] {
			continue
		}
		if seen[w] = true; w.done&(1<<slot) != 0 {
			w.done &^= 1 << slot
			after[w] = true
			continue
		}
		for i, a := range u.slots {
			if a != nil && a.write && w.done&(1<<i) == 0 {
				next := w
				next.value, next.done = a.value, w.done|1<<i
				queue = append(queue, u.read(next))
			}
		}
		for v := range u.unsure {
			if w.used[v] < u.unsure[v] && number(w.value) != v {
				next := w
				next.value = v == 1
				next.used[v]++
				queue = append(queue, u.read(next))
			}
		}
	}
	return after
}
