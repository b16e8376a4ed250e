package outbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/route"
)

func TestDelivered(t *testing.T) {
	t.Parallel()
	var gone []queue.Mail
	w := newWorld(t, func(w *world) {
		w.sender.Sent = func(_ context.Context, m queue.Mail) { gone = append(gone, m) }
	})
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example", "carol@far.example")
	w.step()
	if w.left(id) != "gone" || len(gone) != 1 || gone[0].ID != id || len(gone[0].Recipient) != 2 {
		t.Errorf("left %s, told of %v", w.left(id), gone)
	}
	all := far.got()
	if len(all) != 1 || all[0].text != original || fmt.Sprint(all[0].to) != "[bob@far.example carol@far.example]" || *all[0].from != address("alice@near.example") || all[0].opts.EnvID != "envelope-1" {
		t.Errorf("%+v", all)
	}
	if s := w.sender.Stats(); s != (Stats{Sent: 2, Sessions: 1}) || len(w.inbox.got()) != 0 {
		t.Errorf("%+v", s)
	}
}

// A mail that is taken out of the queue while it is sent, with its account, is not
// put back, whatever became of it, and is no duplicate.
func TestTakenOutWhileSending(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"bob@far.example", "later@far.example", "unknown@far.example"} {
		w := newWorld(t)
		w.net.far(&inbox{}, nil, "far.example")
		id := w.put(who)
		lease, err := w.queue.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.queue.Expel(t.Context(), "alice"); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		w.sender.attempt(t.Context(), lease)
		if w.left(id) != "gone" || strings.Contains(w.log.String(), "ERROR msg=\"what became") || w.sender.Stats().Duplicates != 0 {
			t.Errorf("%s: %s, %+v\n%s", who, w.left(id), w.sender.Stats(), w.log)
		}
	}
}

// TestSomeAndSome: one mail, one server, every fate.
func TestSomeAndSome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example", "later@far.example", "unknown@far.example", "bob@dead.example")
	w.step()
	if got := w.left(id); got != "later 451 4.2.1 after 1; bob 451 4.4.1 after 1" {
		t.Error(got)
	}
	if n := w.notices(); len(n) != 1 || len(far.got()) != 1 {
		t.Fatalf("%d notices, %d mails", len(n), len(far.got()))
	}
	w.idle()
	w.clock.move(time.Minute)
	w.step()
	if got := w.left(id); got != "later 451 4.2.1 after 2; bob 451 4.4.1 after 2" || len(far.got()) != 1 || len(w.notices()) != 1 {
		t.Error(got)
	}
	if s := w.sender.Stats(); s.Sent != 1 || s.Failed != 1 || s.Deferred != 4 || s.Notices != 1 || s.Reused != 1 {
		t.Errorf("%+v", s)
	}
}

// TestDropsAfterText: nobody knows whether the mail arrived, so it comes again,
// and is counted.
func TestDropsAfterText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.script("far.example", func(n int, c *chat) {
		c.greet()
		if c.take() && n > 0 {
			c.say("250 taken")
			c.hear("QUIT")
		}
	})
	id := w.put("bob@far.example")
	w.step()
	if got := w.left(id); got != "bob 451 4.4.2 after 1" || w.sender.Stats().Duplicates != 1 {
		t.Error(got, w.sender.Stats())
	}
	w.clock.move(time.Minute)
	w.step()
	if got := w.left(id); got != "gone" || len(w.notices()) != 0 {
		t.Error(got)
	}
}

// TestEndsKeptSession: a server that says 421 to the second mail of a session
// gets it in another at once, and one that closed it too.
func TestEndsKeptSession(t *testing.T) {
	t.Parallel()
	for name, bye := range map[string]string{"421": "421 4.7.0 enough for one session", "silently": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.net.script("far.example", func(_ int, c *chat) {
				c.greet()
				c.take()
				c.say("250 taken")
				if c.hear("MAIL") && bye != "" {
					c.say(bye)
				}
			})
			for range 3 {
				id := w.put("bob@far.example")
				w.step()
				if got := w.left(id); got != "gone" {
					t.Error(got)
				}
			}
			if s := w.sender.Stats(); s.Sent != 3 || s.Sessions != 3 || s.Reused != 2 || s.Deferred != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestEndsNewSession: 421 in a session of this mail's own puts it off.
func TestEndsNewSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		c.hear("MAIL")
		c.say("421 4.3.2 going down")
	})
	id := w.put("bob@far.example")
	w.step()
	if got := w.left(id); got != "bob 421 4.3.2 after 1" || w.net.opens("far.example") != 1 {
		t.Error(got, w.net.opens("far.example"))
	}
}

