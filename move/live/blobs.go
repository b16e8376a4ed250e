package live

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// blobs are those of both ends. An id is given by one of them, by chance, so it never names
// two. Who had one before its owner went to the other end opens it all the same.
type blobs struct{ *Router }

var (
	_ filestore.Placer   = blobs{}
	_ filestore.Gatherer = blobs{}
)

// Put stores what is nobody's, or is not known to be somebody's.
func (x blobs) Put(ctx context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	return x.PutFor(ctx, "", sources...)
}

// PutFor stores where the owner is now. Should that be elsewhere when a row is to point at it, it
// is brought there.
func (x blobs) PutFor(ctx context.Context, owner string, sources ...io.WriterTo) ([]filestore.Ref, error) {
	s := x.At(mailstore.Owner(owner))
	refs, err := filestore.PutFor(ctx, x.ends[s].Blobs, owner, sources...)
	if err == nil {
		x.put.add(refs, s)
	}
	return refs, err
}

func (x blobs) Open(ctx context.Context, id filestore.ID) (filestore.Blob, error) {
	s, known := x.put.side(id)
	if !known {
		s = x.Near
	}
	b, err := x.ends[s].Blobs.Open(ctx, id)
	if errors.Is(err, filestore.ErrNotFound) && !known {
		b, err = x.ends[s.other()].Blobs.Open(ctx, id)
	}
	return b, err
}

func (x blobs) OpenAll(ctx context.Context, ids []filestore.ID) []filestore.Opened {
	all := filestore.OpenAll(ctx, x.ends[x.Near].Blobs, ids)
	var at []int
	var missing []filestore.ID
	for i := range all {
		if errors.Is(all[i].Err, filestore.ErrNotFound) {
			at, missing = append(at, i), append(missing, ids[i])
		}
	}
	if len(missing) > 0 {
		for i, o := range filestore.OpenAll(ctx, x.ends[x.Near.other()].Blobs, missing) {
			all[at[i]] = o
		}
	}
	return all
}

// Delete has both ends forget blobs: those it does not know are no error to an end.
func (x blobs) Delete(ctx context.Context, ids ...filestore.ID) error {
	var at [2][]filestore.ID
	for _, id := range ids {
		if s, known := x.put.side(id); known {
			at[s] = append(at[s], id)
		} else {
			at[From], at[To] = append(at[From], id), append(at[To], id)
		}
	}
	var err error
	for s, of := range at {
		if len(of) > 0 {
			err = errors.Join(err, x.ends[s].Blobs.Delete(ctx, of...))
		}
	}
	if err == nil {
		x.put.forget(ids)
	}
	return err
}

func (x blobs) All(ctx context.Context) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		for _, e := range x.ends {
			for i, err := range e.Blobs.All(ctx) {
				if !yield(i, err) {
					return
				}
			}
		}
	}
}

// memory knows where blobs were put that no row points at yet: the last so many of them, and up to as many
// before those. Of others an end has to be asked.
type memory struct {
	mu          sync.Mutex
	young, aged map[filestore.ID]Side
}

const memoryMost = 1 << 16

func (m *memory) add(refs []filestore.Ref, s Side) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) > memoryMost {
		m.young, m.aged = make(map[filestore.ID]Side), m.young
	}
	for _, r := range refs {
		m.young[r.ID] = s
	}
}

func (m *memory) side(id filestore.ID) (s Side, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, known = m.young[id]; !known {
		s, known = m.aged[id]
	}
	return s, known
}

func (m *memory) forget(ids []filestore.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.young, id)
		delete(m.aged, id)
	}
}
