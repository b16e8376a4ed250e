package imap_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sealpost/imap"
	"sealpost/mailstore"
)

// breaking is an index of which one reading fails.
type breaking struct {
	mailstore.Index
	left atomic.Int64 // so many readings on
}

var errBroken = errors.New("the index is broken")

func (b *breaking) breaks() bool { return b.left.Add(-1) == 0 }

func (b *breaking) Changes(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID, since mailstore.Modseq) (mailstore.Changes, error) {
	if b.breaks() {
		return mailstore.Changes{}, errBroken
	}
	return b.Index.Changes(ctx, o, box, since)
}

func (b *breaking) List(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	if b.breaks() {
		return func(yield func(*mailstore.Line, error) bool) { yield(nil, errBroken) }
	}
	return b.Index.List(ctx, o, box, uids, c)
}

// follower is a client that follows a mailbox as RFC 7162, section 6, has it: it takes
// whatever it is told, and at each tagged answer the highest MODSEQ it was told, or the
// HIGHESTMODSEQ, for how far it knows all.
type follower struct {
	*line
	known   map[mailstore.UID]knownState
	highest uint64
	seen    uint64 // the highest MODSEQ of FETCH since the last tagged answer
	said    uint64 // HIGHESTMODSEQ since then, or 0
	words   string // FLAGS, the last time they were told
	tags    int
}

type knownState struct {
	modseq uint64
	flags  string
}

var (
	fetchedLine = regexp.MustCompile(`^\* \d+ FETCH \(`)
	uidTold     = regexp.MustCompile(`\bUID (\d+)`)
	flagsTold   = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	modseqTold  = regexp.MustCompile(`MODSEQ \((\d+)\)`)
	highestTold = regexp.MustCompile(`^\S+ OK \[HIGHESTMODSEQ (\d+)\]`)
	goneTold    = regexp.MustCompile(`^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)`)
)

// do says a command and gives what it was answered with.
func (f *follower) do(command string) (word string) {
	f.Helper()
	f.tags++
	tag := fmt.Sprintf("f%d ", f.tags)
	f.say(tag + command + "\r\n")
	for {
		text := f.until("")
		f.hear(text)
		if rest, ok := strings.CutPrefix(text, tag); ok {
			if f.highest = max(f.highest, f.seen); f.said > 0 {
				f.highest = f.said
			}
			f.seen, f.said = 0, 0
			return strings.Fields(rest)[0]
		}
	}
}

func (f *follower) hear(text string) {
	if m := highestTold.FindStringSubmatch(text); m != nil {
		f.said, _ = strconv.ParseUint(m[1], 10, 64)
	}
	if m := goneTold.FindStringSubmatch(text); m != nil {
		for part := range strings.SplitSeq(m[1], ",") {
			first, last, span := strings.Cut(part, ":")
			if !span {
				last = first
			}
			lo, _ := strconv.Atoi(first)
			hi, _ := strconv.Atoi(last)
			for uid := lo; uid <= hi; uid++ {
				delete(f.known, mailstore.UID(uid))
			}
		}
	}
	if strings.HasPrefix(text, "* FLAGS (") {
		f.words = text
	}
	uid, modseq := uidTold.FindStringSubmatch(text), modseqTold.FindStringSubmatch(text)
	if !fetchedLine.MatchString(text) || uid == nil || modseq == nil {
		return
	}
	u, _ := strconv.ParseUint(uid[1], 10, 32)
	s := f.known[mailstore.UID(u)]
	s.modseq, _ = strconv.ParseUint(modseq[1], 10, 64)
	if flags := flagsTold.FindStringSubmatch(text); flags != nil {
		s.flags = spelledFlags(strings.Fields(flags[1]))
	}
	f.known[mailstore.UID(u)] = s
	f.seen = max(f.seen, s.modseq)
}

func spelledFlags(flags []string) string {
	return strings.Join(slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == `\Recent` }))), " ")
}

// misses is what it has wrong of a mailbox and would not learn if it came back now.
func (f *follower) misses(index mailstore.Index, o mailstore.Owner, box mailstore.MailboxID, all mailstore.UIDSet) (wrong []string) {
	f.Helper()
	c, err := index.Changes(context.Background(), o, box, mailstore.Modseq(f.highest))
	if err != nil {
		f.Fatal(err)
	}
	left := maps.Clone(f.known)
	for l, err := range index.List(context.Background(), o, box, all, mailstore.Columns{}) {
		if err != nil {
			f.Fatal(err)
		}
		delete(left, l.UID)
		if is := (knownState{uint64(l.Modseq), spelledFlags(l.Flags)}); f.known[l.UID] != is && !c.Changed.Has(l.UID) {
			wrong = append(wrong, fmt.Sprintf("UID %d is %v, and is believed to be %v by whoever knows all up to %d", l.UID, is, f.known[l.UID], f.highest))
		}
	}
	for uid := range left {
		if !c.Vanished.Has(uid) {
			wrong = append(wrong, fmt.Sprintf("UID %d is gone, and is believed to be there by whoever knows all up to %d", uid, f.highest))
		}
	}
	return wrong
}

