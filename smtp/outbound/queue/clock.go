package queue

import (
	"context"
	"errors"
	"time"
)

const (
	// clockSlack is how far back a clock goes without more than being set.
	clockSlack = time.Minute
	// farthest is later than any retry: a mail that is due after that, and was not
	// asked to wait, was put off by a clock that was wrong.
	farthest = longestTry + time.Hour
)

// watchClock looks for mails that a wrong clock put off, at first and whenever
// the clock went back.
func (q *Queue) watchClock(ctx context.Context) error {
	now := q.now().Round(0)
	q.mu.Lock()
	before := q.latest
	back := before.IsZero() || now.Before(before.Add(-clockSlack))
	if back || now.After(before) {
		q.latest = now
	}
	q.mu.Unlock()
	if !back {
		return nil
	}
	err := q.unstrand(ctx, now)
	if err != nil { // the next one looks again
		q.mu.Lock()
		q.latest = time.Time{}
		q.mu.Unlock()
	}
	return err
}

// unstrand makes due now, or when its sender asked for, what is due absurdly late.
func (q *Queue) unstrand(ctx context.Context, now time.Time) error {
	late, n := now.Add(farthest), 0
	for r, err := range q.rows(ctx) {
		if err != nil {
			return err
		}
		if !r.Due.After(late) || r.Until.After(now) {
			continue
		}
		m, err := q.openMail(r)
		if err != nil || !r.Due.After(m.Envelope.Hold.Add(farthest)) {
			continue // it cannot be sent, or is to wait
		}
		switch err := q.rewrite(ctx, r, func(m *Mail) error {
			from := now
			if m.Envelope.Hold.After(now) {
				from = m.Envelope.Hold
			}
			m.dueAt(from)
			if last := from.Add(q.Limits.age()); m.Expires.After(last) {
				m.Expires = last
			}
			return nil
		}); {
		case err == nil:
			n++
		case !errors.Is(err, ErrBusy) && !errors.Is(err, ErrNoSuch):
			return err
		}
	}
	if n > 0 {
		q.log().Warn("the clock was wrong: mails that it had put off are due now", "count", n)
	}
	return nil
}
