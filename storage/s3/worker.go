package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sealpost/filestore/lease"
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
	err := lease.Do(ctx, c.Leases, c.Held, func(ctx context.Context, token packs.Token) error {
		s := &shift{Worker: &c, token: token, away: map[*endpoint]bool{}}
		err := errors.Join(s.remove(ctx), s.merge(ctx), s.repair(ctx), s.sweep(ctx))
		if s.done != (done{}) {
			c.Log.Info("housekeeping of remote blobs", "removed", s.done.removed, "merged", s.done.merged, "repaired", s.done.repaired, "short", s.done.short)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("lease of remote blobs: %w", err)
	}
	return nil
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