// TestRests: a destination that takes no sessions is not tried again, not for
// other mail either, before its back-off ends; then by one mail first.
func TestRests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.put("bob@dead.example")
	w.step()
	var ids []queue.ID
	for range 3 {
		ids = append(ids, w.put("bob@dead.example"))
		w.step()
	}
	if n := w.net.opens("dead.example"); n != 1 {
		t.Errorf("tried %d times", n)
	}
	if got := w.left(ids[0]); got != "bob 451 4.4.1 after 0" || w.left(first) != "bob 451 4.4.1 after 1" {
		t.Error(got, w.left(first))
	}
	far := &inbox{}
	w.net.far(far, nil, "dead.example")
	w.clock.move(5 * time.Minute)
	for range 4 {
		w.step()
	}
	if len(far.got()) != 4 || w.net.opens("dead.example") != 2 {
		t.Errorf("%d arrived over %d sessions", len(far.got()), w.net.opens("dead.example"))
	}
}

// TestRetryEndsRest: what an operator wants tried now is tried now, also where
// others failed; what fails after that rests again.
func TestRetryEndsRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.put("bob@dead.example"), w.put("bob@dead.example")
	w.step()
	w.step()
	w.clock.move(time.Second)
	if n, err := w.queue.RetryAll(t.Context()); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	w.clock.move(time.Second)
	w.step()
	w.step()
	if w.net.opens("dead.example") != 2 {
		t.Errorf("tried %d times", w.net.opens("dead.example"))
	}
	far := &inbox{}
	w.net.far(far, nil, "dead.example")
	w.clock.move(time.Second)
	if err := w.queue.Retry(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.step()
	if w.left(first) != "gone" || w.left(second) == "gone" || len(far.got()) != 1 {
		t.Error(w.left(first), w.left(second), len(far.got()))
	}
}

// TestHangs: a server that takes sessions and says nothing in them rests too.
func TestHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		c.hear("QUIT")
	})
	a, b := w.put("bob@far.example"), w.put("carol@far.example")
	w.step()
	w.step()
	if w.left(a) != "bob 451 4.4.2 after 1" || w.left(b) != "carol 451 4.4.2 after 0" || w.net.opens("far.example") != 1 {
		t.Error(w.left(a), w.left(b), w.net.opens("far.example"))
	}
}

// TestRouterSays: what an error of the router means for a mail.
func TestRouterSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		left    string
		notices int
	}{
		{route.ErrNoMail, "gone", 1},
		{route.ErrLoop, "gone", 1},
		{route.ErrPolicy, "bob 451 4.7.10 after 1", 0},
		{&route.Failure{Host: "mx.far.example", Err: fmt.Errorf("TLS: %w", route.ErrPolicy)}, "bob 451 4.7.10 after 1", 0},
		{dns.ErrTemporary, "bob 451 4.4.3 after 1", 0},
		{errors.New("no file descriptors"), "bob 451 4.4.1 after 1", 0},
		{&route.Failure{Host: "mx.far.example", Err: &smtp.Refused{Step: "greeting", Reply: smtp.Reply{Code: 554, Enhanced: "5.7.1", Text: "not you"}}}, "bob 554 5.7.1 after 1", 0},
	} {
		w := newWorld(t)
		w.net.breaks("far.example", c.err)
		id := w.put("bob@far.example")
		w.step()
		if got := w.left(id); got != c.left || len(w.notices()) != c.notices {
			t.Errorf("%v: %s, %d notices", c.err, got, len(w.notices()))
		}
	}
}

// TestLastAttempt: a mail is tried once more when its time ends, and then given up.
func TestLastAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	from := address("alice@near.example")
	id := w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from}, Recipient: to("later@far.example"), Expires: w.clock.now().Add(70 * time.Second)})
	w.step()
	w.clock.move(time.Minute)
	w.step()
	if got := w.left(id); got != "later 451 4.2.1 after 2" || len(w.notices()) != 0 {
		t.Fatal(got)
	}
	w.clock.move(9 * time.Second)
	w.idle()
	w.clock.move(time.Second)
	w.step()
	if got := w.left(id); got != "gone" || len(w.notices()) != 1 || w.sender.Stats().Failed != 1 {
		t.Error(got, len(w.notices()))
	}
}

