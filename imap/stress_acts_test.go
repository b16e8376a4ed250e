package imap_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// acts are what a client does, each as often as it stands here.
var acts = []func(*actor){
	(*actor).refresh, (*actor).refresh, (*actor).fetch, (*actor).fetch, (*actor).changes, (*actor).changes,
	(*actor).store, (*actor).store, (*actor).store, (*actor).store, (*actor).store, (*actor).store,
	(*actor).expunge, (*actor).uidExpunge, (*actor).append, (*actor).append, (*actor).append,
	(*actor).copy, (*actor).move, (*actor).search, (*actor).search, (*actor).idle, (*actor).another, (*actor).away,
}

func (a *actor) act() {
	if a.err != nil {
		return
	}
	if a.box == "" {
		a.choose(a.boxes[a.rand.IntN(len(a.boxes))])
		return
	}
	acts[a.rand.IntN(len(acts))](a)
}

// some picks a few messages whose UIDs are known.
func (a *actor) some() (uids []uint32) {
	for _, uid := range a.picture().uids() {
		if a.rand.IntN(4) == 0 && len(uids) < 6 {
			uids = append(uids, uid)
		}
	}
	return uids
}

// numbersOf are their numbers, in the order of the UIDs.
func (a *actor) numbersOf(uids []uint32) (numbers []uint32) {
	for _, uid := range uids {
		numbers = append(numbers, uint32(a.picture().find(uid)+1))
	}
	return numbers
}

// fetch asks by number or UID. Whatever is not shown is gone, and must be told so.
func (a *actor) fetch() {
	uids := a.some()
	if len(uids) == 0 {
		return
	}
	numbers := a.numbersOf(uids)
	if a.rand.IntN(2) == 0 {
		a.do("FETCH %s %s", uidText(numbers), a.items())
	} else {
		a.do("UID FETCH %s %s", uidText(uids), a.items())
	}
	if a.err != nil {
		return
	}
	for i, uid := range uids {
		if !a.now.shown[int(numbers[i])] {
			a.picture().doomed[uid] = "FETCH does not show it"
		}
	}
}

// changes asks for what changed since some time, which may have been told before.
func (a *actor) changes() {
	since := a.picture().highest
	since -= min(since, a.rand.Uint64N(20))
	switch a.kind {
	case plainKind:
		a.do("UID FETCH 1:* (FLAGS)")
	case condstoreKind:
		a.do("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)", max(since, 1))
	case qresyncKind:
		a.do("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)", max(since, 1))
	}
	a.toldAll()
}

var someFlags = []string{`\Seen`, `\Flagged`, `\Answered`, `\Draft`, `\Deleted`, `$One`, `$Two`}

// store changes flags: aloud or silently, by number or UID, on a condition or not.
func (a *actor) store() {
	p := a.picture()
	uids := a.some()
	if len(uids) == 0 {
		return
	}
	flags := someFlags[a.rand.IntN(len(someFlags))]
	if a.rand.IntN(3) == 0 {
		flags = sortedFlags([]string{flags, someFlags[a.rand.IntN(len(someFlags))]})
	}
	op := []string{"FLAGS", "+FLAGS", "+FLAGS", "-FLAGS"}[a.rand.IntN(4)]
	if strings.Contains(flags, `\Deleted`) {
		a.ledger.mark(a.box, uids)
	}
	condition, unless := "", uint64(0)
	if a.kind != plainKind && a.rand.IntN(2) == 0 {
		unless = p.list[p.find(uids[0])].modseq - min(p.list[p.find(uids[0])].modseq, a.rand.Uint64N(3))
		condition = fmt.Sprintf("(UNCHANGEDSINCE %d) ", unless)
	}
	silent := a.rand.IntN(2) == 0
	word := op
	if silent {
		word += ".SILENT"
	}
	numbers, before := a.numbersOf(uids), p.top
	var code string
	byUID := a.rand.IntN(2) == 0
	if byUID {
		code = a.do("UID STORE %s %s%s (%s)", uidText(uids), condition, word, flags)
	} else {
		code = a.do("STORE %s %s%s (%s)", uidText(numbers), condition, word, flags)
	}
	if a.err != nil {
		return
	}
	refused := a.refused(code, byUID, uids, numbers)
	for _, uid := range uids {
		switch {
		case slices.Contains(refused, uid):
			p.refused[uid] = unless
		case silent:
			a.believe(uid, op, flags, condition != "", unless, before)
		}
	}
	if byUID {
		a.toldAll()
	}
}

