package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sealpost/filestore/packs"
)

// Worker does the housekeeping of one store: it removes what was deleted, merges small packs
// and those that are mostly dead, restores missing copies, and sweeps up what no index names.
// Any number of nodes may run one; the lease sees to it that one is at work, and the index
// that one whose lease has passed on changes nothing.
type Worker struct {
	Blobs  *Blobs
	Leases packs.Leases

	// Grace is how long what was deleted stays with the providers. It must be longer than the
	// time for which the database can be put back to an earlier moment. 8 days, at least 2.
	Grace time.Duration
	Every time.Duration // between two rounds; 10 minutes
	Sweep time.Duration // between two sweeps; a week
	Held  time.Duration // how long a lease is taken for; a minute
	Log   *slog.Logger  // none
}

func (w *Worker) withDefaults() Worker {
	c := *w
	c.Grace = max(bounded(c.Grace, 8*24*time.Hour, 366*24*time.Hour), 2*late)
	c.Every = bounded(c.Every, 10*time.Minute, 24*time.Hour)
	c.Sweep = bounded(c.Sweep, 7*24*time.Hour, 366*24*time.Hour)
	c.Held = bounded(c.Held, time.Minute, time.Hour)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Run works until ctx ends. What fails is logged and tried again in the next round.
func (w *Worker) Run(ctx context.Context) error {
	c := w.withDefaults()
	for {
		if err := c.Round(ctx); err != nil && !errors.Is(err, packs.ErrHeld) && ctx.Err() == nil {
			c.Log.Warn("housekeeping of remote blobs was not finished", "error", err)
		}
		if err := pause(ctx, c.Every); err != nil {
			return err
		}
	}
}

// done is what a round did, in objects.
type done struct {
	removed  int // nothing of them was needed any more
	merged   int // packs whose blobs went into others
	repaired int
	short    int // whose repair has to wait, since an endpoint does not answer
}

// Round does all there is to do once. It fails with ErrHeld while another has the lease.
func (w *Worker) Round(ctx context.Context) error {
	c := w.withDefaults()
	return c.leased(ctx, func(ctx context.Context, token packs.Token) error {
		s := &shift{Worker: &c, token: token, away: map[*endpoint]bool{}}
		err := errors.Join(s.remove(ctx), s.merge(ctx), s.repair(ctx), s.sweep(ctx))
		if s.done != (done{}) {
			c.Log.Info("housekeeping of remote blobs", "removed", s.done.removed, "merged", s.done.merged, "repaired", s.done.repaired, "short", s.done.short)
		}
		return err
	})
}

// shift is one round under one lease.
type shift struct {
	*Worker
	token packs.Token
	done  done
	away  map[*endpoint]bool // did not answer in this round, and are not asked again
}

// asked notes of an endpoint that it did not answer.
func (s *shift) asked(e *endpoint, err error) error {
	if err != nil && worthAnother(err) {
		s.away[e] = true
	}
	return err
}

// before is the moment since when what was deleted is kept.
func (s *shift) before() time.Time { return s.Blobs.now().Add(-s.Grace) }

// leased does a job under the lease, which is renewed meanwhile. When it is lost the job's
// context ends.
func (w *Worker) leased(ctx context.Context, job func(context.Context, packs.Token) error) error {
	token, err := w.Leases.Lease(ctx, w.Held)
	if err != nil {
		return fmt.Errorf("lease of remote blobs: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		cancel(w.renew(ctx, token))
	}()
	err = job(ctx, token)
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(err, cause)
	}
	cancel(nil)
	<-over
	let, stop := context.WithTimeout(context.WithoutCancel(ctx), indexTime)
	defer stop()
	return errors.Join(err, w.Leases.Release(let, token))
}

// renew holds the lease until ctx ends, or returns why it could not. One failure is borne: the
// lease lasts until the next tick is over.
func (w *Worker) renew(ctx context.Context, token packs.Token) error {
	tick := time.NewTicker(w.Held / 3)
	defer tick.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		timed, cancel := context.WithTimeout(ctx, w.Held/3)
		err := w.Leases.Renew(timed, token, w.Held)
		cancel()
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if ctx.Err() == nil && (failures == 2 || errors.Is(err, packs.ErrFenced)) {
			return fmt.Errorf("renew lease of remote blobs: %w", err)
		}
	}
}
