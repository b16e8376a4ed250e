package move_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/move"
)

// clock is the time of all nodes of a test.
type clock struct{ later atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.later.Load())) }
func (c *clock) pass(d time.Duration) { c.later.Add(int64(d)) }

// brink is an index that something happens to before the nth change and after it.
type brink struct {
	mailstore.Index
	mu            sync.Mutex
	n             int
	before, after func(n int) error
}

// heldUp is one that closes begun after the beginning, the total, and one batch, and waits there for goOn.
func heldUp() (b *brink, begun, goOn chan struct{}) {
	begun, goOn = make(chan struct{}), make(chan struct{})
	return &brink{before: func(n int) error {
		if n == 3 {
			close(begun)
			<-goOn
		}
		return nil
	}}, begun, goOn
}

func (b *brink) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	b.mu.Lock()
	n := b.n
	b.n++
	b.mu.Unlock()
	if b.before != nil {
		if err := b.before(n); err != nil {
			return nil, err
		}
	}
	events, err := b.Index.Apply(ctx, o, changes)
	if b.after != nil && err == nil {
		if err := b.after(n); err != nil {
			return nil, err
		}
	}
	return events, err
}

// node is one more process that runs imports over the store of another one.
func node(of *move.Imports, c *clock, over *brink) *move.Imports {
	over.Index = of.Store.Index
	store := &mailstore.Store{Index: over, Blobs: of.Store.Blobs, Bus: new(notify.Bus), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	return &move.Imports{Store: store, Seal: of.Seal, Key: of.Key, Spool: of.Spool, Log: of.Log, Now: c.now}
}

// source is a server of so many mails.
func source(t *testing.T, n int) move.Remote {
	at, trust := move.ServeWell(t, n-7)
	return move.Remote{Address: at, User: "ann", Password: "word", TLS: trust}
}

// eachOnce says whether ann has each of so many mails, and none twice.
func eachOnce(t *testing.T, i *move.Imports, n int) {
	t.Helper()
	boxes, err := i.Store.Index.Mailboxes(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, b := range boxes {
		for e, err := range i.Store.Index.Entries(t.Context(), "ann", b.ID, 0) {
			if err != nil {
				t.Fatal(err)
			}
			times[e.Flags[slices.IndexFunc(e.Flags, func(f string) bool { return strings.HasPrefix(f, "m") })]]++
		}
	}
	for uid := 1; uid <= n; uid++ {
		if got := times[fmt.Sprint("m", uid)]; got != 1 {
			t.Errorf("mail %d is there %d times", uid, got)
		}
		delete(times, fmt.Sprint("m", uid))
	}
	if len(times) > 0 {
		t.Errorf("and there are %v", slices.Collect(maps.Keys(times)))
	}
}

// goesOn asks a node for what another one has begun.
func goesOn(t *testing.T, i *move.Imports, from move.Remote, mails int) {
	t.Helper()
	if err := i.Start(t.Context(), "ann", from); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, i); !s.Finished {
		t.Errorf("asked again: %+v", s)
	}
	eachOnce(t, i, mails)
}

func state(t *testing.T, i *move.Imports) move.ImportState {
	t.Helper()
	s, _, err := i.State(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A node dies, at whichever change, made or not made; another one says so when a minute is over,
// and when it is asked goes on there, and brings each mail once.
func TestImportsGoOnElsewhere(t *testing.T) {
	t.Parallel()
	const mails = 150
	for name, on := range engines {
		for k := range 5 {
			for _, made := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, change %d, made %v", name, k, made), func(t *testing.T) {
					t.Parallel()
					first, c, from := peopleOn(t, on), new(clock), source(t, mails)
					dies := func(n int) error {
						if n >= k {
							return errors.New("it is dead")
						}
						return nil
					}
					over := &brink{before: dies}
					if made {
						over = &brink{after: dies, before: func(n int) error { return dies(n - 1) }}
					}
					a, b := node(first, c, over), node(first, c, new(brink))
					if err := a.Start(t.Context(), "ann", from); err != nil && k > 0 {
						t.Fatal(err)
					}
					a.Wait()
					if s := state(t, b); !s.Since.IsZero() && s.Ended.IsZero() {
						if err := b.Start(t.Context(), "ann", from); !errors.Is(err, move.ErrImporting) {
							t.Errorf("while the first one may be at work: %v", err)
						}
						c.pass(61 * time.Second)
						if s = state(t, b); s.Ended.IsZero() || s.Trouble != move.Left {
							t.Errorf("after a minute: %+v", s)
						}
					}
					was := messages(t, first)
					for range 2 {
						if err := b.Start(t.Context(), "ann", from); err != nil {
							t.Fatal(err)
						}
						if s := ended(t, b); !s.Finished || s.Trouble != move.NoTrouble {
							t.Errorf("at the other node: %+v", s)
						}
					}
					eachOnce(t, first, mails)
					t.Logf("%d mails had arrived", was)
				})
			}
		}
	}
}

