package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// repair looks at the objects that were noted: each copy is read and checked, bad ones are
// written anew, missing ones are made where the rule wants them. What cannot be done now, since
// an endpoint does not answer, keeps its note.
func (s *shift) repair(ctx context.Context) error {
	var after packs.Key
	var errs []error
	for {
		noted, err := s.Blobs.index.Noted(ctx, after, batch)
		if err != nil {
			return fmt.Errorf("look for objects to repair: %w", err)
		}
		for _, o := range noted {
			after = o.Key
			err := s.mend(ctx, o)
			switch {
			case ctx.Err() != nil || errors.Is(err, packs.ErrFenced):
				return fmt.Errorf("repair object %s: %w", o.Key, err)
			case err != nil:
				s.done.short++
				if len(errs) < 10 { // the others say the same
					errs = append(errs, fmt.Errorf("repair object %s: %w", o.Key, err))
				}
			default:
				s.done.repaired++
			}
		}
		if len(noted) < batch {
			return errors.Join(errs...)
		}
	}
}

// mend brings one object's copies to what its rule asks.
func (s *shift) mend(ctx context.Context, o packs.Object) error {
	b := s.Blobs
	entries, err := b.index.Entries(ctx, o.Key)
	if err != nil {
		return err
	}
	if len(entries) == 0 { // retired, and kept as it is
		return b.index.SetCopies(ctx, s.token, b.now(), o.Key, o.Copies, false)
	}
	m := &mending{shift: s, object: o, entries: entries, rule: b.ruleOf(o)}
	if m.mustWait() {
		return errShort
	}
	if err := m.look(ctx); err != nil {
		return err
	}
	m.choose()
	return errors.Join(m.copy(ctx), m.tell(ctx))
}

// errShort says that an object has not got the copies yet that its rule asks for.
var errShort = errors.New("object has too few copies still")

// mending is one object whose copies are being brought in order.
type mending struct {
	*shift
	object  packs.Object
	entries []packs.Entry
	rule    *rule

	good    []*endpoint // have it, every chunk checked
	unknown []*endpoint // are said to have it, and do not answer
	wanted  []*endpoint // are to have it and have not
}

// mustWait says whether all that an object lacks is a copy at an endpoint that does not answer:
// then its other copies need not be read, every ten minutes for as long as that takes.
func (m *mending) mustWait() bool {
	if len(m.object.Copies) >= m.rule.Copies {
		return false
	}
	return !slices.ContainsFunc(m.rule.allowed, func(e *endpoint) bool {
		return !slices.Contains(m.object.Copies, e.Name) && !m.away[e]
	})
}

// look reads the copies wherever they are said to be, and, when none is good there, anywhere.
func (m *mending) look(ctx context.Context) error {
	away := false
	for _, said := range []bool{true, false} {
		for _, e := range m.Blobs.endpoints {
			if slices.Contains(m.object.Copies, e.Name) != said {
				continue
			}
			err := errShort
			if !m.away[e] {
				err = m.asked(e, m.verify(ctx, e))
			}
			switch {
			case err == nil:
				m.good = append(m.good, e)
			case ctx.Err() != nil:
				return ctx.Err()
			case !errors.Is(err, errAbsent) && !errors.Is(err, filestore.ErrCorrupt):
				away = true
				if said {
					m.unknown = append(m.unknown, e)
				}
			}
		}
		if len(m.good) > 0 {
			return nil
		}
	}
	if away {
		return errors.New("no copy can be read now")
	}
	m.Log.Error("object is lost: no endpoint has a good copy", "object", m.object.Key.String(), "blobs", len(m.entries))
	return filestore.ErrCorrupt
}

// verify reads all of an endpoint's copy.
func (m *mending) verify(ctx context.Context, e *endpoint) error {
	if m.object.Size <= wholeAtOnce {
		_, err := m.whole(ctx, e)
		return err
	}
	size, err := e.size(ctx, m.object.Key)
	if err != nil {
		return err
	}
	if size != m.object.Size {
		return fmt.Errorf("copy has %d of %d octets: %w", size, m.object.Size, filestore.ErrCorrupt)
	}
	return m.stream(ctx, e, func([]byte) error { return nil })
}

// whole is an object that fits in memory, checked.
func (m *mending) whole(ctx context.Context, e *endpoint) ([]byte, error) {
	size, err := e.size(ctx, m.object.Key)
	if err != nil {
		return nil, err
	}
	if size != m.object.Size {
		return nil, fmt.Errorf("copy has %d of %d octets: %w", size, m.object.Size, filestore.ErrCorrupt)
	}
	body := make([]byte, m.object.Size)
	if err := e.persist(ctx, len(body), e.reading(m.object.Key, 0, body)); err != nil {
		return nil, err
	}
	return body, m.Blobs.check(body, m.entries)
}

