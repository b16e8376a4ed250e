package outbound

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// live lets the world's clock be that of the machine.
func live(w *world) { w.clock.live = true }

// TestReusesSessions: many mails go over few sessions, which end after Keep.
func TestReusesSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live, func(w *world) { w.sender.Workers, w.sender.PerDestination, w.sender.Keep = 4, 2, 50*time.Millisecond })
	far := &inbox{}
	w.net.far(far, nil, "far.example", "other.example")
	for i := range 20 {
		w.put(fmt.Sprintf("bob@%s.example", []string{"far", "other"}[i%2]))
	}
	stop := run(t, w.sender)
	until(t, "all arrive", func() bool { return w.sender.Stats().Sent == 20 })
	until(t, "idle sessions end", func() bool {
		w.sender.hosts.mu.Lock()
		defer w.sender.hosts.mu.Unlock()
		return w.sender.hosts.idle == 0 && len(w.sender.hosts.all) == 0
	})
	stop()
	if s := w.sender.Stats(); s.Sessions > 2 || s.Reused < 18 || far.most > 2 {
		t.Errorf("%+v, %d at the same time", s, far.most)
	}
}

// TestSessionEndsAfterManyMails: no session is used for ever.
func TestSessionEndsAfterManyMails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	for range mailsPerSession + 1 {
		w.put("bob@far.example")
		w.step()
	}
	if s := w.sender.Stats(); s.Sessions != 2 || s.Sent != mailsPerSession+1 {
		t.Errorf("%+v", s)
	}
}

// TestOldSessionIsAsked: one that waited is asked whether it is alive.
func TestOldSessionIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := make(chan bool, 1)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		c.take()
		c.say("250 taken")
		asked <- c.hear("RSET")
		c.say("250 ok")
		c.take()
		c.say("250 taken")
		c.hear("QUIT")
	})
	w.put("bob@far.example")
	w.step()
	w.sender.hosts.mu.Lock()
	w.sender.hosts.all["mx.far.example"].idle[0].since = time.Now().Add(-time.Minute)
	w.sender.hosts.mu.Unlock()
	id := w.put("bob@far.example")
	w.step()
	if w.left(id) != "gone" || w.sender.Stats().Sessions != 1 || !<-asked {
		t.Error(w.left(id), w.sender.Stats())
	}
}

// TestTwoSenders: each mail goes once, whoever takes it.
func TestTwoSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live)
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	seen := map[string]int{}
	for i := range 40 {
		w.put(fmt.Sprintf("bob%d@far.example", i))
	}
	// The second has a queue of its own on the same rows, as another process has.
	second := w.newSender()
	second.Queue = &queue.Queue{Store: w.store, Blobs: w.queue.Blobs, Key: w.queue.Key, Now: w.clock.now}
	stop := run(t, w.sender, second)
	until(t, "all arrive", func() bool { return w.sender.Stats().Sent+second.Stats().Sent == 40 })
	stop()
	for _, l := range far.got() {
		seen[l.to[0]]++
	}
	for who, n := range seen {
		if n != 1 {
			t.Errorf("%s got %d", who, n)
		}
	}
	if len(seen) != 40 || w.anyLeft() {
		t.Errorf("%d mails arrived", len(seen))
	}
}

// TestFloodDelaysNobody: one account has a flood for a server that hangs; the
// mail of another goes at once.
func TestFloodDelaysNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live, func(w *world) {
		w.sender.Workers, w.queue.Limits.Share, w.sender.Grace = 4, 3, time.Millisecond
	})
	far := &inbox{}
	w.net.far(far, nil, "far.example")
	w.net.script("hang.example", func(_ int, c *chat) {
		c.greet()
		c.hear("QUIT")
	})
	for range 50 {
		w.put("bob@hang.example")
	}
	stop := run(t, w.sender)
	until(t, "the flood runs", func() bool { return w.net.opens("hang.example") > 0 })
	from := address("zoe@near.example")
	start := time.Now()
	w.putMail(queue.Mail{Account: "zoe", Envelope: smtp.Envelope{From: &from}, Recipient: to("bob@far.example")})
	until(t, "zoe's mail arrives", func() bool { return len(far.got()) == 1 })
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
	stop()
}

// TestBusyDestination: a destination that hangs holds no more workers than it has
// places, once it is known to be stuck: mail to others gets through.
func TestBusyDestination(t *testing.T) {
	t.Parallel()
	h := &hosts{most: 2}
	now := time.Now()
	for range 2 {
		if w := h.enter(t.Context(), "a", now); !w.until.IsZero() {
			t.Fatal("no place", w)
		}
	}
	done := make(chan wait)
	go func() { done <- h.enter(t.Context(), "a", now) }()
	h.leave("a", now)
	if w := <-done; !w.until.IsZero() {
		t.Error("who waited got no place", w)
	}
	h.change("a", func(d *host) { d.moved = time.Now().Add(-time.Minute) })
	if w := h.enter(t.Context(), "a", now); w.until.Sub(now) < busyWait || w.resting {
		t.Errorf("%+v", w)
	}
	if w := h.enter(t.Context(), "b", now); !w.until.IsZero() {
		t.Error("another destination had to wait")
	}
	if h.crowded("b") || !h.crowded("a") || h.all["a"].limit != 1 {
		t.Error("the places of a crowded destination")
	}
}

