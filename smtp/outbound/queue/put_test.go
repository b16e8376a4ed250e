package queue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
)

// Texts that no mail points at go; those of mails stay, and those on their way in.
func TestSweep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, from("a"), "stays")
	if _, err := b.blobs.Put(t.Context(), bytes.NewReader([]byte("orphan"))); err != nil {
		t.Fatal(err)
	}
	b.clock.at = time.Now().Add(30 * time.Minute)
	if n, err := b.Sweep(t.Context(), time.Hour); n != 0 || err != nil {
		t.Errorf("young: %d, %v", n, err)
	}
	b.clock.move(time.Hour)
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := slowStore{b.store, entered, leave}
	put := make(chan error)
	go func() {
		q := b.Queue
		q.Store = slow
		_, err := q.Put(context.Background(), from("b"), strings.NewReader("flying"))
		put <- err
	}()
	<-entered
	n, err := b.Sweep(t.Context(), time.Hour)
	if n != 1 || err != nil || b.blobCount(t) != 2 {
		t.Errorf("%d swept, %d left, %v", n, b.blobCount(t), err)
	}
	close(leave)
	if err := <-put; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		textOf(t, b.take(t))
	}
}

// slowStore stops in Insert.
type slowStore struct {
	*memqueue.Store
	entered, leave chan struct{}
}

func (s slowStore) Insert(ctx context.Context, r queue.Row) error {
	close(s.entered)
	<-s.leave
	return s.Store.Insert(ctx, r)
}

// What cannot be stored is an error that says why, and leaves nothing behind
// but what the sweeper finds.
func TestPutFails(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, mode func(*queue.Queue)) {
		b := newBench(t, mode)
		b.Queue.Store = fullStore{b.store}
		if _, err := b.Put(t.Context(), from("a"), strings.NewReader("x")); !errors.Is(err, filestore.ErrFull) {
			t.Errorf("no room for the row: %v", err)
		}
		b.Queue.Store = b.store
		if _, err := b.Put(t.Context(), from("a"), shortText{}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a text that ends early: %v", err)
		}
		if d, err := b.Depth(t.Context()); err != nil || d != (queue.Depth{}) {
			t.Errorf("%+v, %v", d, err)
		}
		b.clock.at = time.Now().Add(2 * time.Hour)
		if _, err := b.Sweep(t.Context(), time.Hour); err != nil || b.blobCount(t) != 0 {
			t.Errorf("%d blobs, %v", b.blobCount(t), err)
		}
	})
}

type fullStore struct{ *memqueue.Store }

func (fullStore) Insert(context.Context, queue.Row) error { return filestore.ErrFull }

type shortText struct{}

func (shortText) Size() int64 { return 10 }
func (shortText) ReadAt(p []byte, off int64) (int, error) {
	return copy(p, "12345"[min(off, 5):]), io.EOF
}

// What could not be written ends no lease, and may be written again.
func TestSaveAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, from("a"), "x")
	l := b.take(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Done(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	b.idle(t, "leased still")
	if err := l.Done(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for i, nominal := range []time.Duration{1, 1, 5, 10, 20, 40, 80, 160, 240, 240} {
		nominal *= time.Minute
		seen := map[time.Duration]bool{}
		for range 50 {
			d := queue.Backoff(i)
			if d > nominal || d < nominal*3/4 {
				t.Errorf("attempt %d: %v, want up to %v", i, d, nominal)
			}
			seen[d] = true
		}
		if len(seen) < 40 {
			t.Errorf("attempt %d: %d different waits of 50", i, len(seen))
		}
	}
	if d := queue.Backoff(1 << 40); d > 4*time.Hour || d < 3*time.Hour {
		t.Errorf("after very many: %v", d)
	}
}