// stream reads a large blob's object from one endpoint, a MiB of checked content at a time, and
// its tail.
func (m *mending) stream(ctx context.Context, e *endpoint, take func(raw []byte) error) error {
	if len(m.entries) != 1 {
		return fmt.Errorf("%d blobs in a large object: %w", len(m.entries), filestore.ErrCorrupt)
	}
	f := m.entries[0]
	tags := newTagger(m.Blobs.store.Secret, f.ID)
	buf := make([]byte, mostChunks*(chunkSize+tagSize))
	all := chunks(f.Size)
	for from := int64(0); from < all; from += mostChunks {
		to := min(from+mostChunks, all)
		raw := buf[:chunksSize(f.Size, from, to)]
		if err := e.persist(ctx, len(raw), e.reading(m.object.Key, from*(chunkSize+tagSize), raw)); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			at := (i - from) * (chunkSize + tagSize)
			if _, err := tags.open(i, raw[at:min(at+chunkSize+tagSize, int64(len(raw)))]); err != nil {
				return err
			}
		}
		if err := take(raw); err != nil {
			return err
		}
	}
	tail := make([]byte, tailSize)
	if err := e.persist(ctx, len(tail), e.reading(m.object.Key, m.object.Size-tailSize, tail)); err != nil {
		return err
	}
	if !tags.isTail(tail, f.Size) {
		return fmt.Errorf("tail of blob %s: %w", f.ID, filestore.ErrCorrupt)
	}
	return take(tail)
}

// choose says where copies are wanted: good ones stay where the rule allows them, the rest goes
// where the object would be placed now.
func (m *mending) choose() {
	stay := map[string]bool{} // providers
	count := 0
	for _, e := range m.good {
		if slices.Contains(m.rule.allowed, e) && !stay[e.Provider] {
			stay[e.Provider] = true
			count++
		}
	}
	for _, e := range m.rule.order(m.object.Key) {
		if count == m.rule.Copies {
			return
		}
		if !stay[e.Provider] && !slices.Contains(m.good, e) && !m.away[e] {
			stay[e.Provider] = true
			count++
			m.wanted = append(m.wanted, e)
		}
	}
}

// copy makes the copies that are wanted. One that is damaged is removed first, since objects
// are never written over; a good one is known by now.
func (m *mending) copy(ctx context.Context) error {
	var errs []error
	for _, e := range m.wanted {
		err := m.asked(e, e.remove(ctx, m.object.Key))
		if err == nil && m.object.Size <= wholeAtOnce {
			err = m.copyWhole(ctx, e)
		} else if err == nil {
			err = m.copyStream(ctx, e)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.good = append(m.good, e)
	}
	return errors.Join(errs...)
}

func (m *mending) copyWhole(ctx context.Context, to *endpoint) error {
	body, err := m.whole(ctx, m.good[0])
	if err != nil {
		return err
	}
	return m.asked(to, to.put(ctx, m.object.Key, body))
}

func (m *mending) copyStream(ctx context.Context, to *endpoint) error {
	only := &rule{Rule: Rule{Copies: 1, Enough: 1}, name: m.object.Rule, allowed: []*endpoint{to}}
	u := newUpload(ctx, m.Blobs, only, m.object.Key)
	if err := m.stream(ctx, m.good[0], u.write); err != nil {
		u.abandon()
		return err
	}
	_, err := u.finish(m.object.Content)
	return err
}

// tell says in the index where the good copies are. Those where the rule allows none are left
// out when there are enough others; the sweep removes them when the grace is over. A copy at an
// endpoint that does not answer is believed to be there.
func (m *mending) tell(ctx context.Context) error {
	var fit, other []string
	providers := map[string]bool{}
	for _, e := range m.good {
		if slices.Contains(m.rule.allowed, e) && !providers[e.Provider] {
			providers[e.Provider] = true
			fit = append(fit, e.Name)
		} else {
			other = append(other, e.Name)
		}
	}
	done := len(fit) == m.rule.Copies
	if !done {
		fit = append(fit, other...)
		for _, e := range m.unknown {
			fit = append(fit, e.Name)
		}
	}
	if err := m.Blobs.index.SetCopies(ctx, m.token, m.Blobs.now(), m.object.Key, fit, !done); err != nil || done {
		return err
	}
	return errShort
}
