package imap_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// picture is what one client believes of a mailbox, made only of what it was told.
// Its methods fail on what no correct server says.
type picture struct {
	valid   uint64
	highest uint64 // all changes up to here were told
	top     uint64 // the highest MODSEQ that was heard
	list    []known
	gone    map[uint32]bool   // UIDs that were told to be gone: they never come back
	doomed  map[uint32]string // must be gone when all is told, and why
	refused map[uint32]uint64 // must have a higher MODSEQ by then (UNCHANGEDSINCE)
	recent  map[uint32]bool   // UIDs whose flags were told since the mailbox was selected: with \Recent or not
	counted int               // how many are recent, as RECENT has it
}

// known is one message. Its number is its place in the list.
type known struct {
	uid    uint32 // 0: not told yet
	flags  string
	heard  bool // flags are known
	modseq uint64
	exact  bool // the flags were told with this MODSEQ
}

func newPicture() *picture {
	return &picture{gone: map[uint32]bool{}, doomed: map[uint32]string{}, refused: map[uint32]uint64{}, recent: map[uint32]bool{}}
}

func (p *picture) find(uid uint32) int {
	return slices.IndexFunc(p.list, func(k known) bool { return k.uid == uid })
}

func (p *picture) unknown() (numbers []int) {
	for i, k := range p.list {
		if k.uid == 0 {
			numbers = append(numbers, i+1)
		}
	}
	return numbers
}

func (p *picture) uids() (uids []uint32) {
	for _, k := range p.list {
		if k.uid != 0 {
			uids = append(uids, k.uid)
		}
	}
	return uids
}

func (p *picture) exists(n int) error {
	if n <= len(p.list) {
		return fmt.Errorf("EXISTS %d where %d were told of", n, len(p.list))
	}
	p.list = append(p.list, make([]known, n-len(p.list))...)
	return nil
}

func (p *picture) expunge(n int) error {
	if n < 1 || n > len(p.list) {
		return fmt.Errorf("EXPUNGE %d of %d", n, len(p.list))
	}
	p.gone[p.list[n-1].uid] = true
	p.list = slices.Delete(p.list, n-1, n)
	return nil
}

// vanish takes a message out that was there a moment ago.
func (p *picture) vanish(uid uint32) error {
	if p.gone[uid] {
		return fmt.Errorf("UID %d vanished twice", uid)
	}
	at := p.find(uid)
	if at < 0 { // its EXISTS came, and nobody asked yet who it is
		at = p.place(uid)
		if at == len(p.list) || p.list[at].uid != 0 {
			return fmt.Errorf("UID %d vanished, which was never here", uid)
		}
	}
	p.gone[uid] = true
	p.list = slices.Delete(p.list, at, at+1)
	return nil
}

// place is behind the last message with a lower UID.
func (p *picture) place(uid uint32) int {
	at := 0
	for i, k := range p.list {
		if k.uid != 0 && k.uid < uid {
			at = i + 1
		}
	}
	return at
}

// said is what one FETCH response told.
type said struct {
	number   int
	uid      uint32 // 0: not told
	flags    string
	hasFlags bool
	recent   bool   // with \Recent
	modseq   uint64 // 0: not told
}

