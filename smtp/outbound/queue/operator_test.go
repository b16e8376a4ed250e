package queue_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

func TestOperator(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(t, from("a"), "text")
	l := b.take(t)
	for name, err := range map[string]error{
		"retry": b.Retry(t.Context(), id), "hold": b.Hold(t.Context(), id, true), "drop": second(b.Drop(t.Context(), id)),
	} {
		if !errors.Is(err, queue.ErrBusy) {
			t.Errorf("%s while it is sent: %v", name, err)
		}
	}
	l.Mail.Recipient[0].Next = b.clock.now().Add(time.Hour)
	l.Save(t.Context())
	b.idle(t, "later")
	if err := b.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	l = b.take(t)
	l.Release(t.Context())
	if err := b.Hold(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	b.idle(t, "held")
	if d, err := b.Depth(t.Context()); err != nil || d.Held != 1 || d.Due != 0 || d.Mails != 1 || d.Bytes < 4 {
		t.Errorf("%+v, %v", d, err)
	}
	if m, err := b.Get(t.Context(), id); err != nil || !m.Held {
		t.Errorf("%+v, %v", m, err)
	}
	b = b.restart()
	b.idle(t, "held")
	if err := b.Hold(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	b.take(t).Release(t.Context())
	dropped, err := b.Drop(t.Context(), id)
	if err != nil || textOf(t, dropped) != "text" {
		t.Fatal(err)
	}
	b.idle(t, "dropped")
	if err := dropped.Done(t.Context()); err != nil || b.blobCount(t) != 0 {
		t.Errorf("%v, %d blobs", err, b.blobCount(t))
	}
	for name, err := range map[string]error{
		"retry": b.Retry(t.Context(), id), "hold": b.Hold(t.Context(), id, true), "drop": second(b.Drop(t.Context(), id)), "get": second(b.Get(t.Context(), id)),
	} {
		if !errors.Is(err, queue.ErrNoSuch) {
			t.Errorf("%s what is gone: %v", name, err)
		}
	}
}

// Retrying all leaves what is held, and what is being sent, alone.
func TestRetryAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 700 {
		m := from("a")
		m.Recipient[0].Next = b.clock.now().Add(time.Hour)
		b.put(t, m, "x")
	}
	held, sent := b.put(t, from("b"), "x"), b.put(t, from("c"), "x")
	if err := b.Hold(t.Context(), held, true); err != nil {
		t.Fatal(err)
	}
	l := b.take(t)
	if m, err := b.Get(t.Context(), sent); err != nil || !m.Sending || l.Mail.ID != sent {
		t.Errorf("%+v, %v", m, err)
	}
	if n, err := b.RetryAll(t.Context()); n != 700 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if d, err := b.Depth(t.Context()); err != nil || d.Due != 701 || d.Held != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if err := l.Done(t.Context()); err != nil {
		t.Errorf("the lease was taken away: %v", err)
	}
}

// No retry, of one or of all, brings a mail forward that is to be sent later.
func TestRetryKeepsHold(t *testing.T) {
	t.Parallel()
	for name, retry := range map[string]func(*bench, queue.ID) (int, error){
		"one": func(b *bench, id queue.ID) (int, error) { return 1, b.Retry(t.Context(), id) },
		"all": func(b *bench, _ queue.ID) (int, error) { return b.RetryAll(t.Context()) },
	} {
		b := newBench(t)
		m := from("a")
		m.Envelope.Hold = b.clock.now().Add(time.Hour)
		id := b.put(t, m, "x")
		if n, err := retry(b, id); n > 0 && !errors.Is(err, queue.ErrEarly) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if m, err := b.Get(t.Context(), id); err != nil || !m.Recipient[0].Next.Equal(m.Envelope.Hold) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		b.idle(t, "to be sent later")
		b.clock.move(time.Hour)
		l := b.take(t)
		l.Mail.Recipient[0].Next = b.clock.now().Add(time.Hour)
		if err := l.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := retry(b, id); n != 1 || err != nil {
			t.Errorf("%s, when its time had come: %d, %v", name, n, err)
		}
		b.take(t)
	}
}

func second[T any](_ T, err error) error { return err }

// A stale sender does not undo what an operator did after its lease had ended.
func TestOperatorEndsLease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(t, from("a"), "x")
	l := b.take(t)
	b.clock.move(time.Hour)
	if err := b.Hold(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	if err := l.Save(t.Context()); !errors.Is(err, queue.ErrLease) {
		t.Errorf("saved over a hold: %v", err)
	}
}

// A row that was changed, or stands under another id, is not sent, holds nobody
// up, and can be dropped.
func TestDamagedRow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad, good := b.put(t, from("a"), "x"), b.put(t, from("a"), "y")
	rows := b.store.Rows()
	i := slices.IndexFunc(rows, func(r queue.Row) bool { return r.ID == bad })
	rows[i].Data = rows[1-i].Data // the other mail's
	if err := b.store.Update(t.Context(), rows[i], 0); err != nil {
		t.Fatal(err)
	}
	if l := b.take(t); l.Mail.ID != good {
		t.Errorf("took %+v", l.Mail)
	}
	b.idle(t, "damaged")
	all, err := b.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if m, err := b.Get(t.Context(), bad); err != nil || m.ID != bad || m.Recipient != nil {
		t.Errorf("%+v, %v", m, err)
	}
	b.clock.move(time.Hour)
	l, err := b.Drop(t.Context(), bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Done(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Two texts that a thief with write access exchanged do not go to each other's
// recipients.
func TestSwappedTexts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, from("a"), "for the first")
	b.put(t, from("b"), "for the second")
	rows := b.store.Rows()
	rows[0].Body, rows[1].Body = rows[1].Body, rows[0].Body
	for _, r := range rows {
		if err := b.store.Update(t.Context(), r, 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if c, err := b.take(t).Content(t.Context()); !errors.Is(err, nodekey.ErrSeal) {
			t.Errorf("content %v, %v", c, err)
		}
	}
}
