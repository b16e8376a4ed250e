package disk

import (
	"context"
	"errors"
	"fmt"

	"sealpost/filestore"
)

// Compact writes anew every segment of which more than share (0 to 1) is dead.
// After Compact(ctx, 0) no byte of a blob deleted before is in the files any
// more, not even in the segment that is being appended to, nor comes back by a
// power cut.
func (b *Blobs) Compact(ctx context.Context, share float64) error {
	b.compacting.Lock()
	defer b.compacting.Unlock()
	var errs []error
	for _, s := range b.sorted() {
		if err := b.usable(ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := b.compact(ctx, s, share); err != nil {
			errs = append(errs, fmt.Errorf("compact segment %d: %w", s.number, filestore.MarkFull(err)))
		}
	}
	if err := errors.Join(b.large.settle(), b.o.FS.SyncDir(b.handles.dir)); err != nil {
		errs = append(errs, fmt.Errorf("sync after compaction: %w", err))
	}
	return errors.Join(errs...)
}

func (b *Blobs) compact(ctx context.Context, s *segment, share float64) error {
	w, err := s.waste()
	if err != nil || float64(w.dead) <= share*float64(w.end) && !w.bare {
		return err
	}
	if w.open {
		if share > 0 && w.end < b.o.Segment/2 {
			return nil // many small segments would be the greater waste
		}
		if err := b.appends.roll(); err != nil {
			return err
		}
		return b.compact(ctx, s, share) // more may have been stored meanwhile
	}
	if w.dead == w.end {
		b.drop(s)
		return nil
	}
	return s.rewrite(ctx)
}

// waste is what compaction wants to know of a segment.
type waste struct {
	dead, end int64
	open      bool // it is being appended to
	bare      bool // it is closed and has no index in its file
}

// waste looks at a segment. One that nobody has used yet and that has no file of
// its dead is not read for that: it wastes nothing.
func (s *segment) waste() (waste, error) {
	if !s.loaded() && !s.hasDead() {
		return waste{}, nil
	}
	if err := s.load(); err != nil {
		return waste{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return waste{}, nil
	}
	_, inMemory := s.index.(memory)
	return waste{dead: s.end - s.live, end: s.end, open: s.open, bare: inMemory && !s.open}, nil
}