func (p *picture) fetched(s said) error {
	if s.number < 1 || s.number > len(p.list) {
		return fmt.Errorf("FETCH of %d, and there are %d", s.number, len(p.list))
	}
	k := &p.list[s.number-1]
	switch {
	case p.gone[s.uid] && s.uid != 0:
		return fmt.Errorf("UID %d came back", s.uid)
	case s.uid != 0 && k.uid == 0:
		if lo := p.place(s.uid); lo >= s.number || slices.ContainsFunc(p.list[s.number:], func(k known) bool { return k.uid != 0 && k.uid < s.uid }) {
			return fmt.Errorf("number %d cannot be UID %d", s.number, s.uid)
		}
		k.uid = s.uid
	case s.uid != 0 && k.uid != s.uid:
		return fmt.Errorf("number %d is UID %d, was %d", s.number, s.uid, k.uid)
	}
	if s.modseq != 0 {
		if s.modseq < k.modseq {
			return fmt.Errorf("UID %d went from MODSEQ %d back to %d", k.uid, k.modseq, s.modseq)
		}
		if s.hasFlags && k.exact && s.modseq == k.modseq && s.flags != k.flags {
			return fmt.Errorf("UID %d has %q and %q at MODSEQ %d", k.uid, k.flags, s.flags, s.modseq)
		}
		k.exact = s.hasFlags || k.exact && s.modseq == k.modseq
		k.modseq, p.top = s.modseq, max(p.top, s.modseq)
	}
	if s.hasFlags {
		k.flags, k.heard = s.flags, true
		if was, told := p.recent[k.uid]; told && was != s.recent {
			return fmt.Errorf("UID %d was recent (%v), and is (%v), in one session", k.uid, was, s.recent)
		}
		if k.uid != 0 {
			p.recent[k.uid] = s.recent
		}
	}
	return nil
}

// recounted compares RECENT with the flags that were told.
func (p *picture) recounted() error {
	least, most := 0, 0
	for _, k := range p.list {
		recent, told := p.recent[k.uid]
		if recent {
			least++
		}
		if recent || !told {
			most++
		}
	}
	if p.counted < least || p.counted > most {
		return fmt.Errorf("RECENT was %d, and from %d to %d are", p.counted, least, most)
	}
	return nil
}

// found compares SEARCH RECENT with the flags that were told. What it does not find
// is gone, and must be told so.
func (p *picture) found(uids []uint32) error {
	for uid, recent := range p.recent {
		switch there := slices.Contains(uids, uid); {
		case p.find(uid) < 0:
		case there && !recent:
			return fmt.Errorf("UID %d is not recent, and SEARCH RECENT finds %v", uid, uids)
		case recent && !there:
			p.doomed[uid] = "SEARCH RECENT does not find it"
		}
	}
	return nil
}

// toldAll is a moment at which nothing that came before it may be missing.
func (p *picture) toldAll() error {
	for uid, why := range p.doomed {
		if p.find(uid) >= 0 {
			return fmt.Errorf("UID %d is still here: %s", uid, why)
		}
	}
	for uid, unless := range p.refused {
		if at := p.find(uid); at >= 0 && p.list[at].modseq <= unless {
			return fmt.Errorf("UID %d was refused as changed since %d, and has MODSEQ %d", uid, unless, p.list[at].modseq)
		}
	}
	clear(p.doomed)
	clear(p.refused)
	if len(p.unknown()) == 0 {
		p.highest = max(p.highest, p.top)
	}
	return nil
}

// selection is what a client is told when it selects a mailbox.
type selection struct {
	count    int
	recent   int
	valid    uint64
	highest  uint64
	vanished []uint32
	fetched  []said
}

// resume brings a picture of some time ago to what a SELECT with QRESYNC told. It
// must come out even: as many as there are, each at its number.
func (p *picture) resume(s selection) error {
	for _, uid := range s.vanished {
		if at := p.find(uid); at >= 0 {
			p.list = slices.Delete(p.list, at, at+1)
		}
		p.gone[uid] = true
	}
	p.list = slices.DeleteFunc(p.list, func(k known) bool { return k.uid == 0 })
	for _, f := range s.fetched {
		if p.find(f.uid) < 0 {
			p.list = slices.Insert(p.list, p.place(f.uid), known{uid: f.uid})
		}
	}
	if len(p.list) != s.count {
		return fmt.Errorf("%d messages there, %d known after QRESYNC", s.count, len(p.list))
	}
	for _, f := range s.fetched {
		if err := p.fetched(f); err != nil {
			return err
		}
	}
	if s.highest < p.highest {
		return fmt.Errorf("HIGHESTMODSEQ went from %d back to %d", p.highest, s.highest)
	}
	p.highest, p.top = s.highest, max(p.top, s.highest)
	clear(p.doomed)
	clear(p.refused)
	return nil
}

