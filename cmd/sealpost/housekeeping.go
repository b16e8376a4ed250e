package main

import (
	"context"
	"errors"
	"time"

	"sealpost/filestore/lease"
)

const (
	tidyEvery = time.Hour
	// A younger blob may belong to a mail on its way in. Where there are several nodes, what is
	// on its way at another is not known here: such a node may have been asleep, and its clock
	// may be wrong.
	sweepGrace     = time.Hour
	sweepGraceNode = 24 * time.Hour
	worthwhile     = 0.5 // share of a file that is dead when it is written anew
)

// grace is how old a blob is that nothing points at before it goes.
func (e *engines) grace() time.Duration {
	if e.cluster != nil {
		return sweepGraceNode
	}
	return sweepGrace
}

// hourly does something now and every hour, until ctx ends.
func hourly(ctx context.Context, do func(context.Context)) {
	for tick := time.NewTicker(tidyEvery); ; {
		do(ctx)
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// keepHouse removes what crashes left and gives back space, while this node has the lease. Each
// part of it can be done by two at once: what is removed, nothing points at, or it ended.
func (s *server) keepHouse(ctx context.Context, _ lease.Held) { hourly(ctx, s.tidy) }

func (s *server) tidy(ctx context.Context) {
	start := time.Now()
	var healed error
	if s.cluster != nil {
		healed = s.heal(ctx)
	}
	swept, err := s.sweep(ctx)
	if err == nil {
		var more int
		more, err = s.vault.tidy(ctx)
		swept += more
		err = errors.Join(err, healed, s.sorting.Tidy(ctx), s.desk.Tidy(ctx), s.endParcels(ctx), s.tidyFiles(ctx), s.tidyBlobs(ctx))
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.log.Error("housekeeping failed", "error", err)
	case swept > 0:
		s.log.Info("blobs that no mail points at are removed", "count", swept, "took", time.Since(start))
	}
}

// sweep removes blobs that nothing points at; none while accounts move, when some are pointed at soon
// that lie at another end, and what was left behind must stay.
func (s *server) sweep(ctx context.Context) (int, error) {
	if s.moving != nil {
		return 0, nil
	}
	return s.store.Sweep(ctx, s.grace())
}

// tidyBlobs gives back space and counts what is kept; accounts that move are in the way of neither for ever.
func (s *server) tidyBlobs(ctx context.Context) error {
	if s.moving != nil {
		return nil
	}
	return errors.Join(s.compact(ctx, worthwhile), s.countBlobs(ctx))
}

// keepNode does what each node does for itself.
func (s *server) keepNode(ctx context.Context) {
	hourly(ctx, func(ctx context.Context) {
		err := errors.Join(s.desk.WriteDown(ctx), expiredCopies(s.settings.Data, time.Now()))
		if err != nil && ctx.Err() == nil {
			s.log.Error("housekeeping failed", "error", err)
		}
	})
}

// squeeze leaves nothing of what was removed in any file.
func (o *office) squeeze(ctx context.Context) error {
	return errors.Join(o.compact(ctx, 0), expiredCopies(o.settings.Data, time.Now().AddDate(1, 0, 0)))
}
