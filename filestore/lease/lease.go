// Package lease lets one node at a time do a job that all could do.
//
// It never knows what the job is.
//
// Invariants: a token grows from one holder to the next; who holds a lease knows it until
// the lease may have passed on, and no longer: the job's context ends then. A node that was
// paused may still be within a call when it wakes, so what must not happen twice is written
// under the token, and refused when another has a later one.
package lease

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// ErrHeld says that somebody else has the lease.
var ErrHeld = errors.New("lease is held by another")

// ErrFenced says that the lease under which a call was made is over: whoever has the next
// one may be at work.
var ErrFenced = errors.New("lease has passed to another")

// Token says which holder of a lease is calling. It grows from one holder to the next.
type Token int64

// Leases is the lease of one job, as an engine gives it.
type Leases interface {
	// Lease takes the lease for that long, or fails with ErrHeld.
	Lease(ctx context.Context, d time.Duration) (Token, error)
	// Renew holds it for that long from now, or fails with ErrFenced.
	Renew(ctx context.Context, token Token, d time.Duration) error
	// Release gives it back early; a lease that has passed to another is no error.
	Release(ctx context.Context, token Token) error
}

// Held is a lease that somebody has.
type Held struct {
	Job   string
	Token Token
}

// Always is the lease of a process that has everything to itself.
type Always struct{}

func (Always) Lease(ctx context.Context, _ time.Duration) (Token, error) { return 1, ctx.Err() }

func (Always) Renew(ctx context.Context, _ Token, _ time.Duration) error { return ctx.Err() }

func (Always) Release(context.Context, Token) error { return nil }

// releaseTime bounds how long giving a lease back may take.
const releaseTime = 5 * time.Second

// Do does a job under a lease that is taken for d at a time and renewed meanwhile. When the
// lease is lost the job's context ends. It fails with ErrHeld if somebody else has it.
func Do(ctx context.Context, l Leases, d time.Duration, job func(context.Context, Token) error) error {
	token, err := l.Lease(ctx, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		cancel(renew(ctx, l, token, d))
	}()
	err = job(ctx, token)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(err, cause)
	}
	cancel(nil)
	<-over
	let, stop := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer stop()
	return errors.Join(err, l.Release(let, token))
}

// renew holds the lease until ctx ends, or returns why it could not. One failure is borne: the
// lease lasts until the next tick is over.
func renew(ctx context.Context, l Leases, token Token, d time.Duration) error {
	tick := time.NewTicker(d / 3)
	defer tick.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		timed, cancel := context.WithTimeout(ctx, d/3)
		err := l.Renew(timed, token, d)
		cancel()
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if ctx.Err() == nil && (failures == 2 || errors.Is(err, ErrFenced)) {
			return fmt.Errorf("renew lease: %w", err)
		}
	}
}

// Keep does a job whenever this node can have its lease, until ctx ends: a job that goes on
// and on, and of which there is one at a time. Who has not got the lease asks for it again
// after half its length, more or less. told hears of each loss and each other failure.
func Keep(ctx context.Context, l Leases, d time.Duration, job func(context.Context, Token) error, told func(error)) {
	for ctx.Err() == nil {
		err := Do(ctx, l, d, job)
		if err != nil && !errors.Is(err, ErrHeld) && ctx.Err() == nil {
			told(err)
		}
		wait := d/4 + rand.N(d/2)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}
