// Package storagetest holds what must be true of every mailstore.Index, as
// tests that each engine runs.
//
// It never knows an engine: it sees what Index shows.
package storagetest

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Options are what the suite asks an engine to be opened with.
type Options struct {
	Now      func() time.Time
	Remember int // expunged UIDs kept of a mailbox
}

// Engine is an open index. Reopen closes it and opens what is on disk again;
// nil for one that keeps nothing. Check looks at rows that the interface does
// not show, and Close ends the engine early; either may be nil.
type Engine struct {
	mailstore.Index
	Reopen func() mailstore.Index
	Check  func(t TB)
	Close  func()
	// Skip leaves out numbers that a later state may have given; nil for an engine that is
	// never put back.
	Skip func(ctx context.Context) error
}

// Open opens an empty engine that ends with the test.
type Open func(t testing.TB, o Options) *Engine

// Index runs the whole suite.
func Index(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"owners":        testOwners,
		"names":         testNames,
		"create":        testCreate,
		"special use":   testSpecialUse,
		"rename":        testRename,
		"rename inbox":  testRenameInbox,
		"remove":        testRemove,
		"subscriptions": testSubscriptions,
		"append":        testAppend,
		"large rows":    testLargeRows,
		"flags":         testFlags,
		"flag limits":   testFlagLimits,
		"unless":        testUnless,
		"copy":          testCopy,
		"move":          testMove,
		"expunge":       testExpunge,
		"put letters":   testPutLetters,
		"reseal":        testReseal,
		"shed":          testShed,
		"entries":       testEntries,
		"one moment":    testOneMoment,
		"log":           testLog,
		"roster":        testRoster,
		"away":          testAway,
		"list":          testList,
		"walls":         testWalls,
		"notes":         testNotes,
		"imports' note": testNoteOfImports,
		"note limits":   testNoteLimits,
		"quota":         testQuota,
		"quota race":    testQuotaRace,
		"atomic":        testAtomic,
		"cancelled":     testCancelled,
		"concurrent":    testConcurrent,
		"durable":       testDurable,
		"skip":          testSkip,
		"random":        testRandom,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

const alice, bob = mailstore.Owner("a11ce00000000000"), mailstore.Owner("b0b0000000000000")

// fixture is an engine with a clock, and shorthands that end the test on errors.
type fixture struct {
	*Engine
	t     testing.TB
	mu    sync.Mutex
	clock time.Time
}

func newFixture(t testing.TB, open Open, remember int) *fixture {
	f := &fixture{t: t, clock: time.Unix(1_700_000_000, 0).UTC()}
	f.Engine = open(t, Options{Now: f.now, Remember: remember})
	return f
}

// start starts an engine that is checked when the test ends.
func start(t testing.TB, open Open, remember int) *fixture {
	f := newFixture(t, open, remember)
	t.Cleanup(f.check)
	return f
}

// begin starts an engine in which alice has an INBOX and a mailbox Other.
func begin(t testing.TB, open Open) (f *fixture, inbox, other mailstore.MailboxID) {
	f = start(t, open, 1000)
	e := f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "Other"})
	return f, e[1].Box, e[2].Box
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *fixture) tick(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

func (f *fixture) check() {
	Check(f.t, f.Engine, alice, bob)
	if f.Engine.Check != nil {
		f.Engine.Check(f.t)
	}
}

func (f *fixture) apply(o mailstore.Owner, changes ...mailstore.Change) []mailstore.Event {
	f.t.Helper()
	events, err := f.Apply(context.Background(), o, changes)
	if err != nil {
		f.t.Fatalf("apply %+v: %v", changes, err)
	}
	if len(events) != len(changes) {
		f.t.Fatalf("%d events for %d changes", len(events), len(changes))
	}
	return events
}

// refuse wants an error and nothing changed.
func (f *fixture) refuse(want error, o mailstore.Owner, changes ...mailstore.Change) {
	f.t.Helper()
	before := dump(f.t, f, o)
	events, err := f.Apply(context.Background(), o, changes)
	if !mailstore.Refused(err) || !errors.Is(err, want) || events != nil {
		f.t.Errorf("apply %+v: got %v, %v, want %v", changes, events, err, want)
	}
	if after := dump(f.t, f, o); !reflect.DeepEqual(before, after) {
		f.t.Errorf("a refused call changed something:\n%+v\n%+v", before, after)
	}
}

// deliver appends n mails in one call and returns their UIDs.
func (f *fixture) deliver(o mailstore.Owner, box mailstore.MailboxID, n int, flags ...string) []mailstore.UID {
	f.t.Helper()
	var changes []mailstore.Change
	for range n {
		changes = append(changes, mailstore.Append{Box: box, Mail: newMail(1), Size: 100, Flags: flags})
	}
	var uids []mailstore.UID
	for _, e := range f.apply(o, changes...) {
		uids = append(uids, e.UIDs...)
	}
	return uids
}

func (f *fixture) mailbox(o mailstore.Owner, name string) mailstore.Mailbox {
	f.t.Helper()
	boxes, err := f.Mailboxes(context.Background(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, b := range boxes {
		if b.Name == name {
			return b
		}
	}
	f.t.Fatalf("no mailbox of that name among %+v", boxes)
	return mailstore.Mailbox{}
}

func (f *fixture) entries(o mailstore.Owner, box mailstore.MailboxID, since mailstore.Modseq) []mailstore.Entry {
	f.t.Helper()
	return collect(f.t, f.Entries(context.Background(), o, box, since))
}

func (f *fixture) mails(o mailstore.Owner, box mailstore.MailboxID, uids ...mailstore.UID) []mailstore.Mail {
	f.t.Helper()
	return collect(f.t, f.Mails(context.Background(), o, box, uids))
}

func (f *fixture) usage(o mailstore.Owner) mailstore.Usage {
	f.t.Helper()
	u, err := f.Usage(context.Background(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return u
}

// newMail makes a mail of so many letters with 1,000 bytes each.
func newMail(letters int) mailstore.Mail {
	m := mailstore.Mail{Outer: []byte("From: x\r\n\r\n"), Envelope: []byte("envelope"), Form: pgp.FormMIME, Class: pgp.SealedOnArrival}
	fill(m.ID[:])
	for i := range letters {
		l := mailstore.Stored{Kind: pgp.Kind(i + 1), Ref: filestore.Ref{Size: 1000}}
		fill(l.ID[:])
		m.Letters = append(m.Letters, l)
	}
	return m
}

func fill(b []byte) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
}

func uids(entries []mailstore.Entry) []mailstore.UID {
	var ids []mailstore.UID
	for _, e := range entries {
		ids = append(ids, e.UID)
	}
	return ids
}

func same[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func sameSet(t testing.TB, what string, got, want []filestore.ID) {
	t.Helper()
	order := func(a, b filestore.ID) int { return cmp.Compare(string(a[:]), string(b[:])) }
	same(t, what, slices.SortedFunc(slices.Values(got), order), slices.SortedFunc(slices.Values(want), order))
}

func blobs(mails ...mailstore.Mail) []filestore.ID {
	var ids []filestore.ID
	for _, m := range mails {
		for _, l := range m.Letters {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// state is all that an index shows of an owner.
type state struct {
	Boxes   []mailstore.Mailbox
	Subs    []string
	Usage   mailstore.Usage
	Modseq  mailstore.Modseq
	Entries map[mailstore.MailboxID][]mailstore.Entry
	Log     map[mailstore.MailboxID][]mailstore.Entry
	Mails   map[mailstore.MailboxID][]mailstore.Mail
	Rosters map[mailstore.MailboxID]mailstore.Roster
	Notes   map[mailstore.MailboxID]string
}

func dump(t TB, x mailstore.Index, o mailstore.Owner) state {
	t.Helper()
	ctx := context.Background()
	s := state{
		Entries: map[mailstore.MailboxID][]mailstore.Entry{},
		Log:     map[mailstore.MailboxID][]mailstore.Entry{},
		Mails:   map[mailstore.MailboxID][]mailstore.Mail{},
		Rosters: map[mailstore.MailboxID]mailstore.Roster{},
		Notes:   map[mailstore.MailboxID]string{},
	}
	var err error
	if s.Boxes, err = x.Mailboxes(ctx, o); err != nil {
		t.Fatalf("list mailboxes: %v", err)
	}
	if s.Subs, err = x.Subscriptions(ctx, o); err != nil {
		t.Fatalf("list subscriptions: %v", err)
	}
	if s.Usage, err = x.Usage(ctx, o); err != nil {
		t.Fatalf("read usage: %v", err)
	}
	if s.Modseq, err = x.Modseq(ctx, o); err != nil {
		t.Fatalf("read modseq: %v", err)
	}
	for _, at := range []mailstore.MailboxID{mailstore.NoteOwner, mailstore.NoteImports} {
		note, err := x.Note(ctx, o, at)
		if err != nil {
			t.Fatalf("read note: %v", err)
		}
		s.Notes[at] = string(note)
	}
	for _, b := range s.Boxes {
		note, err := x.Note(ctx, o, b.ID)
		if err != nil {
			t.Fatalf("read note of mailbox %d: %v", b.ID, err)
		}
		s.Notes[b.ID] = string(note)
		s.Entries[b.ID] = collect(t, x.Entries(ctx, o, b.ID, 0))
		s.Log[b.ID] = collect(t, x.Entries(ctx, o, b.ID, 1))
		s.Mails[b.ID] = collect(t, x.Mails(ctx, o, b.ID, uids(s.Entries[b.ID])))
		r, err := x.Roster(ctx, o, b.ID)
		if err != nil {
			t.Fatalf("read roster of mailbox %d: %v", b.ID, err)
		}
		s.Rosters[b.ID] = folded(r)
	}
	return s
}

func collect[T any](t TB, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("list %T: %v", v, err)
		}
		all = append(all, v)
	}
	return all
}
