package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
)

// Take sleeps until something happens: a new mail, a time, a mail given back.
func TestTakeWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue.Queue{Store: memqueue.New(), Key: nodekey.Random(), Strict: true}
		took := make(chan *queue.Lease)
		take := func() {
			l, err := q.Take(t.Context())
			if err != nil {
				t.Error(err)
			}
			took <- l
		}
		go take()
		synctest.Wait()
		if _, err := q.Put(t.Context(), from("a"), strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		l := <-took
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a new mail waited %v", waited)
		}
		go take()
		synctest.Wait()
		l.Mail.Recipient[0].Next = time.Now().Add(17 * time.Minute)
		if err := l.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		l = <-took
		if waited := time.Since(start); waited != 17*time.Minute {
			t.Errorf("a retry waited %v", waited)
		}
		go take()
		synctest.Wait()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		l = <-took
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a mail given back waited %v", waited)
		}
		go take() // and l is never given back, as if its sender had hung
		start = time.Now()
		<-took
		if waited := time.Since(start); waited != 15*time.Minute {
			t.Errorf("a lease ended after %v", waited)
		}
	})
}

// One wake-up is enough for as many as there is work for.
func TestTakeManyWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue.Queue{Store: memqueue.New(), Key: nodekey.Random(), Strict: true}
		took := make(chan queue.ID, 20)
		for range 20 {
			go func() {
				l, err := q.Take(t.Context())
				if err == nil {
					took <- l.Mail.ID
				}
			}()
		}
		synctest.Wait()
		for i := range 10 {
			if _, err := q.Put(t.Context(), from(fmt.Sprint(i)), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(took) != 10 {
			t.Errorf("%d of 10 mails were taken", len(took))
		}
		q.Put(t.Context(), from("more"), strings.NewReader("x"))
		synctest.Wait()
		if len(took) != 11 {
			t.Error("the eleventh was not taken")
		}
	})
}

func TestTakeEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error)
	go func() {
		_, err := b.Take(ctx)
		end <- err
	}()
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A flood of one account delays another's mail by no more than one mail,
// whether its mails are quick or hang.
func TestFair(t *testing.T) {
	t.Parallel()
	b := newBench(t, strict, func(q *queue.Queue) { q.Limits.Share = 4 })
	for range 50 {
		b.put(t, from("flood"), "x")
	}
	b.clock.move(time.Second)
	b.take(t).Done(t.Context())
	b.put(t, from("other"), "x")
	b.put(t, from("third"), "x")
	b.put(t, from("third"), "x")
	var order []string
	for range 6 {
		l := b.take(t)
		order = append(order, l.Mail.Account)
		l.Done(t.Context())
	}
	if !slices.Contains(order[:2], "other") || !slices.Contains(order[:3], "third") || slices.Index(order, "flood") > 2 {
		t.Errorf("one at a time: %v", order)
	}
	hanging := 0
	for range 4 {
		if b.take(t).Mail.Account == "flood" {
			hanging++
		}
	}
	b.idle(t, "the flood has its share")
	b.put(t, from("other"), "x")
	if l := b.take(t); l.Mail.Account != "other" || hanging != 4 {
		t.Errorf("%d hang, then came %s", hanging, l.Mail.Account)
	}
	b.idle(t, "the flood has its share")
}

// Behind a flood that has its share, others are retried when that is due.
func TestFairToRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue.Queue{Store: memqueue.New(), Key: nodekey.Random(), Strict: true, Limits: queue.Limits{Share: 1}}
		retry := from("other")
		retry.Recipient[0].Next = time.Now().Add(3 * time.Second)
		for _, m := range []queue.Mail{from("flood"), from("flood"), retry} {
			if _, err := q.Put(t.Context(), m, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := q.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		l, err := q.Take(t.Context())
		if err != nil || l.Mail.Account != "other" || time.Since(start) > 4*time.Second {
			t.Errorf("%v, %v after %v", l, err, time.Since(start))
		}
	})
}

// Whoever has fewer mails in senders' hands comes first.
func TestFairAmongBusy(t *testing.T) {
	t.Parallel()
	b := newBench(t, strict)
	for range 10 {
		b.put(t, from("a"), "x")
	}
	b.clock.move(time.Second)
	for range 10 {
		b.put(t, from("b"), "x")
	}
	counts := map[string]int{}
	for range 8 {
		counts[b.take(t).Mail.Account]++
	}
	if counts["a"] != 4 || counts["b"] != 4 {
		t.Errorf("hands are full of %v", counts)
	}
}