// TestLateStart: a server that was off for a week tries every mail before it gives up.
func TestLateStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example")
	w.clock.move(7 * 24 * time.Hour)
	w.step()
	if w.left(id) != "gone" || len(far.got()) != 1 || len(w.notices()) != 0 {
		t.Error(w.left(id), len(far.got()))
	}
}

// A clock that jumps far ahead, and a server that comes back before its network does,
// give no mail up at the first look at it; a clock that goes back again saves it.
func TestClockJumpsAhead(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		w := newWorld(t)
		id := w.put("bob@far.example", "carol@dead.example")
		w.clock.move(300 * 24 * time.Hour)
		w.step() // no certificate is valid then, no name is found
		if w.left(id) == "gone" || len(w.notices()) != 0 {
			t.Fatalf("given up at once: %s, %d notices", w.left(id), len(w.notices()))
		}
		w.idle() // until its next try, though it expired
		far := &inbox{}
		w.net.far(far, nil, "far.example", "dead.example")
		if back {
			w.clock.move(-300 * 24 * time.Hour)
		} else {
			w.clock.move(time.Minute)
		}
		w.step()
		if w.left(id) != "gone" || len(far.got()) != 1 || len(w.notices()) != 0 {
			t.Errorf("back %v: %s, %d mails, %d notices", back, w.left(id), len(far.got()), len(w.notices()))
		}
	}
}

// TestBecameLocal: a domain that was somebody else's when the mail was queued.
func TestBecameLocal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("bob@near.example", "unknown@near.example SUCCESS", "later@near.example")
	w.step()
	all := w.inbox.got()
	if len(all) != 1 || all[0].text != original || all[0].peer.User == nil || w.left(id) != "later 451 4.2.1 after 1" {
		t.Errorf("%+v, left %s", all, w.left(id))
	}
	w.inbox.refuse = errors.New("disk on fire")
	w.clock.move(time.Minute)
	id = w.put("bob@near.example")
	w.step()
	w.step()
	if got := w.left(id); got != "bob 451 4.3.0 after 1" {
		t.Error(got)
	}
}

// TestRequireTLS: such mail has sessions of its own.
func TestRequireTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	from := address("alice@near.example")
	w.put("bob@far.example")
	w.step()
	id := w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from, RequireTLS: true}, Recipient: to("bob@far.example")})
	w.step()
	if got := w.left(id); got != "bob 451 4.7.30 after 1" || len(far.got()) != 1 || w.net.opens("far.example") != 2 {
		t.Error(got, len(far.got()), w.net.opens("far.example"))
	}
}

// TestRequireTLSGivenUp: who demands TLS hears that it was for want of that (RFC
// 8689, section 4.2.1); others hear that it took too long.
func TestRequireTLSGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		require bool
		status  string
	}{
		{route.ErrPolicy, true, "5.7.10"},
		{fmt.Errorf("%w: %w", route.ErrPolicy, route.ErrNoRequireTLS), true, "5.7.30"},
		{dns.ErrTemporary, true, "4.4.7"},
		{route.ErrPolicy, false, "4.4.7"},
	} {
		w := newWorld(t)
		w.net.breaks("far.example", &route.Failure{Host: "mx.far.example", Err: c.err})
		from := address("alice@near.example")
		id := w.putMail(queue.Mail{Envelope: smtp.Envelope{From: &from, RequireTLS: c.require}, Recipient: to("bob@far.example")})
		w.step()
		w.clock.move(6 * 24 * time.Hour)
		w.step()
		w.clock.move(another)
		w.step()
		n := w.notices()
		if w.left(id) != "gone" || len(n) != 1 {
			t.Fatal(c.err, w.left(id), len(n))
		}
		if got := report(t, n[0]).Recipients[0].Status; got != c.status {
			t.Errorf("%v: %s, want %s", c.err, got, c.status)
		}
	}
}

// What a mail asks of its way is asked of the way, and mails that ask for other
// things share no session.
func TestWishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.far(&inbox{}, []string{"REQUIRETLS"}, "far.example")
	from := address("alice@near.example")
	for _, e := range []smtp.Envelope{{}, {AnyTLS: true}, {RequireTLS: true}, {}} {
		e.From = &from
		w.putMail(queue.Mail{Envelope: e, Recipient: to("bob@far.example")})
		w.step()
	}
	if got := w.net.wishes; !slices.Equal(got[:2], []route.Wish{route.Usual, route.Lax}) || slices.Contains(got[2:], route.Lax) || slices.Contains(got[2:], route.Usual) {
		t.Errorf("asked for %v", got)
	}
}