// TestBackoffGrows, is bounded, and ends with the first reply about a mail.
func TestBackoffGrows(t *testing.T) {
	t.Parallel()
	h := &hosts{most: 2}
	now := time.Now()
	var last time.Duration
	for n := range 12 {
		h.fails("a", now, said{Reply: replyNoRoute, server: "x"})
		pause := h.all["a"].until.Sub(now)
		if n < 4 && pause <= last || pause > longestBackoff {
			t.Errorf("%d failures: %v after %v", n+1, pause, last)
		}
		last = pause
		if w := h.enter(t.Context(), "a", now); !w.resting || w.until.Before(now.Add(pause)) || w.why.server != "x" {
			t.Errorf("%+v", w)
		}
		now = now.Add(pause)
	}
	if w := h.enter(t.Context(), "a", now); !w.until.IsZero() {
		t.Error("nobody may try")
	}
	if w := h.enter(t.Context(), "a", now); w.until.IsZero() {
		t.Error("two try at the same time")
	}
	h.works("a")
	if w := h.enter(t.Context(), "a", now); !w.until.IsZero() {
		t.Error("it works and still rests")
	}
}

// TestForgets: destinations are not remembered for ever.
func TestForgets(t *testing.T) {
	t.Parallel()
	h := &hosts{most: 2}
	now := time.Now()
	for i := range rememberedHosts + 10 {
		h.fails(fmt.Sprint(i), now, said{})
	}
	later := now.Add(time.Hour)
	h.enter(t.Context(), "x", later)
	h.leave("x", later)
	if len(h.all) > 1 {
		t.Errorf("%d remembered", len(h.all))
	}
}

// TestCleanStop: what is being sent is sent to its end, and every session ends
// with QUIT.
func TestCleanStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live)
	said, goOn, quit := make(chan bool, 1), make(chan bool), make(chan bool, 1)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		c.take()
		said <- true
		<-goOn
		c.say("250 taken")
		quit <- c.hear("QUIT")
	})
	id := w.put("bob@far.example")
	stop := run(t, w.sender)
	<-said
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("it did not wait for the mail")
	case <-time.After(20 * time.Millisecond):
	}
	goOn <- true
	<-stopped
	if w.left(id) != "gone" || !<-quit {
		t.Error(w.left(id))
	}
}

// TestAbort: after Grace a mail that is still being sent is cut off, and is in the
// queue as it was; whether it arrived is not known.
func TestAbort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live, func(w *world) { w.sender.Grace = 10 * time.Millisecond })
	said := make(chan bool, 2)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		said <- c.hear("MAIL")
		c.hear("QUIT")
	})
	id := w.put("bob@far.example")
	stop := run(t, w.sender)
	<-said
	start := time.Now()
	stop()
	if got := w.left(id); got != "bob 0  after 0" || time.Since(start) > time.Second {
		t.Error(got, time.Since(start))
	}
}

// TestLeaseIsRenewed: a mail that takes long stays with who sends it.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live, func(w *world) { w.queue.Limits.Lease = 300 * time.Millisecond })
	far := &inbox{came: make(chan struct{}, 2), gate: make(chan struct{})}
	w.net.far(far, nil, "far.example")
	id := w.put("bob@far.example")
	second := w.newSender()
	second.Queue = &queue.Queue{Store: w.store, Blobs: w.queue.Blobs, Key: w.queue.Key, Now: w.clock.now, Limits: w.queue.Limits}
	run(t, w.sender, second)
	<-far.came
	time.Sleep(900 * time.Millisecond) // three leases
	close(far.gate)
	until(t, "it arrives", func() bool { return w.left(id) == "gone" })
	if n := len(far.got()); n != 1 {
		t.Errorf("%d arrived", n)
	}
}

// TestLeaseIsLost: whose mail somebody else has stops sending it.
func TestLeaseIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live, func(w *world) { w.queue.Limits.Lease = 60 * time.Millisecond })
	gone := make(chan bool, 1)
	w.net.script("far.example", func(_ int, c *chat) {
		c.greet()
		c.hear("MAIL")
		gone <- !c.hear("never said")
	})
	w.put("bob@far.example")
	l, err := w.queue.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.store.mu.Lock()
	w.store.lost = true
	w.store.mu.Unlock()
	start := time.Now()
	w.sender.attempt(t.Context(), l)
	if !<-gone || time.Since(start) > time.Second {
		t.Error("it went on for ", time.Since(start))
	}
}

// TestManyDestinations: one that hangs keeps none of the others of a mail back.
func TestManyDestinations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := &inbox{came: make(chan struct{}, 100)}
	hang := make(chan struct{})
	w.net.script("hang.example", func(_ int, c *chat) {
		c.greet()
		<-hang
	})
	recipients := []string{"bob@hang.example"}
	for i := range 5 {
		d := fmt.Sprintf("d%d.example", i)
		w.net.far(far, nil, d)
		recipients = append(recipients, "bob@"+d)
	}
	id := w.put(recipients...)
	var step sync.WaitGroup
	step.Go(w.step)
	for range 5 {
		<-far.came
	}
	close(hang)
	step.Wait()
	if got := w.left(id); got != "bob 451 4.4.2 after 1" {
		t.Error(got)
	}
}

// TestQueueFails: a queue that cannot be read is asked again, and Run ends all the same.
func TestQueueFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, live)
	w.store.mu.Lock()
	w.store.noLease = true
	w.store.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.sender.Run(ctx); err != nil {
		t.Error(err)
	}
}
