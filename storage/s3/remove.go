package s3

import (
	"context"
	"errors"
	"fmt"

	"sealpost/filestore/packs"
)

// batch is how many objects one call to the index is about.
const batch = 256

// remove removes objects of which nothing has been needed for a grace. The index dooms them
// first, and forgets them when they are gone everywhere: a worker that sleeps between the two
// and wakes when another has the lease removes only what is doomed.
func (s *shift) remove(ctx context.Context) error {
	for {
		doomed, err := s.Blobs.index.Doom(ctx, s.token, s.before(), batch)
		if err != nil {
			return fmt.Errorf("doom objects: %w", err)
		}
		gone, err := s.removeAll(ctx, doomed)
		if len(gone) > 0 {
			err = errors.Join(err, s.Blobs.index.Forget(ctx, s.token, gone))
			s.done.removed += len(gone)
		}
		if err != nil {
			return fmt.Errorf("remove objects: %w", err)
		}
		if len(doomed) < batch || len(gone) == 0 {
			return nil
		}
	}
}

// removeAll removes objects from where the index says they are. What one endpoint keeps stays
// doomed, and is removed when that answers. An endpoint that is not configured any more keeps
// what it has: it is the operator who gave it up.
func (s *shift) removeAll(ctx context.Context, objects []packs.Object) (gone []packs.Key, err error) {
	for _, o := range objects {
		everywhere := true
		for _, name := range o.Copies {
			e := s.Blobs.endpoints[name]
			if e == nil {
				continue
			}
			if !s.away[e] {
				failed := s.asked(e, e.remove(ctx, o.Key))
				err = errors.Join(err, failed)
				everywhere = everywhere && failed == nil
			}
			everywhere = everywhere && !s.away[e]
		}
		if everywhere {
			gone = append(gone, o.Key)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return gone, err
}
