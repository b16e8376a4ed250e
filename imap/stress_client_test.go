package imap_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what a client asks for.
type kind int

const (
	plainKind kind = iota
	condstoreKind
	qresyncKind
)

// actor is one client. After its first error it does nothing more.
type actor struct {
	*stress
	name     string
	kind     kind
	rand     *rand.Rand
	conn     *tls.Conn
	lines    chan string
	done     chan struct{}
	tags     int
	box      string // selected, or "",
	chosen   int    // so many times
	pictures map[string]*picture
	now      *exchange
	script   []string // what was said last
	err      error
}

// exchange is the command under way.
type exchange struct {
	numbers   bool       // no message number may change meanwhile
	selecting *selection // a SELECT
	found     []uint32   // of a SEARCH
	flagged   map[uint32]bool
	stored    map[uint32]uint64 // MODSEQs that were told without flags
	moved     string            // COPYUID of a MOVE
	shown     map[int]bool
}

// silence is how long nothing may come before the server counts as stuck.
const silence = 90 * time.Second

func (a *actor) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// check keeps the first error.
func (a *actor) check(err error) {
	if err != nil {
		a.fail("%w", err)
	}
}

func (a *actor) note(text string) {
	if a.script = append(a.script, text); len(a.script) > 60 {
		a.script = a.script[20:]
	}
}

func (a *actor) picture() *picture { return a.pictures[a.box] }

// connect signs in and asks for what this kind of client wants.
func (a *actor) connect() {
	conn, err := tls.Dial("tcp", a.house.imaps, a.house.tls)
	if err != nil {
		a.fail("connect: %w", err)
		return
	}
	a.conn, a.lines, a.done, a.box = conn, make(chan string, 100), make(chan struct{}), ""
	go read(bufio.NewReader(conn), a.lines, a.done)
	a.next() // the greeting
	a.do("LOGIN %s %s", a.house.alice.address, a.house.alice.password)
	if a.kind == qresyncKind {
		a.do("ENABLE QRESYNC")
	}
}

func read(in *bufio.Reader, lines chan<- string, done <-chan struct{}) {
	defer close(lines)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		select {
		case lines <- strings.TrimRight(line, "\r\n"):
		case <-done:
			return
		}
	}
}

// leave ends the connection, politely or not.
func (a *actor) leave(politely bool) {
	if politely {
		a.do("LOGOUT")
	}
	close(a.done)
	a.conn.Close()
	a.box = ""
}

func (a *actor) next() string {
	select {
	case line, ok := <-a.lines:
		if !ok {
			a.fail("the connection ended")
		}
		a.note("S: " + line)
		return line
	case <-time.After(silence):
		a.fail("the server says nothing")
	}
	return ""
}

// do says a command, hears its answers, and gives the code of its OK.
func (a *actor) do(format string, args ...any) (code string) {
	if a.err != nil {
		return ""
	}
	tag := a.say(fmt.Sprintf(format, args...), &exchange{})
	return a.until(tag)
}

func (a *actor) say(command string, x *exchange) (tag string) {
	a.tags++
	tag = fmt.Sprint(a.name, a.tags)
	x.flagged, x.stored, x.shown = map[uint32]bool{}, map[uint32]uint64{}, map[int]bool{}
	name, _, _ := strings.Cut(command, " ")
	x.numbers = slices.Contains([]string{"FETCH", "STORE", "SEARCH"}, name)
	if name == "SELECT" {
		x.selecting = &selection{recent: -1}
	}
	a.now = x
	a.note("C: " + tag + " " + command)
	if _, err := a.conn.Write([]byte(tag + " " + command + "\r\n")); err != nil {
		a.fail("write: %w", err)
	}
	return tag
}

var codeOf = regexp.MustCompile(`^OK \[([^\]]*)\]`)

// until hears what is said up to the answer of a command, or up to "+".
func (a *actor) until(tag string) (code string) {
	for a.err == nil {
		line := a.next()
		rest, tagged := strings.CutPrefix(line, tag+" ")
		switch {
		case a.err != nil || strings.HasPrefix(line, "+ "):
			return ""
		case tagged && !strings.HasPrefix(rest, "OK "):
			a.fail("expected OK: %s", line)
		case tagged:
			if m := codeOf.FindStringSubmatch(rest); m != nil {
				return m[1]
			}
			return ""
		default:
			a.hear(line)
		}
	}
	return ""
}

var (
	numbered = regexp.MustCompile(`^\* (\d+) (EXISTS|RECENT|EXPUNGE)$`)
	fetchOf  = regexp.MustCompile(`^\* (\d+) FETCH \((.*)\)$`)
	uidItem  = regexp.MustCompile(`\bUID (\d+)`)
	flagItem = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
	modItem  = regexp.MustCompile(`\bMODSEQ \((\d+)\)`)
	vanished = regexp.MustCompile(`^\* VANISHED (\(EARLIER\) )?([\d:,]+)$`)
	okCode   = regexp.MustCompile(`^\* OK \[(\w+)(?: ([^\]]*))?\]`)
	harmless = regexp.MustCompile(`^\* (CAPABILITY|ENABLED|FLAGS|BYE) `)
)

