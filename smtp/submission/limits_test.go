package submission

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/account"
	"sealpost/smtp"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().Add(time.Hour).UnixNano()) // behind what the book has written
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

func many(n int) (to []string) {
	for i := range n {
		to = append(to, fmt.Sprintf("r%d@example.org", i))
	}
	return to
}

// TestLimits: recipients elsewhere are counted, once they are reached, by account and
// by app password, in an hour and in a day; a new account has a tenth.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newClock()
	w.now = c.now
	w.handler.Limits = Limits{Hour: 30, Day: 70, PasswordHour: 20, WarmUp: 48 * time.Hour}
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	w.password(alice, account.NewPassword{Name: "laptop"})
	w.password(alice, account.NewPassword{Name: "phone", Limit: 25})
	send := func(password string, n int) (taken int, last string) {
		t.Helper()
		a := w.send(sending{as: alice, password: password, to: append([]string{"bob@demo.test"}, many(n)...), data: letterOf("From: alice@demo.test")})
		if a.begin != "" {
			return 0, a.begin
		}
		for _, r := range a.rcpt[1:] {
			if r == "" {
				taken++
			} else {
				last = r
			}
		}
		if !strings.HasPrefix(a.data, "250") {
			t.Errorf("%d recipients: %+v", n, a)
		}
		return taken, last
	}
	expect := func(what, password string, n, want int, words string) {
		t.Helper()
		if got, last := send(password, n); got != want || !strings.Contains(last, words) || want < n && last == "" {
			t.Errorf("%s: %d of %d are taken, %q", what, got, n, last)
		}
	}
	expect("a new account", "", 5, 3, "452 4.5.3 you may write to 3 recipients in 1 h")
	expect("its tenth is used up", "", 1, 0, "450 4.7.1 you have reached the number of recipients you may write to; try again in 1 h")
	c.forward(49 * time.Hour)
	expect("one password", "laptop", 21, 20, "452 4.5.3 you may write to 20 recipients in 1 h")
	expect("the same again", "laptop", 1, 0, "450 4.7.1")
	expect("another password, the account's limit", "phone", 11, 10, "450 4.7.1")
	expect("no password, the account's limit", "", 1, 0, "450 4.7.1")
	c.forward(66 * time.Minute)
	expect("an hour later, a password with its own limit", "phone", 26, 25, "452 4.5.3 you may write to 25 recipients in 1 h")
	c.forward(66 * time.Minute)
	expect("the day's", "laptop", 19, 15, "450 4.7.1 you have reached the number of recipients you may write to; try again in 2")
	c.forward(27 * time.Hour)
	expect("a day later", "laptop", 19, 19, "")
	if got := len(w.box(bob, "INBOX", true)); got == 0 {
		t.Error("people of this server are counted too")
	}
}

// TestLimitsAtOnce: mails at the same time pass no limit together, and what was not
// sent is not counted.
func TestLimitsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Limits = Limits{Hour: 10}
	alice := w.account("alice@demo.test")
	s := sending{as: alice, to: many(4), data: letterOf("From: alice@demo.test")}
	w.rows.fault = func(int) error { return fmt.Errorf("the disk is broken") }
	for range 5 {
		if a := w.send(s); !strings.HasPrefix(a.data, "451 4.3.0") {
			t.Fatalf("%+v", a)
		}
	}
	w.rows.fault = nil
	from := alice.Addresses[0]
	var open []smtp.Transaction
	for i := range 4 {
		tx, err := w.handler.Begin(t.Context(), smtp.Peer{User: &smtp.Identity{Account: string(alice.ID)}}, &from, smtp.MailOptions{})
		w.must(err)
		for j := range 4 {
			w.must(tx.Rcpt(t.Context(), w.address(fmt.Sprintf("r%d.%d@example.org", i, j)), smtp.RcptOptions{}))
		}
		open = append(open, tx)
	}
	var wg sync.WaitGroup
	var yes, no atomic.Int32
	for _, tx := range open {
		wg.Go(func() {
			defer tx.Close()
			if _, err := tx.Data(t.Context(), strings.NewReader(s.data)); err == nil {
				yes.Add(1)
			} else if r := replyFor(err); r.Code == 450 {
				no.Add(1)
			}
		})
	}
	wg.Wait()
	if yes.Load() != 2 || no.Load() != 2 || len(w.queued()) != 2 {
		t.Errorf("%d mails are sent, %d refused, %d queued", yes.Load(), no.Load(), len(w.queued()))
	}
}

// TestRates: in no span of time more is taken than allowed, and it is told rightly
// when there is room again.
func TestRates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r rates
		most := rapid.IntRange(1, 12).Draw(t, "most")
		b := []bound{{"x", most, time.Hour}}
		now := time.Unix(1_700_000_000, 0)
		type event struct {
			at time.Time
			n  int
		}
		var taken []event
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
			n := rapid.IntRange(1, most).Draw(t, "n")
			undo, when := r.take(b, n, now)
			if undo == nil {
				if !when.After(now) || when.After(now.Add(66*time.Minute)) {
					t.Fatalf("room at %v, now %v", when, now)
				}
				if got := r.room(b, n, when); !got.IsZero() {
					t.Fatalf("no room at %v, as was told, but at %v", when, got)
				}
				now = when
				continue
			}
			if rapid.IntRange(0, 3).Draw(t, "undo") == 0 {
				undo(n)
				continue
			}
			taken = append(taken, event{now, n})
			sum := 0
			for _, e := range taken {
				if now.Sub(e.at) < time.Hour {
					sum += e.n
				}
			}
			if sum > most {
				t.Fatalf("%d taken in an hour, %d allowed", sum, most)
			}
		}
	})
}

// A clock that jumped ahead and came back locks nobody out, and what is given back
// then is not given twice.
func TestClockThatCameBack(t *testing.T) {
	t.Parallel()
	var r rates
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	bounds := []bound{{"hour a", 5, time.Hour}}
	undo, when := r.take(bounds, 5, now.AddDate(1, 0, 0))
	if !when.IsZero() {
		t.Fatal(when)
	}
	if _, when = r.take(bounds, 5, now); !when.IsZero() {
		t.Errorf("has to wait until %v", when)
	}
	undo(5)
	if _, when = r.take(bounds, 1, now); when.IsZero() || when.After(now.Add(2*time.Hour)) {
		t.Errorf("one more than five: %v", when)
	}
	if _, when = r.take(bounds, 1, now.Add(-time.Minute)); when.IsZero() {
		t.Error("a clock that was set back a little forgets")
	}
}