// A node sleeps within a change until another one has brought the rest. What it wanted to store
// then is refused, and it says nothing more of the import.
func TestImportsFenced(t *testing.T) {
	t.Parallel()
	const mails = 150
	for name, on := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, c := peopleOn(t, on), new(clock)
			at, asleep, awake := heldUp()
			a := node(first, c, at)
			b, from := node(first, c, new(brink)), source(t, mails)
			if err := a.Start(t.Context(), "ann", from); err != nil {
				t.Fatal(err)
			}
			<-asleep
			c.pass(61 * time.Second)
			if err := b.Start(t.Context(), "ann", from); err != nil {
				t.Fatal(err)
			}
			s := ended(t, b)
			if !s.Finished || s.Done == 0 || s.Done == mails {
				t.Errorf("who went on: %+v", s)
			}
			close(awake)
			a.Wait()
			if after := state(t, a); after != s {
				t.Errorf("who slept says %+v, and it was %+v", after, s)
			}
			eachOnce(t, first, mails)
		})
	}
}

// Any node tells how far an import is, and stops it: when it has answered nothing more arrives.
// Asked again at any, it goes on.
func TestImportsStopElsewhere(t *testing.T) {
	t.Parallel()
	const mails = 150
	for name, on := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, c := peopleOn(t, on), new(clock)
			at, begun, goOn := heldUp()
			a := node(first, c, at)
			b, from := node(first, c, new(brink)), source(t, mails)
			if err := a.Start(t.Context(), "ann", from); err != nil {
				t.Fatal(err)
			}
			<-begun
			s := state(t, b)
			if !s.Ended.IsZero() || s.Done == 0 || s.Done != messages(t, first) || s.Total != mails || s != state(t, a) {
				t.Errorf("at the other node: %+v, and here %+v", s, state(t, a))
			}
			if err := b.Stop(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			a.Wait()
			for _, at := range []*move.Imports{a, b} {
				if got := state(t, at); got.Trouble != move.Stopped || got.Ended.IsZero() || got.Done != s.Done || messages(t, first) != s.Done {
					t.Errorf("stopped: %+v, with %d messages", got, messages(t, first))
				}
			}
			if err := b.Stop(t.Context(), "ann"); err != nil { // there is none
				t.Error(err)
			}
			goesOn(t, b, from, mails)
		})
	}
}

// A server that stops says so before it goes, and nobody waits for it.
func TestImportsDrain(t *testing.T) {
	t.Parallel()
	first, c := people(t), new(clock)
	ctx, stop := context.WithCancel(t.Context())
	a := node(first, c, &brink{before: func(n int) error {
		if n == 3 {
			stop()
		}
		return nil
	}})
	b, from := node(first, c, new(brink)), source(t, 150)
	if err := a.Start(ctx, "ann", from); err != nil {
		t.Fatal(err)
	}
	a.Wait()
	if s := state(t, b); s.Trouble != move.Left || s.Ended.IsZero() {
		t.Errorf("after a stop: %+v", s)
	}
	goesOn(t, b, from, 150)
}

// What one process alone has is over when that process is: after a restart nobody waits.
func TestImportsAfterARestart(t *testing.T) {
	t.Parallel()
	first, c := people(t), new(clock)
	dead := errors.New("it is dead")
	a := node(first, c, &brink{before: func(n int) error { return map[bool]error{true: dead}[n >= 3] }})
	b, from := node(first, c, new(brink)), source(t, 150)
	if err := a.Start(t.Context(), "ann", from); err != nil {
		t.Fatal(err)
	}
	a.Wait()
	if s := state(t, b); !s.Ended.IsZero() {
		t.Errorf("another node says at once that it ended: %+v", s)
	}
	b.Alone = true
	if s := state(t, b); s.Trouble != move.Left || s.Ended.IsZero() || s.Ended.After(c.now()) {
		t.Errorf("who is alone: %+v", s)
	}
	goesOn(t, b, from, 150)
}

// A journal that an earlier release kept in a file is taken over.
func TestImportsTakeJournalsOver(t *testing.T) {
	t.Parallel()
	i, from := people(t), source(t, 20)
	name := filepath.Join(i.Folder, move.JournalID("ann", from))
	if err := os.MkdirAll(i.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := move.OpenJournal(name, filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	part := "INBOX:1"
	err = errors.Join(j.Behind(move.Position{Part: part, Place: 3}), j.Add(move.Position{Part: part, Place: 10}), j.Close())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{11, 0} {
		if err := i.Start(t.Context(), "ann", from); err != nil {
			t.Fatal(err)
		}
		if s := ended(t, i); s.Done != want || !s.Finished {
			t.Errorf("%+v, want %d", s, want)
		}
	}
	if _, err := os.Stat(i.Folder); err == nil {
		t.Error("the file is still there")
	}
}

// Under another node key nothing is known of earlier imports, and they can be asked for.
func TestImportsUnderAnotherKey(t *testing.T) {
	t.Parallel()
	i, from := people(t), source(t, 7)
	note := []byte("sealed under another key")
	if _, err := i.Store.Apply(t.Context(), "ann", mailstore.Note{Box: mailstore.NoteImports, Now: note}); err != nil {
		t.Fatal(err)
	}
	if s := state(t, i); !s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	if err := i.Start(t.Context(), "ann", from); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, i); !s.Finished || s.Done != 7 {
		t.Errorf("%+v", s)
	}
}