// hear takes one response. What it does not know is an error.
func (a *actor) hear(line string) {
	switch {
	case harmless.MatchString(line):
	case numbered.MatchString(line):
		m := numbered.FindStringSubmatch(line)
		a.hearNumber(number(m[1]), m[2])
	case fetchOf.MatchString(line):
		m := fetchOf.FindStringSubmatch(line)
		a.hearFetch(number(m[1]), m[2])
	case vanished.MatchString(line):
		m := vanished.FindStringSubmatch(line)
		a.hearVanished(m[1] != "", uidList(m[2]))
	case okCode.MatchString(line):
		m := okCode.FindStringSubmatch(line)
		a.hearCode(m[1], m[2])
	case strings.HasPrefix(line, "* SEARCH"):
		text, _, _ := strings.Cut(strings.TrimPrefix(line, "* SEARCH"), "(")
		for _, f := range strings.Fields(text) {
			a.now.found = append(a.now.found, uint32(number(f)))
		}
	default:
		a.fail("unexpected: %s", line)
	}
}

func (a *actor) hearNumber(n int, what string) {
	switch {
	case what == "RECENT" && a.now.selecting != nil:
		a.now.selecting.recent = n
	case what == "RECENT":
		a.picture().counted = n
	case a.now.selecting != nil && what == "EXISTS":
		a.now.selecting.count = n
	case a.now.selecting != nil || a.box == "":
		a.fail("%s while no mailbox is selected", what)
	case what == "EXISTS":
		a.check(a.picture().exists(n))
	case a.now.numbers || a.kind == qresyncKind:
		a.fail("EXPUNGE at a moment or to a client that it is not for")
	default:
		a.check(a.picture().expunge(n))
	}
}

func (a *actor) hearVanished(earlier bool, uids []uint32) {
	switch {
	case a.kind != qresyncKind:
		a.fail("VANISHED to a client that did not ask")
	case a.now.selecting != nil && earlier:
		a.now.selecting.vanished = append(a.now.selecting.vanished, uids...)
	case a.now.selecting != nil || a.now.numbers:
		a.fail("VANISHED at a moment that it is not for")
	case earlier: // of UIDs that the client no longer counts
		for _, uid := range uids {
			if a.picture().find(uid) >= 0 {
				a.fail("VANISHED (EARLIER) %d, which is counted", uid)
			}
			a.picture().gone[uid] = true
		}
	default:
		for _, uid := range uids {
			a.check(a.picture().vanish(uid))
		}
	}
}

func (a *actor) hearFetch(n int, items string) {
	s := said{number: n}
	if m := uidItem.FindStringSubmatch(items); m != nil {
		s.uid = uint32(number(m[1]))
	}
	if m := flagItem.FindStringSubmatch(items); m != nil {
		s.flags, s.hasFlags = sortedFlags(strings.Fields(m[1])), true
		s.recent = slices.Contains(strings.Fields(m[1]), `\Recent`)
	}
	if m := modItem.FindStringSubmatch(items); m != nil {
		s.modseq = uint64(number(m[1]))
	} else if a.kind != plainKind && s.hasFlags {
		a.fail("FETCH without MODSEQ")
	}
	a.now.shown[n] = true
	if a.now.selecting != nil {
		a.now.selecting.fetched = append(a.now.selecting.fetched, s)
		a.check(a.ledger.told(a.box, s, s.uid))
		a.first(s, s.uid)
		return
	}
	if a.box == "" {
		a.fail("FETCH while no mailbox is selected")
		return
	}
	p := a.picture()
	if a.check(p.fetched(s)); a.err != nil {
		return
	}
	uid := p.list[n-1].uid
	a.first(s, uid)
	switch {
	case s.hasFlags && s.modseq != 0 && uid != 0:
		a.check(a.ledger.told(a.box, s, uid))
		a.now.flagged[uid] = true
	case s.hasFlags:
		a.now.flagged[uid] = true
	case s.modseq != 0:
		a.now.stored[uid] = s.modseq
	}
}

// first notes that a message is recent to this session.
func (a *actor) first(s said, uid uint32) {
	if s.recent && uid != 0 {
		a.check(a.ledger.first(a.box, uid, fmt.Sprint(a.name, a.chosen)))
	}
}

func (a *actor) hearCode(code, text string) {
	switch n := uint64(number(text)); code {
	case "HIGHESTMODSEQ":
		if a.now.selecting != nil {
			a.now.selecting.highest = n
		}
	case "UIDVALIDITY":
		a.now.selecting.valid = n
	case "COPYUID":
		a.now.moved = code + " " + text
	case "UNSEEN", "UIDNEXT", "MAILBOXID", "PERMANENTFLAGS", "CLOSED":
	default:
		a.fail("unexpected code %s", code)
	}
}

// number is 0 for what is none.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// uidList reads a set; the server says none that is large.
func uidList(set string) (uids []uint32) {
	for part := range strings.SplitSeq(set, ",") {
		first, last, more := strings.Cut(part, ":")
		if !more {
			last = first
		}
		for n := number(first); n <= number(last) && len(uids) < 1<<16; n++ {
			uids = append(uids, uint32(n))
		}
	}
	return uids
}

func uidText(uids []uint32) string {
	words := make([]string, len(uids))
	for i, u := range uids {
		words[i] = strconv.Itoa(int(u))
	}
	return strings.Join(words, ",")
}
