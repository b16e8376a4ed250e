package outbound

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/route"
)

// Bounds of what is known of destinations.
const (
	mailsPerSession = 100
	idleAtMost      = 100              // sessions kept, to all destinations
	longestBackoff  = 30 * time.Minute // of a destination
	patience        = 2 * time.Second  // how long a destination may make no progress while a mail waits for it
	busyWait        = 20 * time.Second // a mail whose destination is busy comes again after this or up to half longer
	rememberedHosts = 10_000           // beyond it, forget those that rest
)

// hosts are the destinations that mail goes to at this moment, or went to.
type hosts struct {
	most int // sessions at the same time, each
	keep time.Duration

	mu      sync.Mutex
	all     map[string]*host
	idle    int
	closing sync.WaitGroup
}

// host is one destination.
type host struct {
	busy     int // sessions in hands
	limit    int // it wants fewer than most; 0: none
	idle     []*kept
	failures int       // in a row
	failed   time.Time // the last of them, by the Sender's clock
	until    time.Time // not tried before, by the Sender's clock
	why      said      // it failed
	moved    time.Time // when it last got on with a mail, by the clock of the machine
	changed  chan struct{}
}

// said is a reply and who gave it; no server: this one.
type said struct {
	smtp.Reply
	server string
}

// wait tells a mail that there is no place for it.
type wait struct {
	until   time.Time // come again then; zero: there is a place
	resting bool      // the destination is left alone because it failed
	why     said
}

// kept is a session that waits for its next mail.
type kept struct {
	*route.Session
	since time.Time
	timer *time.Timer
}

// enter takes one of a destination's places, or says when to come again.
func (h *hosts) enter(ctx context.Context, key string, now time.Time) wait {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		d := h.get(key) // it may be another after a pause
		switch {
		case now.Before(d.until):
			rest := d.until.Sub(now) // the clock on the wall may have jumped
			return wait{now.Add(rest + rand.N(max(rest/4, busyWait))), true, d.why}
		case d.busy < h.places(d):
			if d.busy++; d.busy == 1 {
				d.moved = time.Now()
			}
			return wait{}
		case d.failures > 0, time.Since(d.moved) > patience, ctx.Err() != nil:
			return h.busyUntil(now)
		}
		h.await(ctx, d)
	}
}

func (*hosts) busyUntil(now time.Time) wait {
	return wait{until: now.Add(busyWait + rand.N(busyWait/2))}
}

// places is how many sessions a destination has. One that failed is first tried
// by one mail.
func (h *hosts) places(d *host) int {
	switch {
	case d.failures > 0:
		return 1
	case d.limit > 0:
		return min(d.limit, h.most)
	}
	return h.most
}

// await waits for a change of d, not long; h.mu is let go meanwhile.
func (h *hosts) await(ctx context.Context, d *host) {
	changed := d.changed
	h.mu.Unlock()
	defer h.mu.Lock()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

// get finds or makes a destination; h.mu is held.
func (h *hosts) get(key string) *host {
	if h.all == nil {
		h.all = map[string]*host{}
	}
	d := h.all[key]
	if d == nil {
		d = &host{changed: make(chan struct{})}
		h.all[key] = d
	}
	return d
}

// change does something to a destination and wakes who waits for it.
func (h *hosts) change(key string, fn func(d *host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.get(key)
	fn(d)
	close(d.changed)
	d.changed = make(chan struct{})
}

// leave gives a place back.
func (h *hosts) leave(key string, now time.Time) {
	h.change(key, func(d *host) {
		d.busy--
		d.moved = time.Now()
		if d.busy == 0 && len(d.idle) == 0 && d.failures == 0 {
			delete(h.all, key)
		}
		if len(h.all) > rememberedHosts {
			h.forget(now)
		}
	})
}

// forget drops destinations that failed and may be tried again; h.mu is held.
func (h *hosts) forget(now time.Time) {
	for key, d := range h.all {
		if d.busy == 0 && len(d.idle) == 0 && now.After(d.until) {
			delete(h.all, key)
		}
	}
}

// works says that a destination said something about a mail.
func (h *hosts) works(key string) {
	h.change(key, func(d *host) { d.failures, d.until, d.moved = 0, time.Time{}, time.Now() })
}

// fails says that a destination does not take sessions, or says nothing in them:
// no other mail tries it until its back-off ends.
func (h *hosts) fails(key string, now time.Time, why said) {
	h.change(key, func(d *host) {
		d.failures++
		d.failed, d.why = now, why
		d.until = now.Add(min(queue.Backoff(d.failures), longestBackoff))
	})
}

// forgive lets a destination that failed be tried again: an operator asked for it
// since.
func (h *hosts) forgive(key string, asked time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d := h.all[key]; d != nil && d.failures > 0 && !d.failed.After(asked) {
		d.failures, d.until = 0, time.Time{}
	}
}

// crowded says that a destination refused one more session, and whether that is
// because it has others.
func (h *hosts) crowded(key string) (others bool) {
	h.change(key, func(d *host) {
		if others = d.busy > 1 && d.failures == 0; others {
			d.limit = d.busy - 1
		}
	})
	return others
}
