package queue

import (
	"context"
	"fmt"
	"maps"
	"time"

	"sealpost/filestore"
)

// Sweep deletes texts older than grace that no row points at, and returns how
// many. A text is young, or on its way in, or listed as in use at a moment after
// it was seen; only what is none of these goes.
func (q *Queue) Sweep(ctx context.Context, grace time.Duration) (int, error) {
	orphans, err := q.old(ctx, q.now().Add(-grace))
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	used, err := q.Store.Blobs(ctx)
	if err != nil { // an unreadable row may point at any of them
		return 0, fmt.Errorf("list texts in use: %w", err)
	}
	for _, id := range used {
		delete(orphans, id)
	}
	var ids []filestore.ID
	for id := range orphans {
		ids = append(ids, id)
	}
	if err := q.Blobs.Delete(ctx, ids...); err != nil {
		return 0, fmt.Errorf("delete orphans: %w", err)
	}
	return len(ids), nil
}

// old lists the texts that were stored before then and are not on their way in.
func (q *Queue) old(ctx context.Context, then time.Time) (map[filestore.ID]bool, error) {
	q.mu.Lock()
	flying := maps.Clone(q.flying)
	q.mu.Unlock()
	found := map[filestore.ID]bool{}
	for info, err := range q.Blobs.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list texts: %w", err)
		}
		if !flying[info.ID] && info.Stored.Before(then) {
			found[info.ID] = true
		}
	}
	return found, nil
}
