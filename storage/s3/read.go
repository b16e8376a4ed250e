package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// fetch fills raw with an object's octets from off on, from whichever copy gives back what
// check takes for what was stored. Its error is ErrCorrupt only when all copies answered and
// none was good; while one does not answer it is temporary.
func (b *Blobs) fetch(ctx context.Context, o packs.Object, off int64, raw []byte, check func() error) error {
	var last error
	bad, away := false, true
	for round := 0; away || round < 2; round++ { // what was damaged on its way is good the second time
		if round == tries {
			break
		}
		if round > 0 {
			if err := pause(ctx, b.o.Backoff<<(round-1)); err != nil {
				return err
			}
		}
		away = false
		for _, e := range b.readers(o) {
			err := e.read(ctx, o.Key, off, raw)
			if err == nil {
				if err = check(); err != nil {
					err = fmt.Errorf("endpoint %s: %w", e.Name, err)
				}
			}
			if err == nil {
				if bad {
					b.note(ctx, o.Key)
				}
				return nil
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if last == nil || !errors.Is(err, errAbsent) {
				last = err
			}
			if errors.Is(err, errAbsent) || errors.Is(err, filestore.ErrCorrupt) {
				bad = bad || slices.Contains(o.Copies, e.Name)
			} else {
				away = true
			}
		}
	}
	if bad {
		b.note(ctx, o.Key)
	}
	if !away && !errors.Is(last, filestore.ErrCorrupt) {
		last = fmt.Errorf("%w: %w", last, filestore.ErrCorrupt)
	}
	return last
}

// readers lists the endpoints to ask for an object: those that have it, those that are well
// first. After them come all others: the index may be younger than the last repair.
func (b *Blobs) readers(o packs.Object) (list []*endpoint) {
	rank := map[*endpoint]int{}
	for _, e := range b.endpoints {
		if !slices.Contains(o.Copies, e.Name) {
			rank[e] = 2
		}
		if !e.health.well() {
			rank[e]++
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(x, y *endpoint) int {
		return cmp.Or(cmp.Compare(rank[x], rank[y]), cmp.Compare(x.Name, y.Name))
	})
	return list
}

// noteAgain is how long a repair note is not put on the same object again.
const noteAgain = 10 * time.Minute

// note has a worker look at an object's copies.
func (b *Blobs) note(ctx context.Context, key packs.Key) {
	if at, ok := b.noted.Get(key); ok && b.o.Now().Sub(at) < noteAgain {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), indexTime)
	defer cancel()
	if err := b.index.Note(ctx, []packs.Key{key}); err != nil {
		b.o.Log.Warn("object with a bad copy was not noted", "object", key.String(), "error", err)
		return
	}
	b.noted.Add(key, b.o.Now())
	b.o.Log.Warn("object with a bad copy is noted for repair", "object", key.String())
}