// TestPanic ends one attempt at one destination, and names nobody in the log.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.net.panics = "bug.example" })
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@bug.example", "bob@far.example")
	w.step()
	if got := w.left(id); got != "bob 451 4.3.0 after 1" || len(far.got()) != 1 {
		t.Error(got, len(far.got()))
	}
	w.idle()
}

// panicky panics where a notice is handed in.
type panicky struct{}

func (panicky) Begin(context.Context, smtp.Peer, *mail.Address, smtp.MailOptions) (smtp.Transaction, error) {
	panic("canary")
}

// TestPanicInNotice: who has the mail does not get it again, whatever happens
// when the sender is told.
func TestPanicInNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.sender.Local = panicky{} })
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example", "unknown@far.example")
	w.step()
	w.idle()
	if got := w.left(id); got != "unknown 0  after 1" || len(far.got()) != 1 {
		t.Error(got)
	}
}

// TestNotWrittenDown: what was sent and could not be written down is tried again
// to be written, and counted when it is not.
func TestNotWrittenDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example")
	w.store.fail = 1
	w.step()
	if w.left(id) != "gone" || w.sender.Stats().Duplicates != 0 {
		t.Error(w.left(id), w.sender.Stats())
	}
	id = w.put("bob@far.example")
	w.store.fail = 1 << 30 // the disk does not come back
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	l, err := w.queue.Take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(over)
		w.sender.attempt(ctx, l)
	}()
	for len(far.got()) < 2 {
		time.Sleep(time.Millisecond)
	}
	w.clock.move(time.Minute)
	w.idle()
	stop() // Run ends
	<-over
	w.store.fail = 0
	if s := w.sender.Stats(); s.Duplicates != 1 || s.Sent != 2 || w.left(id) == "gone" {
		t.Errorf("%+v", s)
	}
}

// TestUnreadable: a mail whose text cannot be read is put off.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example")
	blobs, err := w.store.Blobs(t.Context())
	if err != nil || len(blobs) != 1 {
		t.Fatal(blobs, err)
	}
	if err := w.queue.Blobs.Delete(t.Context(), blobs...); err != nil {
		t.Fatal(err)
	}
	w.step()
	if got := w.left(id); got != "bob 451 4.3.0 after 1" {
		t.Error(got)
	}
}

// Who is told that a mail left the queue hears whether somebody has it, or may have,
// however many attempts ago that was.
func TestGiven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to       string
		attempts int
		given    bool
	}{
		"taken":                  {"bob@far.example", 1, true},
		"refused":                {"unknown@far.example", 1, false},
		"all refused":            {"unknown@far.example unknown2@other.example", 1, false},
		"taken by one":           {"bob@far.example unknown@far.example", 1, true},
		"taken by one long ago":  {"bob@far.example later@far.example", 2, true},
		"never reached":          {"bob@dead.example", 2, false},
		"broken after the text":  {"bob@unsure.example", 2, true},
		"at home":                {"bob@near.example", 1, true},
		"refused at home":        {"unknown@near.example", 1, false},
		"dropped, and was taken": {"bob@far.example later@far.example", -1, true},
		"dropped":                {"later@far.example", -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var left []queue.Mail
			w := newWorld(t, func(w *world) {
				w.sender.Sent = func(_ context.Context, m queue.Mail) { left = append(left, m) }
			})
			w.net.far(&inbox{}, nil, "far.example", "other.example")
			w.net.script("unsure.example", func(n int, c *chat) {
				if c.greet() && n == 0 {
					c.take()
				}
			})
			id := w.put(strings.Fields(c.to)...)
			w.step()
			switch {
			case c.attempts < 0:
				if _, err := w.sender.Drop(t.Context(), id, false); err != nil {
					t.Fatal(err)
				}
			case c.attempts > 1: // until it is given up
				for w.clock.move(6 * 24 * time.Hour); w.anyLeft(); w.clock.move(another) {
					w.step()
				}
			}
			if len(left) != 1 || left[0].Given != c.given {
				t.Errorf("heard %+v", left)
			}
		})
	}
}
