package imap

import (
	"testing"
	"time"

	"sealpost/mailstore"
)

// However many mailboxes are selected, so many are remembered; what came to those
// that are forgotten, until that was, does not become recent again.
func TestRecentsAreBounded(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	var r recents
	r.open(start)
	key := func(n int) recentKey { return recentKey{"o", mailstore.MailboxID(n + 1)} }
	const all = 5*maxRecents/2 + 1
	for n := range all {
		if first := r.take(key(n), 5, 9, at(n)); first != 5 {
			t.Fatalf("mailbox %d begins with %d", n, first)
		}
		r.take(key(0), 1, 9, at(n)) // asked for all the time
	}
	if n := len(r.young) + len(r.old); n > 2*maxRecents {
		t.Errorf("%d mailboxes are remembered", n)
	}
	for _, c := range []struct {
		box  int
		want bool
	}{{0, true}, {1, false}, {maxRecents / 2, false}, {all - maxRecents, true}, {all - 1, true}} {
		first, known, since := r.peek(key(c.box))
		if known != c.want || known && first != 9 {
			t.Errorf("mailbox %d: %d, %v", c.box, first, known)
		}
		if !known && !since.After(at(c.box)) {
			t.Errorf("what came to mailbox %d at %v may be recent, from %v on", c.box, at(c.box), since)
		}
	}
}

// What one session took, no other is given, and what is known is not lowered.
func TestRecentsAreTakenOnce(t *testing.T) {
	t.Parallel()
	var r recents
	k, other := recentKey{"o", 1}, recentKey{"p", 1}
	for _, c := range []struct {
		k                 recentKey
		first, next, want mailstore.UID
	}{{k, 3, 7, 3}, {k, 3, 7, 7}, {k, 1, 5, 7}, {k, 1, 9, 7}, {k, 1, 9, 9}, {other, 2, 3, 2}} {
		if got := r.take(c.k, c.first, c.next, time.Time{}); got != c.want {
			t.Errorf("%+v gives %d", c, got)
		}
	}
}
