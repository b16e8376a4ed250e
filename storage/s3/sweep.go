package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"sealpost/filestore/packs"
)

// swept is what a sweep of one endpoint found.
type swept struct {
	objects int // that it has
	orphans int // removed: no index names them
	noted   int // for repair: it has not got them as the index says, or the rule wants them elsewhere
	uploads int // ended: they were begun and never finished
}

// ErrManyOrphans says that a sweep found so many orphans that it more likely has the wrong
// index before it than that they are some. It has removed nothing.
var ErrManyOrphans = errors.New("more orphans than can be believed")

// Orphans are removed without doubt up to so many; beyond they may not be most of what is there.
const (
	someOrphans  = 1000
	orphansOnce  = 100_000          // held in memory at most; the next sweep finds the others
	sweepJob     = "sweep "         // and an endpoint's name
	afterLooking = 10 * time.Minute // younger objects may be on their way to the index
)

// sweep sweeps each endpoint whose last sweep is long ago.
func (s *shift) sweep(ctx context.Context) error {
	var errs []error
	for _, e := range s.Blobs.endpoints {
		if err := s.sweepIfDue(ctx, e); err != nil {
			errs = append(errs, fmt.Errorf("sweep endpoint %s: %w", e.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *shift) sweepIfDue(ctx context.Context, e *endpoint) error {
	last, err := s.Blobs.index.LastDone(ctx, sweepJob+e.Name)
	if err != nil || s.Blobs.now().Sub(last) < s.Sweep {
		return err
	}
	var c swept
	if err := s.sweepOne(ctx, e, &c); err != nil {
		return err
	}
	s.Log.Info("remote blobs were swept", "endpoint", e.Name, "objects", c.objects, "orphans", c.orphans, "noted", c.noted, "uploads", c.uploads)
	return s.Blobs.index.Done(ctx, s.token, sweepJob+e.Name, s.Blobs.now())
}

// seen is a key with what the endpoint and what the index has of it.
type seen struct {
	key    packs.Key
	stored *stored
	named  *packs.Object
}

// sweepOne compares what an endpoint has with what the index names, both in the order of keys.
func (s *shift) sweepOne(ctx context.Context, e *endpoint, c *swept) error {
	var orphans []packs.Key
	for both, err := range join(e.list(ctx), s.Blobs.index.Objects(ctx)) {
		if err != nil {
			return fmt.Errorf("compare with the index: %w", err)
		}
		if both.stored != nil {
			c.objects++
		}
		if len(orphans) < orphansOnce && s.orphan(both, e) {
			orphans = append(orphans, both.key)
		}
		if s.amiss(both, e) {
			if err := s.look(ctx, both.key, e, c); err != nil {
				return err
			}
		}
	}
	if len(orphans) > someOrphans && len(orphans) > c.objects/2 {
		return fmt.Errorf("%d of %d objects: %w", len(orphans), c.objects, ErrManyOrphans)
	}
	if err := s.removeOrphans(ctx, e, orphans, c); err != nil {
		return err
	}
	return s.endUploads(ctx, e, c)
}

// orphan says whether an endpoint has what the index does not name, or names at other
// endpoints only, and has for longer than the grace.
func (s *shift) orphan(both seen, e *endpoint) bool {
	if both.stored == nil || !both.stored.at.Before(s.before()) {
		return false
	}
	if both.named == nil {
		return true
	}
	return !at(both.named, e) && !both.named.Short && both.named.Changed.Before(s.before())
}

// amiss says whether the index names what the endpoint has not got, or has otherwise, or
// whether the object's rule wants it elsewhere.
func (s *shift) amiss(both seen, e *endpoint) bool {
	o := both.named
	if o == nil || o.Doomed || o.Short || !o.Retired.IsZero() || s.Blobs.now().Sub(o.Made) < afterLooking || !at(o, e) {
		return false
	}
	return both.stored == nil || both.stored.size != o.Size || !s.Blobs.ruleOf(*o).fits(o.Copies)
}

func at(o *packs.Object, e *endpoint) bool {
	for _, name := range o.Copies {
		if name == e.Name {
			return true
		}
	}
	return false
}

// look has an object repaired, if the index still names it: one look at the list of an
// endpoint is no proof.
func (s *shift) look(ctx context.Context, key packs.Key, e *endpoint, c *swept) error {
	now, err := s.Blobs.index.Lookup(ctx, []packs.Key{key})
	if err != nil || len(now) == 0 || now[0].Doomed || !at(&now[0], e) {
		return err
	}
	c.noted++
	return s.Blobs.index.Note(ctx, []packs.Key{key})
}

// removeOrphans removes what the index still does not name.
func (s *shift) removeOrphans(ctx context.Context, e *endpoint, orphans []packs.Key, c *swept) error {
	for len(orphans) > 0 {
		some := orphans[:min(batch, len(orphans))]
		orphans = orphans[len(some):]
		named, err := s.Blobs.index.Lookup(ctx, some)
		if err != nil {
			return err
		}
		keep := map[packs.Key]bool{}
		for _, o := range named {
			keep[o.Key] = at(&o, e) || o.Short || !o.Changed.Before(s.before())
		}
		for _, key := range some {
			if keep[key] {
				continue
			}
			if err := e.remove(ctx, key); err != nil {
				return fmt.Errorf("remove orphan: %w", err)
			}
			c.orphans++
		}
	}
	return nil
}

// endUploads ends uploads that were begun before the grace: their parts cost as objects do.
func (s *shift) endUploads(ctx context.Context, e *endpoint, c *swept) error {
	list, err := e.unfinishedUploads(ctx)
	if err != nil {
		return fmt.Errorf("list unfinished uploads: %w", err)
	}
	for _, u := range list {
		if !u.at.Before(s.before()) {
			continue
		}
		if err := e.abort(ctx, u.name, u.id); err != nil {
			return fmt.Errorf("end an unfinished upload: %w", err)
		}
		c.uploads++
	}
	return nil
}

// errOrder says that a list is not sorted: then nothing that it lacks is known to be missing.
var errOrder = errors.New("list is not in the order of keys")

// join brings what two sorted lists say of the same keys together.
func join(there iter.Seq2[stored, error], named iter.Seq2[packs.Object, error]) iter.Seq2[seen, error] {
	return func(yield func(seen, error) bool) {
		nextStored, stop := iter.Pull2(there)
		defer stop()
		nextNamed, stopNamed := iter.Pull2(named)
		defer stopNamed()
		s, errS, okS := nextStored()
		n, errN, okN := nextNamed()
		last := seen{}
		for first := true; okS || okN; first = false {
			if err := errors.Join(errS, errN); err != nil {
				yield(seen{}, err)
				return
			}
			both := seen{}
			c := 0
			switch {
			case !okN:
				c = -1
			case !okS:
				c = 1
			default:
				c = bytes.Compare(s.key[:], n.Key[:])
			}
			if c <= 0 {
				mine := s
				both.key, both.stored = s.key, &mine
				s, errS, okS = nextStored()
			}
			if c >= 0 {
				mine := n
				both.key, both.named = n.Key, &mine
				n, errN, okN = nextNamed()
			}
			if !first && bytes.Compare(both.key[:], last.key[:]) <= 0 {
				yield(seen{}, errOrder)
				return
			}
			if last = both; !yield(both, nil) {
				return
			}
		}
	}
}
