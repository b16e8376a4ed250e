package imap_test

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore"
)

// Of a mailbox that the process has not heard of, recent is what entered it since the
// process began, wherever that is in it.
func TestRecentIsWhatCameSinceTheStart(t *testing.T) {
	t.Parallel()
	h := build(t)
	l := h.line(t, true)
	l.signIn(h.alice)
	for i, c := range []struct{ before, since int }{{0, 0}, {0, 3}, {1, 0}, {40, 0}, {40, 1}, {40, 2}, {40, 3}, {5, 37}, {1, 1}, {2, 500}} {
		box := fmt.Sprint("box", i)
		_, err := h.store.Apply(t.Context(), h.alice.owner(), mailstore.Create{Name: box})
		h.must(err)
		h.behind.Store(int64(time.Hour))
		h.rows(box, c.before)
		h.behind.Store(0)
		h.rows(box, c.since)
		if got := l.status(box); got != c.since {
			t.Errorf("%v: STATUS tells %d", c, got)
		}
		if got := l.selected(box); got != c.since {
			t.Errorf("%v: SELECT tells %d", c, got)
		}
		if got := l.selected(box); got != 0 {
			t.Errorf("%v: %d are left", c, got)
		}
	}
}

// Mailboxes of two people have the same ids. What one is told of says nothing about
// the other's.
func TestRecentIsOfOneAccount(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, p := range []person{h.alice, h.bob} {
		h.deliver(p, "INBOX", letter("one", "hello"))
	}
	if h.box(h.alice, "INBOX").ID != h.box(h.bob, "INBOX").ID {
		t.Fatal("the mailboxes have other ids: this test shows nothing")
	}
	for _, p := range []person{h.alice, h.bob} {
		l := h.line(t, true)
		l.signIn(p)
		if got := l.selected("INBOX"); got != 1 {
			t.Errorf("%d are recent to %s, not one", got, p.address)
		}
	}
}

// Many that select at once are given each message once between them.
func TestRecentIsOfOneSession(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.rows("INBOX", 100)
	var all sync.WaitGroup
	var sum atomic.Int64
	for range 8 {
		l := h.line(t, true)
		l.signIn(h.alice)
		all.Go(func() {
			for range 5 {
				sum.Add(int64(l.selected("INBOX")))
				h.rows("INBOX", 1)
			}
		})
	}
	all.Wait()
	l := h.line(t, true)
	l.signIn(h.alice)
	if got := sum.Load() + int64(l.selected("INBOX")); got != 140 {
		t.Errorf("of 140 messages %d were recent", got)
	}
}

var recentOf = regexp.MustCompile(`RECENT (\d+)|(\d+) RECENT`)

// selected and status are how many messages of a mailbox are recent, as SELECT and
// STATUS tell it.
func (l *line) selected(box string) int { return l.recent("s SELECT "+box+"\r\n", "s OK") }
func (l *line) status(box string) int {
	return l.recent("t STATUS "+box+" (RECENT)\r\n", "t OK")
}

func (l *line) recent(command, until string) (n int) {
	l.Helper()
	l.say(command)
	for text := ""; len(text) < len(until) || text[:len(until)] != until; {
		text = l.next()
		if m := recentOf.FindStringSubmatch(text); m != nil {
			n, _ = strconv.Atoi(m[1] + m[2])
		}
	}
	return n
}
