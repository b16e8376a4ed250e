package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"sealpost/filestore"
)

// Sweep deletes texts older than grace that no row points at, and returns how
// many. What is on its way in is none of these, however long that takes and
// whatever the clock says: Puts whose text was seen are known when the rows are
// read, by the text or by the row.
func (q *Queue) Sweep(ctx context.Context, grace time.Duration) (int, error) {
	orphans, err := q.old(ctx, q.now().Add(-grace))
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	q.landing.Lock() // those that were storing then have said what
	q.landing.Unlock()
	q.mu.Lock()
	for id := range q.flying {
		delete(orphans, id)
	}
	q.mu.Unlock()
	used, err := q.Store.Blobs(ctx)
	if err != nil { // an unreadable row may point at any of them
		return 0, fmt.Errorf("list texts in use: %w", err)
	}
	for _, id := range used {
		delete(orphans, id)
	}
	if err := q.Blobs.Delete(ctx, slices.Collect(maps.Keys(orphans))...); err != nil {
		return 0, fmt.Errorf("delete orphans: %w", err)
	}
	return len(orphans), nil
}

// old lists the texts that were stored before then.
func (q *Queue) old(ctx context.Context, then time.Time) (map[filestore.ID]bool, error) {
	found := map[filestore.ID]bool{}
	for info, err := range q.Blobs.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list texts: %w", err)
		}
		if info.Stored.Before(then) {
			found[info.ID] = true
		}
	}
	return found, nil
}
