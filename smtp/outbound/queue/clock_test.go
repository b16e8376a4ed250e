package queue_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
)

// A clock that is set back strands nothing, and one that asked to wait waits.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	year := 365 * 24 * time.Hour
	for name, after := range map[string]func(*bench) *bench{
		"running": func(b *bench) *bench { return b },
		"crash":   (*bench).restart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			start := b.clock.now()
			b.clock.move(year)
			stranded := b.put(t, from("a"), "x")
			l := b.take(t)
			l.Mail.Recipient[0].Next = b.clock.now().Add(queue.Backoff(1))
			l.Save(t.Context())
			held := from("b")
			held.Envelope.Hold = start.Add(72 * time.Hour)
			b.clock.move(-year)
			b = after(b)
			b.put(t, held, "y")
			l = b.take(t)
			if l.Mail.ID != stranded || l.Mail.Recipient[0].Next.After(b.clock.now()) || l.Mail.Expires.After(b.clock.now().Add(5*24*time.Hour)) {
				t.Errorf("%+v", l.Mail)
			}
			b.idle(t, "asked to wait")
		})
	}
}

// What a wrong clock put off comes no sooner than its sender asked for, and is tried
// for as long as any other.
func TestClockSetBackKeepsHold(t *testing.T) {
	t.Parallel()
	year := 365 * 24 * time.Hour
	b := newBench(t)
	m := from("a")
	m.Envelope.Hold = b.clock.now().Add(72 * time.Hour)
	b.clock.move(year)
	id := b.put(t, m, "x")
	l := b.take(t)
	l.Mail.Recipient[0].Next = b.clock.now().Add(queue.Backoff(1))
	l.Save(t.Context())
	b.clock.move(-year)
	b.idle(t, "to be sent later")
	got, err := b.Get(t.Context(), id)
	if err != nil || !got.Recipient[0].Next.Equal(m.Envelope.Hold) || !got.Expires.Equal(m.Envelope.Hold.Add(5*24*time.Hour)) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Take looks once a minute, so that a clock set while it sleeps is noticed.
func TestClockSetWhileAsleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		offset.Store(int64(10_000 * time.Hour))
		now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		q := &queue.Queue{Store: memqueue.New(), Key: nodekey.Random(), Strict: true, Now: now}
		m := from("a")
		m.Recipient[0].Next = q.Now().Add(time.Hour)
		if _, err := q.Put(t.Context(), m, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		took := make(chan error)
		go func() {
			_, err := q.Take(t.Context())
			took <- err
		}()
		time.Sleep(time.Second)
		offset.Store(0)
		start := time.Now()
		if err := <-took; err != nil || time.Since(start) > time.Minute {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
	})
}
