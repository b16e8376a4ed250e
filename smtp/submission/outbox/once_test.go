package outbox

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/storage/bolt"
)

// named is a world that remembers sendings, in a file of its own.
func named(t *testing.T) (w *world, again func()) {
	t.Helper()
	w = newWorld(t)
	key := nodekey.Random()
	var papers *bolt.Papers
	again = func() { // as a restart does
		if papers != nil {
			w.must(papers.Close())
		}
		var err error
		papers, err = bolt.OpenPapers(filepath.Join(w.dir, "papers.db"), key, bolt.Options{})
		w.must(err)
		old := w.box
		w.box = &Box{Queue: old.Queue, Submit: old.Submit, Local: old.Local, Hostname: old.Hostname, Log: old.Log, Now: old.Now, Names: papers.Drawer("sendings")}
	}
	again()
	t.Cleanup(func() { papers.Close() })
	return w, again
}

const sendingName = "0123456789abcdef0123456789abcdef"

// broken is a way out that dies while a mail leaves.
type broken struct {
	Submitter
	die bool
}

func (s *broken) Submit(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes) (*smtp.Reply, error) {
	r, err := s.Submitter.Submit(ctx, p, e, content)
	if s.die {
		panic("the machine went down")
	}
	return r, err
}

// TestSendingOnce: under one name a mail leaves once, also days later, after a restart,
// and where it waited, was taken back or left meanwhile.
func TestSendingOnce(t *testing.T) {
	t.Parallel()
	w, restart := named(t)
	put := func(name string, wait time.Duration) (Item, error) {
		o := w.order(wait, "bob@elsewhere.example")
		o.Name = name
		return w.box.Put(t.Context(), o, letter("alice@demo.test", "hello"))
	}
	left := func() int {
		all, err := w.out.List(t.Context())
		w.must(err)
		return len(all)
	}
	first, err := put(sendingName, 0)
	if err != nil || !strings.HasPrefix(string(first.ID), LeftID) || left() != 1 {
		t.Fatalf("%+v %v, %d left", first, err, left())
	}
	for _, after := range []time.Duration{0, time.Hour, 3 * 24 * time.Hour, 3*24*time.Hour + 20*time.Hour} {
		w.pass(after)
		restart()
		if second, err := put(sendingName, 0); err != nil || second.ID != first.ID || left() != 1 {
			t.Errorf("after %s more: %+v %v, %d left", after, second, err, left())
		}
	}
	if other, err := put(strings.ToUpper(sendingName), 0); err != nil || other.ID == first.ID || left() != 2 {
		t.Errorf("another name: %+v %v", other, err)
	}
	held, err := put("held-"+sendingName, time.Hour)
	w.must(err)
	restart()
	if again, err := put("held-"+sendingName, time.Hour); err != nil || again.ID != held.ID {
		t.Errorf("it waits: %+v %v", again, err)
	}
	w.must(w.box.TakeBack(t.Context(), string(w.alice.ID), held.ID))
	if again, err := put("held-"+sendingName, time.Hour); err != nil || again.ID != held.ID {
		t.Errorf("it was taken back: %+v %v", again, err)
	}
	if waiting, err := w.box.List(t.Context(), string(w.alice.ID)); err != nil || len(waiting) != 0 {
		t.Errorf("%v %v", waiting, err)
	}
	w.pass(9 * 24 * time.Hour)
	restart()
	if later, err := put(sendingName, 0); err != nil || later.ID == first.ID {
		t.Errorf("nothing is remembered for ever: %+v %v", later, err)
	}
}

// TestBrokenSendingIsDoubted: of a sending that a crash broke off while it left nobody
// knows; it is not done again by itself.
func TestBrokenSendingIsDoubted(t *testing.T) {
	t.Parallel()
	w, restart := named(t)
	way := &broken{w.box.Submit, true}
	w.box.Submit = way
	o := w.order(0, "bob@elsewhere.example")
	o.Name = sendingName
	func() {
		defer func() { _ = recover() }()
		_, _ = w.box.Put(t.Context(), o, letter("alice@demo.test", "hello"))
	}()
	way.die = false
	restart()
	if _, err := w.box.Put(t.Context(), o, letter("alice@demo.test", "hello")); !errors.Is(err, ErrDoubt) {
		t.Errorf("%v", err)
	}
	if all, err := w.out.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d left, %v", len(all), err)
	}
	bad := o
	bad.Name, bad.Encrypted = "other-"+sendingName, true
	if _, err := w.box.Put(t.Context(), bad, letter("alice@demo.test", "hello")); !errors.Is(err, ErrReadable) {
		t.Errorf("%v", err)
	}
	bad.Encrypted = false
	if _, err := w.box.Put(t.Context(), bad, letter("alice@demo.test", "hello")); err != nil {
		t.Errorf("what was refused may come again: %v", err)
	}
}
