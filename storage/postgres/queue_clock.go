package postgres

import (
	"sync"
	"time"
)

// clock is the database's, as a node knows it: what it said last, and how long ago that was.
type clock struct {
	mu    sync.Mutex
	there time.Time // what it showed
	here  time.Time // when the node's own showed this
}

// hear learns what the database's clock showed at some moment between asking and answering.
// What was known is kept if it may be right, so that the clock does not go to and fro.
func (c *clock) hear(asked, answered, showed time.Time) {
	took := answered.Sub(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.there.Add(answered.Sub(c.here))
	if c.here.IsZero() || known.Before(showed) || known.After(showed.Add(took)) {
		c.there, c.here = showed.Add(took/2), answered
	}
}

func (c *clock) now(own time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.Add(own.Sub(c.here))
}

// Now is the time by the database's clock, within a round trip: the Now of a queue.Queue.
// Every Next sets it right, so a queue that waits for mail knows it at least each minute.
func (q *Queue) Now() time.Time { return q.clock.now(q.d.o.Now()) }

// end is when a lease that is to last until a time begins, nil for now, and how long it is, nil for
// no lease.
func (q *Queue) end(until time.Time) (from, length *int64) {
	switch {
	case until.IsZero():
		return nil, nil
	case q.played != nil:
		last := nanoseconds(until)
		return new(int64), &last
	}
	left := int64(until.Sub(q.Now()))
	return nil, &left
}

// playedAt is the time that a test plays at, nil where the database's clock counts.
func (q *Queue) playedAt(now time.Time) *int64 {
	if q.played == nil {
		return nil
	}
	at := nanoseconds(now)
	q.played.Store(at)
	return &at
}
