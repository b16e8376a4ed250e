// Package memqueue is a queue's database in memory, for tests.
package memqueue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/smtp/outbound/queue"
)

// Store is a queue.Store that forgets everything with its process.
type Store struct {
	plan queue.Schedule
	mu   sync.Mutex
	data map[queue.ID][]byte
}

// New makes an empty one.
func New() *Store { return &Store{data: map[queue.ID][]byte{}} }

// Reopen is the store as a process finds it that starts after a crash.
func (s *Store) Reopen() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := New()
	for id, data := range s.data {
		r, _ := s.plan.Get(id)
		r.Fence, r.Until = 0, time.Time{}
		again.plan.Add(r)
		again.data[id] = data
	}
	return again
}

// Rows is all that the store holds, for tests that look for what must not be there.
func (s *Store) Rows() (rows []queue.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.data {
		r, _ := s.whole(id)
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b queue.Row) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// whole reads a row; s.mu is held.
func (s *Store) whole(id queue.ID) (queue.Row, error) {
	r, ok := s.plan.Get(id)
	data, there := s.data[id]
	if !ok || !there {
		return queue.Row{}, queue.ErrNoSuch
	}
	r.Data = bytes.Clone(data)
	return r, nil
}

func (s *Store) Insert(ctx context.Context, r queue.Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.plan.Add(r) {
		return errors.New("there is a mail of that id")
	}
	s.data[r.ID] = bytes.Clone(r.Data)
	return nil
}

func (s *Store) Update(ctx context.Context, r queue.Row, fence uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.plan.Begin(r.ID, fence); err != nil {
		return err
	}
	s.data[r.ID] = bytes.Clone(r.Data)
	s.plan.Update(r)
	return nil
}

func (s *Store) Delete(ctx context.Context, id queue.ID, fence uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.plan.Begin(id, fence); err != nil {
		return err
	}
	delete(s.data, id)
	s.plan.Remove(id)
	return nil
}

func (s *Store) Get(ctx context.Context, id queue.ID) (queue.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole(id)
}

func (s *Store) Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) ([]queue.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.plan.Lease(now, until, n, skip)
	for i := range taken {
		taken[i].Data = bytes.Clone(s.data[taken[i].ID])
	}
	return taken, nil
}

func (s *Store) Next(context.Context) (time.Time, error) { return s.plan.Next(), nil }

func (s *Store) List(ctx context.Context, after queue.ID, n int) ([]queue.Row, error) {
	all := s.Rows()
	i, _ := slices.BinarySearchFunc(all, after, func(r queue.Row, id queue.ID) int { return cmp.Compare(r.ID, id) })
	if i < len(all) && all[i].ID == after {
		i++
	}
	return all[i:min(i+n, len(all))], nil
}

func (s *Store) Blobs(context.Context) (ids []filestore.ID, err error) {
	for _, r := range s.Rows() {
		if r.Body != (filestore.Ref{}) {
			ids = append(ids, r.Body.ID)
		}
	}
	return ids, nil
}

func (s *Store) Count(_ context.Context, group string) (queue.Count, error) {
	return s.plan.Count(group), nil
}

func (s *Store) Depth(_ context.Context, now time.Time) (queue.Depth, error) {
	return s.plan.Depth(now), nil
}