// refused are the UIDs that MODIFIED names.
func (a *actor) refused(code string, byUID bool, uids, numbers []uint32) (refused []uint32) {
	text, ok := strings.CutPrefix(code, "MODIFIED ")
	if !ok {
		return nil
	}
	for _, n := range uidList(text) {
		set := numbers
		if byUID {
			set = uids
		}
		at := slices.Index(set, n)
		if at < 0 {
			a.fail("MODIFIED names %d, which was not asked for", n)
			return nil
		}
		refused = append(refused, uids[at])
	}
	return refused
}

// believe takes a silent change for done. If the client was told better in the
// answer, that stands.
func (a *actor) believe(uid uint32, op, flags string, conditional bool, unless, before uint64) {
	p := a.picture()
	got, changed := a.now.stored[uid]
	if at := p.find(uid); at >= 0 && !a.now.flagged[uid] && p.list[at].heard {
		p.list[at].flags = after(p.list[at].flags, op, flags)
	}
	if changed && got <= before {
		a.fail("UID %d was changed at MODSEQ %d, and %d was told before", uid, got, before)
	}
	if changed && conditional {
		a.ledger.claim(claim{spot{a.box, uid}, unless, got})
	}
}

func (a *actor) expunge() {
	code := a.do("EXPUNGE")
	a.expunged(code)
}

func (a *actor) uidExpunge() {
	uids := a.some()
	if len(uids) == 0 {
		return
	}
	deleted := map[uint32]bool{}
	for _, uid := range uids {
		k := a.picture().list[a.picture().find(uid)]
		deleted[uid] = k.heard && strings.Contains(k.flags, `\Deleted`)
	}
	a.expunged(a.do("UID EXPUNGE %s", uidText(uids)))
	for uid, was := range deleted {
		if a.inTurn && a.err == nil && !was && a.picture().gone[uid] && !a.ledger.isMarked(a.box, uid) {
			a.fail("UID %d went and was not marked", uid)
		}
	}
}

// expunged takes HIGHESTMODSEQ, up to which all must have been told (RFC 7162, section 3.2.7).
func (a *actor) expunged(code string) {
	if n, ok := strings.CutPrefix(code, "HIGHESTMODSEQ "); ok && a.err == nil {
		if a.kind == plainKind || uint64(number(n)) <= a.picture().highest {
			a.fail("EXPUNGE says %s", code)
		}
		a.picture().top = max(a.picture().top, uint64(number(n)))
	}
	a.toldAll()
}

// append adds one or two mails.
func (a *actor) append() {
	box := a.boxes[a.rand.IntN(len(a.boxes))]
	if a.picture() != nil && len(a.picture().list) > 40 {
		return
	}
	command := "APPEND " + box
	for range 1 + a.rand.IntN(2) {
		mail := letter(fmt.Sprint(a.name, " ", a.tags, " ", a.rand.Uint64()), "hello")
		flags := someFlags[a.rand.IntN(4)]
		command += fmt.Sprintf(" (%s) {%d+}\r\n%s", flags, len(mail), mail)
	}
	code := strings.Fields(a.do("%s", command))
	if a.err == nil && (len(code) != 3 || code[0] != "APPENDUID") {
		a.fail("no APPENDUID, but %q", code)
		return
	}
	if a.err == nil {
		a.check(a.ledger.bear(box, uidList(code[2])))
	}
	a.toldAll()
}

func (a *actor) copy() { a.transfer("COPY") }
func (a *actor) move() { a.transfer("MOVE") }

