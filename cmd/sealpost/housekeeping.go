package main

import (
	"context"
	"errors"
	"time"
)

const (
	sweepEvery = time.Hour
	sweepGrace = time.Hour // a younger blob may belong to a mail on its way in
	worthwhile = 0.5       // share of a file that is dead when it is written anew
)

// keepHouse removes what crashes left and gives back space, now and every hour.
func (s *server) keepHouse(ctx context.Context) {
	for {
		s.tidy(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
	}
}

func (s *server) tidy(ctx context.Context) {
	start := time.Now()
	swept, err := s.store.Sweep(ctx, sweepGrace)
	if err == nil {
		var more int
		more, err = s.vault.tidy(ctx)
		swept += more
		err = errors.Join(err, s.sorting.Tidy(ctx), s.desk.Tidy(ctx), s.endParcels(ctx), s.tidyFiles(ctx), s.compact(ctx, worthwhile), expiredCopies(s.settings.Data, start), s.countBlobs(ctx))
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.log.Error("housekeeping failed", "error", err)
	case swept > 0:
		s.log.Info("blobs that no mail points at are removed", "count", swept, "took", time.Since(start))
	}
}

// squeeze leaves nothing of what was removed in any file.
func (o *office) squeeze(ctx context.Context) error {
	return errors.Join(o.compact(ctx, 0), expiredCopies(o.settings.Data, time.Now().AddDate(1, 0, 0)))
}
