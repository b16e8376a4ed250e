package mailstore

import (
	"context"
	"fmt"
	"maps"
	"time"

	"sealpost/filestore"
)

// sweepAtOnce bounds the ids a sweep holds in memory (about 40 MB); beyond it
// the blobs are swept in parts by their first byte.
const sweepAtOnce = 1_000_000

// Sweep deletes blobs older than grace that no entry points at, and returns how
// many. A blob is young, or in flight, or listed as in use at a moment after it
// was seen; only what is none of these goes.
func (s *Store) Sweep(ctx context.Context, grace time.Duration) (int, error) {
	before := s.Now().Add(-grace)
	flying := s.inFlight()
	total := 0
	for _, err := range s.Blobs.All(ctx) {
		if err != nil {
			return 0, fmt.Errorf("list blobs: %w", err)
		}
		total++
	}
	parts := min(1+total/sweepAtOnce, 256)
	swept := 0
	for part := range parts {
		n, err := s.sweepPart(ctx, before, flying, func(id filestore.ID) bool { return int(id[0])%parts == part })
		swept += n
		if err != nil {
			return swept, err
		}
	}
	return swept, nil
}

func (s *Store) sweepPart(ctx context.Context, before time.Time, flying map[filestore.ID]struct{}, mine func(filestore.ID) bool) (int, error) {
	orphans := make(map[filestore.ID]struct{})
	for info, err := range s.Blobs.All(ctx) {
		if err != nil {
			return 0, fmt.Errorf("list blobs: %w", err)
		}
		if _, busy := flying[info.ID]; !busy && mine(info.ID) && info.Stored.Before(before) {
			orphans[info.ID] = struct{}{}
		}
	}
	if len(orphans) == 0 {
		return 0, nil
	}
	for id, err := range s.Index.Blobs(ctx) {
		if err != nil { // an unreadable row may point at any of them
			return 0, fmt.Errorf("list blobs in use: %w", err)
		}
		delete(orphans, id)
	}
	var ids []filestore.ID
	for id := range orphans {
		ids = append(ids, id)
	}
	if err := s.Blobs.Delete(ctx, ids...); err != nil {
		return 0, fmt.Errorf("delete orphans: %w", err)
	}
	return len(ids), nil
}

func (s *Store) inFlight() map[filestore.ID]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.flying)
}