// ledger is what all clients together were told of the mailboxes.
type ledger struct {
	recent map[spot]string // which session a message is recent to
	mu     sync.Mutex
	flags  map[stamp]string // of a message at a MODSEQ: one for all clients
	born   map[spot]bool
	moved  map[spot]bool
	marked map[spot]bool // somebody set \Deleted, or moved it
	claims []claim
}

type spot struct {
	box string
	uid uint32
}

type stamp struct {
	spot
	modseq uint64
}

// claim says that a STORE UNCHANGEDSINCE was done, and what MODSEQ it made.
type claim struct {
	spot
	unless, got uint64
}

func newLedger() *ledger {
	return &ledger{recent: map[spot]string{}, flags: map[stamp]string{}, born: map[spot]bool{}, moved: map[spot]bool{}, marked: map[spot]bool{}}
}

func (l *ledger) told(box string, s said, uid uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := stamp{spot{box, uid}, s.modseq}
	if before, ok := l.flags[at]; ok && before != s.flags {
		return fmt.Errorf("UID %d at MODSEQ %d is %q to one client and %q to another", uid, s.modseq, before, s.flags)
	}
	l.flags[at] = s.flags
	return nil
}

// first is told of a message that is recent: to one session alone (RFC 3501, section
// 2.3.2).
func (l *ledger) first(box string, uid uint32, session string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := spot{box, uid}
	if other := l.recent[at]; other != "" && other != session {
		return fmt.Errorf("UID %d is recent to %s and to %s", uid, other, session)
	}
	l.recent[at] = session
	return nil
}

func (l *ledger) bear(box string, uids []uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, uid := range uids {
		if l.born[spot{box, uid}] {
			return fmt.Errorf("UID %d was given twice", uid)
		}
		l.born[spot{box, uid}] = true
	}
	return nil
}

func (l *ledger) move(box string, uids []uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, uid := range uids {
		if l.moved[spot{box, uid}] {
			return fmt.Errorf("UID %d was moved away twice", uid)
		}
		l.moved[spot{box, uid}], l.marked[spot{box, uid}] = true, true
	}
	return nil
}

func (l *ledger) mark(box string, uids []uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, uid := range uids {
		l.marked[spot{box, uid}] = true
	}
}

func (l *ledger) claim(c claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims = append(l.claims, c)
}

// settled compares with what is stored in the end.
func (l *ledger) settled(box string, living map[uint32]bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for uid := range living {
		if at := (spot{box, uid}); !l.born[at] || l.moved[at] {
			return fmt.Errorf("UID %d: nobody put it here, or it was moved away", uid)
		}
	}
	for at := range l.born {
		if at.box == box && !living[at.uid] && !l.marked[at] {
			return fmt.Errorf("UID %d is lost: nobody marked or moved it", at.uid)
		}
	}
	for _, c := range l.claims {
		for s := range l.flags {
			if s.spot == c.spot && s.modseq > c.unless && s.modseq < c.got {
				return fmt.Errorf("UID %d was changed at %d, and a STORE UNCHANGEDSINCE %d done at %d", c.uid, s.modseq, c.unless, c.got)
			}
		}
	}
	l.claims = nil
	return nil
}

// after is what flags become by an operation of STORE.
func after(flags, op, change string) string {
	set := strings.Fields(flags)
	switch op {
	case "FLAGS":
		set = strings.Fields(change)
	case "+FLAGS":
		set = append(set, strings.Fields(change)...)
	case "-FLAGS":
		set = slices.DeleteFunc(set, func(f string) bool { return slices.Contains(strings.Fields(change), f) })
	}
	return sortedFlags(set)
}

func sortedFlags(set []string) string {
	set = slices.DeleteFunc(slices.Clone(set), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
	slices.Sort(set)
	return strings.Join(slices.Compact(set), " ")
}
