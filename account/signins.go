package account

import (
	"context"
	"errors"
	"sync/atomic"
)

// SignIns are counts since the start, for metrics.
type SignIns struct {
	Good    int64
	Wrong   int64 // a user or a password that is none
	Slowed  int64 // turned away before a password was looked at
	Faulted int64 // could not be checked
}

type signIns struct{ good, wrong, slowed, faulted atomic.Int64 }

// SignIns is what was counted so far at the doors that share t.
func (t *Throttle) SignIns() SignIns {
	c := &t.counted
	return SignIns{c.good.Load(), c.wrong.Load(), c.slowed.Load(), c.faulted.Load()}
}

// count counts how a sign-in ended.
func (d Door) count(err error) {
	if d.Throttle == nil {
		return
	}
	c := &d.Throttle.counted
	switch {
	case err == nil:
		c.good.Add(1)
	case errors.Is(err, ErrLogin):
		c.wrong.Add(1)
	case errors.Is(err, ErrSlowDown):
		c.slowed.Add(1)
	case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded): // else its client is gone
		c.faulted.Add(1)
	}
}

// counted is step with its end counted, and told of where it went well.
func (d Door) counted(c Caller, step Step) Step {
	return func(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
		challenge, who, err := step(ctx, response)
		if err != nil || who != nil {
			d.count(err)
		}
		if who != nil {
			d.entered(ctx, c, *who)
		}
		return challenge, who, err
	}
}