func (a *actor) transfer(how string) {
	uids, box := a.some(), a.boxes[a.rand.IntN(len(a.boxes))]
	if len(uids) == 0 || how == "MOVE" && box == a.box {
		return
	}
	var code string
	if a.rand.IntN(2) == 0 {
		code = a.do("%s %s %s", how, uidText(a.numbersOf(uids)), box)
	} else {
		code = a.do("UID %s %s %s", how, uidText(uids), box)
	}
	if how == "MOVE" {
		code = a.now.moved
	}
	if words := strings.Fields(code); a.err == nil && len(words) == 4 && words[0] == "COPYUID" {
		from, to := uidList(words[2]), uidList(words[3])
		if len(from) != len(to) || slices.ContainsFunc(from, func(u uint32) bool { return !slices.Contains(uids, u) }) {
			a.fail("%s of %v says %s", how, uids, code)
			return
		}
		a.check(a.ledger.bear(box, to))
		for i := range from {
			if a.ledger.isMarked(a.box, from[i]) { // \Deleted goes along
				a.ledger.mark(box, to[i:i+1])
			}
		}
		if how == "MOVE" {
			a.check(a.ledger.move(a.box, from))
		}
	}
	a.toldAll()
}

// search looks for a flag. With nobody else acting the answer is known.
func (a *actor) search() {
	flag := map[string]string{"FLAGGED": `\Flagged`, "SEEN": `\Seen`, "KEYWORD $One": "$One"}
	key := []string{"FLAGGED", "SEEN", "KEYWORD $One"}[a.rand.IntN(3)]
	var want []uint32
	if a.inTurn {
		want = a.flaggedNow(flag[key])
	}
	byUID := a.rand.IntN(2) == 0
	counted := len(a.picture().list)
	known := a.picture().uids()
	if byUID {
		a.do("UID SEARCH %s", key)
	} else {
		a.do("SEARCH %s", key)
	}
	if a.err != nil {
		return
	}
	got := a.now.found
	switch {
	case !byUID && slices.ContainsFunc(got, func(n uint32) bool { return int(n) > counted || n == 0 }):
		a.fail("SEARCH found %v of %d", got, counted)
	case a.inTurn && len(known) == counted && !byUID && !slices.Equal(got, a.numbersOf(want)):
		a.fail("SEARCH found %v, not %v", got, a.numbersOf(want))
	case a.inTurn && len(known) == counted && byUID && !slices.Equal(got, want):
		a.fail("UID SEARCH found %v, not %v", got, want)
	}
	if byUID {
		a.toldAll()
	}
	a.searchRecent()
}

// searchRecent asks for what is recent to this session, which is so to its end.
func (a *actor) searchRecent() {
	a.do("SEARCH RECENT")
	if a.err != nil {
		return
	}
	var uids []uint32
	for _, n := range a.now.found {
		if n < 1 || int(n) > len(a.picture().list) {
			a.fail("SEARCH found %v of %d", a.now.found, len(a.picture().list))
			return
		}
		uids = append(uids, a.picture().list[n-1].uid)
	}
	a.check(a.picture().found(uids))
}

// idle hears for a moment what others do.
func (a *actor) idle() {
	a.say("IDLE", &exchange{})
	a.until("+")
	for range a.rand.IntN(3) {
		if a.err != nil || a.inTurn {
			break
		}
		select {
		case line, ok := <-a.lines:
			if ok {
				a.note("S: " + line)
				a.hear(line)
			}
		case <-time.After(5 * time.Millisecond):
		}
	}
	a.endIdle()
	a.toldAll()
}

func (a *actor) endIdle() {
	if a.err != nil {
		return
	}
	a.note("C: DONE")
	if _, err := a.conn.Write([]byte("DONE\r\n")); err != nil {
		a.fail("write: %w", err)
		return
	}
	a.until(fmt.Sprint(a.name, a.tags))
}

// another goes to another mailbox, and may tidy up before.
func (a *actor) another() {
	switch a.rand.IntN(3) {
	case 0:
		a.do("UNSELECT")
		a.box = ""
	case 1:
		a.do("CLOSE")
		a.box = ""
	}
	a.choose(a.boxes[a.rand.IntN(len(a.boxes))])
}

// away ends the connection and comes back; what it did meanwhile is for the others.
func (a *actor) away() {
	a.leave(a.rand.IntN(2) == 0)
	a.connect()
}

func (l *ledger) isMarked(box string, uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marked[spot{box, uid}]
}
