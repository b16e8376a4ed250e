package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sealpost/smtp/outbound/queue"
)

// What an account has in the queue goes with it: waiting, held, and in a sender's
// hands. Others keep theirs.
func TestExpel(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, mode func(*queue.Queue)) {
		b := newBench(t, mode)
		inHand := b.put(t, from("a"), "one")
		l := b.take(t)
		late := from("a")
		late.Recipient[0].Next = b.clock.now().Add(time.Hour)
		b.put(t, late, "two")
		held := b.put(t, from("a"), "three")
		if err := b.Hold(t.Context(), held, true); err != nil {
			t.Fatal(err)
		}
		other := b.put(t, from("b"), "four")
		text, err := l.Content(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, err := b.Expel(t.Context(), "a")
		if err != nil || n != 3 {
			t.Fatalf("%d, %v", n, err)
		}
		text.Close()
		for name, err := range map[string]error{"renew": l.Renew(t.Context()), "save": l.Save(t.Context()), "done": l.Done(t.Context())} {
			if !errors.Is(err, queue.ErrNoSuch) {
				t.Errorf("%s of what is gone: %v", name, err)
			}
		}
		if _, err := b.Get(t.Context(), inHand); !errors.Is(err, queue.ErrNoSuch) {
			t.Errorf("it is still there: %v", err)
		}
		if got := b.take(t); got.Mail.ID != other || textOf(t, got) != "four" {
			t.Errorf("took %+v", got.Mail)
		} else if err := got.Done(t.Context()); err != nil {
			t.Error(err)
		}
		b.idle(t, "all is gone")
		if d, err := b.Depth(t.Context()); err != nil || d.Mails != 0 || d.Bytes != 0 || b.blobCount(t) != 0 {
			t.Errorf("%+v, %d blobs, %v", d, b.blobCount(t), err)
		}
	})
}

// It ends while senders take, put off and finish what it removes.
func TestExpelWhileSending(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 200 {
		b.put(t, from("a"), "x")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				l, err := b.Take(ctx)
				if err != nil {
					return
				}
				l.Mail.Recipient[0].Next = b.clock.now()
				end := l.Save
				if worker == 0 {
					end = l.Done
				}
				if err := end(ctx); err != nil && !errors.Is(err, queue.ErrNoSuch) && !errors.Is(err, queue.ErrLease) && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	if _, err := b.Expel(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	cancel()
	all.Wait()
	if d, err := b.Depth(t.Context()); err != nil || d.Mails != 0 || b.blobCount(t) != 0 {
		t.Errorf("%+v, %d blobs, %v", d, b.blobCount(t), err)
	}
}
