package queue

import (
	"context"
	"fmt"
	"time"
)

// Pauses of Take. A clock that was set back, or another process on the same
// store that cannot tell (Stirred), wakes nobody: so it looks once a minute whatever it knows. While what is due
// first is of an account that has its share, it looks more often: when the next mail
// of others is due nobody says.
const (
	longestPause  = time.Minute
	behindFull    = time.Second
	shortestPause = 10 * time.Millisecond
)

// Take waits until a mail is due and leases it; mails of accounts that are being
// sent for wait behind those of others. Every lease ends by Save, Done or
// Release.
func (q *Queue) Take(ctx context.Context) (*Lease, error) {
	defer q.nudge() // there may be more for the next who waits
	for {
		l, err := q.try(ctx)
		if l != nil || err != nil {
			return l, err
		}
		pause, err := q.pause(ctx)
		if err != nil {
			return nil, err
		}
		if err := q.rest(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func (q *Queue) rest(ctx context.Context, pause time.Duration) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-q.waker():
	case <-t.C:
	}
	return nil
}

// waker holds one token at most: who takes it looks, and passes it on when
// there was something.
func (q *Queue) waker() chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wake == nil {
		q.wake = make(chan struct{}, 1)
	}
	return q.wake
}

// Wake has who waits in Take look: another process may have put something.
func (q *Queue) Wake() { q.nudge() }

// stir wakes who waits here, and tells other processes.
func (q *Queue) stir() {
	q.nudge()
	if q.Stirred != nil {
		q.Stirred()
	}
}

// nudge wakes one who waits in Take.
func (q *Queue) nudge() {
	select {
	case q.waker() <- struct{}{}:
	default:
	}
}

// pause is how long nothing can happen by itself.
func (q *Queue) pause(ctx context.Context) (time.Duration, error) {
	next, err := q.Store.Next(ctx)
	if err != nil {
		return 0, fmt.Errorf("look into queue: %w", err)
	}
	wait := next.Sub(q.now())
	switch {
	case next.IsZero(), wait > longestPause:
		return longestPause, nil
	case wait > 0:
		return wait, nil
	case q.somebodyIsFull():
		return behindFull, nil
	}
	return shortestPause, nil
}

// try leases a mail if one is due.
func (q *Queue) try(ctx context.Context) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := q.watchClock(ctx); err != nil {
		return nil, err
	}
	for {
		r, ok, err := q.lease(ctx)
		if err != nil || !ok {
			return nil, err
		}
		// A row that cannot be sent stays leased: it comes again when that ends,
		// and holds nobody up.
		if r.inMemory() && !q.has(r.ID) {
			q.log().Warn("text of a queued mail is lost", "mail", r.ID)
			q.unhand(r.Group)
			continue
		}
		m, err := q.openMail(r)
		if err != nil {
			q.log().Error("queued mail cannot be read", "mail", r.ID, "error", err)
			q.unhand(r.Group)
			continue
		}
		return &Lease{Mail: m, q: q, row: r, inHand: true}, nil
	}
}

// lease takes the next row, group by group. First come groups for which nobody
// is sending; among those, and then among the others, each has its turn before
// one has a second.
func (q *Queue) lease(ctx context.Context) (Row, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, pass := range q.passes() {
		rows, err := q.Store.Lease(ctx, now, now.Add(q.Limits.lease()), 1, pass.skip)
		if err != nil {
			return Row{}, false, fmt.Errorf("lease from queue: %w", err)
		}
		if len(rows) == 0 {
			continue
		}
		if pass.newRound || q.served == nil {
			q.served = map[string]bool{}
		}
		q.served[rows[0].Group] = true
		q.hand(rows[0].Group)
		return rows[0], true, nil
	}
	return Row{}, false, nil
}

type pass struct {
	skip     map[string]bool
	newRound bool
}

// passes are the ways to look for a row, the fairest first.
func (q *Queue) passes() []pass {
	busy, full := map[string]bool{}, map[string]bool{}
	for name, n := range q.active {
		busy[name] = true
		if n >= q.Limits.share() {
			full[name] = true
		}
	}
	all := []pass{}
	if len(q.served) > 0 {
		all = append(all, pass{skip: union(busy, q.served)})
	}
	all = append(all, pass{busy, true})
	if len(busy) > 0 {
		if len(q.served) > 0 {
			all = append(all, pass{skip: union(full, q.served)})
		}
		all = append(all, pass{full, true})
	}
	return all
}

func union(a, b map[string]bool) map[string]bool {
	u := make(map[string]bool, len(a)+len(b))
	for k := range a {
		u[k] = true
	}
	for k := range b {
		u[k] = true
	}
	return u
}

// hand counts a mail as in somebody's hands; q.mu is held.
func (q *Queue) hand(group string) {
	if q.active == nil {
		q.active = map[string]int{}
	}
	q.active[group]++
}

// unhand says that a lease is in nobody's hands any more.
func (q *Queue) unhand(group string) {
	q.mu.Lock()
	if q.active[group]--; q.active[group] <= 0 {
		delete(q.active, group)
	}
	q.mu.Unlock()
	q.nudge()
}

func (q *Queue) somebodyIsFull() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.active {
		if n >= q.Limits.share() {
			return true
		}
	}
	return false
}
