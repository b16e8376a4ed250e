package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sealpost/filestore/spool"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
)

// Memory is bounded, as it is taken and not as texts are long, and comes back when a
// mail has left and nobody reads it.
func TestStrictMemory(t *testing.T) {
	t.Parallel()
	least := spool.Memory(1)
	b := newBench(t, strict, func(q *queue.Queue) { q.Limits.Bytes, q.Limits.EachBytes = 2*least, 2*least })
	b.put(t, from("a"), strings.Repeat("x", 60))
	if _, err := b.Put(t.Context(), from("b"), strings.NewReader(strings.Repeat("y", int(least)+1))); !errors.Is(err, queue.ErrFull) {
		t.Errorf("beyond: %v", err)
	}
	b.put(t, from("b"), "y")
	if _, err := b.Put(t.Context(), from("b"), strings.NewReader("y")); !errors.Is(err, queue.ErrFull) {
		t.Errorf("a small one beyond: %v", err)
	}
	l := b.take(t)
	c, err := l.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Done(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := c.ReadAt(first, 0); err != nil || first[0] == 0 {
		t.Errorf("a text was wiped under its reader: %q, %v", first, err)
	}
	if d, _ := b.Depth(t.Context()); d.Bytes != 2*least {
		t.Errorf("%d bytes while it is read", d.Bytes)
	}
	c.Close()
	c.Close()
	if d, _ := b.Depth(t.Context()); d.Bytes != least {
		t.Errorf("%d bytes after it was read", d.Bytes)
	}
	if b.blobCount(t) != 0 {
		t.Error("a strict queue has blobs")
	}
}

// After a crash a strict queue has no texts: it sends nothing, and says what was
// lost until that is forgotten.
func TestLost(t *testing.T) {
	t.Parallel()
	b := newBench(t, strict)
	m := from("a")
	m.Outbox = "outbox 42"
	id := b.put(t, m, "x")
	if lost, err := b.Lost(t.Context()); err != nil || len(lost) != 0 {
		t.Errorf("lost before the crash: %v, %v", lost, err)
	}
	b = b.restart()
	later := b.put(t, from("a"), "later")
	if l := b.take(t); l.Mail.ID != later {
		t.Errorf("took %s", l.Mail.ID)
	}
	b.idle(t, "lost")
	for range 2 {
		lost, err := b.Lost(t.Context())
		if err != nil || len(lost) != 1 || lost[0].ID != id || lost[0].Outbox != "outbox 42" {
			t.Fatalf("lost: %+v, %v", lost, err)
		}
	}
	if err := b.Forget(t.Context(), later); err == nil {
		t.Error("a mail that is not lost was forgotten")
	}
	b.Store = &hasty{b.store, 5}
	if err := b.Forget(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := b.Forget(t.Context(), id); err != nil {
		t.Errorf("what is gone cannot be forgotten: %v", err)
	}
	if lost, err := b.Lost(t.Context()); err != nil || len(lost) != 0 {
		t.Errorf("forgotten: %v, %v", lost, err)
	}
}

// hasty is a store in which somebody changes a row the moment it was read: an
// operator, or a sender who looks for what is due.
type hasty struct {
	*memqueue.Store
	times int
}

func (h *hasty) Get(ctx context.Context, id queue.ID) (queue.Row, error) {
	r, err := h.Store.Get(ctx, id)
	if h.times--; err == nil && h.times > 0 {
		next := r
		next.Fence++
		err = h.Store.Update(ctx, next, r.Fence)
	}
	return r, err
}