// Whatever of the index cannot be read while a command is answered: no client is led to
// believe that it knows all up to a MODSEQ below which it was not told something (RFC 7162,
// section 6), and in the same session all is told when the index is well again.
func TestNothingIsLostToAFailedReading(t *testing.T) {
	t.Parallel()
	index := &breaking{}
	h := build(t, func(s *imap.Server) {
		index.Index = s.Store.Index
		s.Store.Index = index
	})
	sound := index.Index
	for range 3 {
		h.deliver(h.alice, "INBOX", letter("one", "x"))
	}
	h.rows("INBOX", 200)
	box, o := h.box(h.alice, "INBOX"), h.alice.owner()
	other := func(change mailstore.Change) {
		if _, err := h.store.Apply(context.Background(), o, change); err != nil {
			t.Fatal(err)
		}
	}
	turn := 0
	for _, command := range []string{
		"NOOP",
		"UID STORE 1,35 +FLAGS (one%d)",
		"UID STORE 1,35 +FLAGS.SILENT (two%d)",
		"STORE 1,30 +FLAGS (three%d)",
		"STORE 1,30 +FLAGS.SILENT (four%d)",
		"UID FETCH 1,35,40 (FLAGS MODSEQ)",
		"FETCH 1,30,35 (UID FLAGS MODSEQ)",
		"UID FETCH 1:3 (BODY[])",
		"FETCH 1:3 (BODY[])",
		"UID FETCH 1:40 (FLAGS) (CHANGEDSINCE 1)",
		"UID SEARCH KEYWORD k",
		"SEARCH KEYWORD k",
		"UID COPY 1 Archive",
		"UID MOVE 1%d Archive",
		"UID EXPUNGE 1:200",
	} {
		failed := 0
		for at := range 7 { // which reading fails; 0: none
			turn++
			said := strings.ReplaceAll(command, "%d", strconv.Itoa(turn))
			f := &follower{line: h.line(t, true), known: map[mailstore.UID]knownState{}}
			f.signIn(h.alice)
			f.do("ENABLE QRESYNC")
			f.do("SELECT INBOX")
			f.do("UID FETCH 1:* (FLAGS MODSEQ)")
			other(mailstore.SetFlags{Box: box.ID, UIDs: []mailstore.UID{1, 2, 3}, Op: mailstore.Clear, Flags: []string{mailstore.Seen}})
			f.do("NOOP")
			all := h.roster(o, box.ID)
			other(mailstore.SetFlags{Box: box.ID, UIDs: []mailstore.UID{35, 40, mailstore.UID(205 - turn)}, Op: mailstore.Replace, Flags: []string{fmt.Sprint("k", turn)}})
			other(mailstore.Expunge{Box: box.ID, UIDs: []mailstore.UID{all.At(all.Len() - 20)}})
			other(mailstore.SetFlags{Box: box.ID, UIDs: []mailstore.UID{2}, Op: mailstore.Replace, Flags: []string{fmt.Sprint("l", turn)}})
			index.left.Store(int64(at))
			word := f.do(said)
			if index.left.Swap(0) <= 0 && at > 0 {
				failed++
			}
			if word == "OK" && strings.Contains(said, ".SILENT") {
				f.silently(said)
			}
			for _, wrong := range f.misses(sound, o, box.ID, all) {
				t.Errorf("%s (reading %d fails, answered %s): %s", said, at, word, wrong)
			}
			if word := f.do("UID STORE 100 +FLAGS (well)"); word != "OK" {
				t.Errorf("%s (reading %d fails): the next command is answered %s", said, at, word)
			}
			f.do("NOOP")
			f.highest = 1 << 60 // now it must know all by itself
			for _, wrong := range f.misses(sound, o, box.ID, all) {
				t.Errorf("%s (reading %d fails, answered %s), in the end: %s", said, at, word, wrong)
			}
			for uid, s := range f.known {
				for flag := range strings.FieldsSeq(s.flags) {
					if !strings.Contains(f.words, flag) {
						t.Errorf("%s (reading %d fails): UID %d has %s, and told was %s", said, at, uid, flag, f.words)
					}
				}
			}
			f.Close()
		}
		if failed == 0 {
			t.Errorf("nothing failed in %s", command)
		}
	}
}

// roster are the UIDs of a mailbox.
func (h *house) roster(o mailstore.Owner, box mailstore.MailboxID) mailstore.UIDSet {
	h.Helper()
	r, err := h.store.Index.Roster(context.Background(), o, box)
	h.must(err)
	return r.UIDs
}

// silently does to what it knows what its STORE has done.
func (f *follower) silently(command string) {
	var uids []mailstore.UID
	words := strings.Fields(command)
	for part := range strings.SplitSeq(words[slices.Index(words, "STORE")+1], ",") {
		n, _ := strconv.Atoi(part)
		uids = append(uids, mailstore.UID(n)) // nothing went below 31: numbers are UIDs
	}
	for _, uid := range uids {
		s := f.known[uid]
		flags, flag := strings.Fields(s.flags), strings.Trim(words[len(words)-1], "()")
		if !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
		s.flags = spelledFlags(flags)
		f.known[uid] = s
	}
}

// Who asked to be told what new messages are, and was not told of one, is told that this is over.
func TestNewThatCannotBeRead(t *testing.T) {
	t.Parallel()
	index := &breaking{}
	h := build(t, func(s *imap.Server) {
		index.Index = s.Store.Index
		s.Store.Index = index
	})
	h.deliver(h.alice, "INBOX", letter("one", "x"))
	c := h.line(t, true)
	c.signIn(h.alice)
	c.say("a SELECT INBOX\r\nb NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))\r\n")
	c.until("b OK")
	index.left.Store(3) // behind what changed, and how that is
	h.deliver(h.alice, "INBOX", letter("two", "x"))
	c.until("* OK [NOTIFICATIONOVERFLOW]")
}
