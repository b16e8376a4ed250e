package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/submission"
	"sealpost/storage/bolt"
)

const canary = "Kanarienvogel-7431"

// TestHeldAndLeft: a mail waits sealed, then leaves on the way that all mail takes.
func TestHeldAndLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	for _, word := range []string{canary, "bob@", "example.org"} {
		if found := w.files(word); len(found) > 0 {
			t.Errorf("%s is readable in %v", word, found)
		}
	}
	w.step()
	if d, _ := w.out.Depth(t.Context()); d.Mails != 0 {
		t.Fatal("it left before its time")
	}
	list, err := w.box.List(t.Context(), string(w.alice.ID))
	w.must(err)
	if len(list) != 1 || list[0].ID != held.ID || list[0].Recipients != 1 || list[0].Sending || !list[0].At.Equal(held.At) {
		t.Errorf("%+v", list)
	}
	w.pass(time.Hour + time.Second)
	w.step()
	if d, _ := w.out.Depth(t.Context()); d.Mails != 1 {
		t.Errorf("%d mails are queued", d.Mails)
	}
	if list, _ := w.box.List(t.Context(), string(w.alice.ID)); len(list) != 0 {
		t.Error("it is still there")
	}
	if strings.Contains(w.logs.b.String(), canary) || strings.Contains(w.logs.b.String(), "@") {
		t.Errorf("the log says too much: %s", w.logs.b.String())
	}
}

// TestNoSecondSentCopy: the browser files its own.
func TestNoSecondSentCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.box.Put(t.Context(), w.order(0, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	if d, _ := w.out.Depth(t.Context()); d.Mails != 1 {
		t.Errorf("%d mails are queued", d.Mails)
	}
	u, err := w.store.Index.Usage(t.Context(), mailstore.Owner(w.alice.ID))
	w.must(err)
	if u.Messages != 0 {
		t.Error("a Sent copy was filed")
	}
}

// TestFromIsCheckedTwice: when the mail is taken, and when it leaves.
func TestFromIsCheckedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, order := range map[string]Order{
		"header": w.order(time.Hour, "bob@example.org"),
		"envelope": func() Order {
			o := w.order(time.Hour, "bob@example.org")
			a := w.address("eve@demo.test")
			o.Envelope.From = &a
			return o
		}(),
	} {
		from := "eve@demo.test"
		if name == "envelope" {
			from = "alice@demo.test"
		}
		var r *smtp.Reply
		if _, err := w.box.Put(t.Context(), order, letter(from, canary)); !errors.As(err, &r) || r.Code != 550 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.book.AddAlias(t.Context(), w.alice.ID, w.address("alias@demo.test"))
	w.must(err)
	o := w.order(time.Hour, "bob@example.org")
	_, err = w.box.Put(t.Context(), o, letter("alias@demo.test", canary))
	w.must(err)
	_, err = w.book.RemoveAlias(t.Context(), w.alice.ID, w.address("alias@demo.test"))
	w.must(err)
	w.pass(2 * time.Hour)
	w.step()
	if d, _ := w.out.Depth(t.Context()); d.Mails != 0 {
		t.Error("it left all the same")
	}
	told := w.inbox()
	if len(told) != 1 || !strings.Contains(told[0], "could not be delivered") || !strings.Contains(told[0], "<one@demo.test>") {
		t.Fatalf("the sender was told %q", told)
	}
	if strings.Contains(told[0], canary) {
		t.Error("the notice quotes the mail")
	}
	if list, _ := w.box.List(t.Context(), string(w.alice.ID)); len(list) != 0 {
		t.Error("it is still there")
	}
}

// TestTakenBackNeverLeaves: many take mail back at the moment when it leaves.
func TestTakenBackNeverLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.box.Queue.Limits.Each = 1000
	var left sync.Map
	w.box.Submit = fake{depart: func(id string, leaving func() error) error {
		if err := leaving(); err != nil {
			return err
		}
		left.Store(id, true)
		return nil
	}}
	const n = 60
	ids := make([]queue.ID, n)
	for i := range n {
		text := fmt.Sprintf("From: alice@demo.test\r\nMessage-ID: <%d@demo.test>\r\n\r\n", i)
		held, err := w.box.Put(t.Context(), w.order(time.Minute, "bob@example.org"), strings.NewReader(text))
		w.must(err)
		ids[i] = held.ID
	}
	ctx, stop := context.WithCancel(t.Context())
	w.pass(time.Minute)
	var running, asking sync.WaitGroup
	running.Go(func() { w.box.Run(ctx) })
	var back, gone atomic.Int64
	for i, id := range ids {
		asking.Go(func() {
			time.Sleep(time.Duration(n-i) * time.Millisecond)
			switch err := w.box.TakeBack(ctx, string(w.alice.ID), id); {
			case err == nil:
				back.Add(1)
				left.Store(i, true)
			case errors.Is(err, ErrGone), errors.Is(err, ErrNoSuch):
				gone.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	asking.Wait()
	for range 200 {
		if list, _ := w.box.List(ctx, string(w.alice.ID)); len(list) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	running.Wait()
	for i := range ids {
		_, sent := left.Load(fmt.Sprintf("<%d@demo.test>", i))
		_, taken := left.Load(i)
		if sent == taken {
			t.Errorf("%d left: %t, was taken back: %t", i, sent, taken)
		}
	}
	t.Logf("%d taken back, %d gone", back.Load(), gone.Load())
}

// fake is a way out that does as it is told. It knows mails by their Message-IDs.
type fake struct {
	depart func(id string, leaving func() error) error
}

func (f fake) Submit(context.Context, smtp.Peer, smtp.Envelope, mail.Bytes) (*smtp.Reply, error) {
	return nil, f.depart("", func() error { return nil })
}
func (f fake) Check(context.Context, smtp.Peer, smtp.Envelope, mail.Bytes) error { return nil }
func (f fake) Depart(ctx context.Context, _ smtp.Peer, _ smtp.Envelope, c mail.Bytes, leaving func(context.Context) error) (*smtp.Reply, error) {
	return nil, f.depart(messageID(c), func() error { return leaving(ctx) })
}

// TestBegunIsGone: what began to leave cannot be had back, and what was only put off can.
func TestBegunIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := &smtp.Reply{Code: 451, Enhanced: "4.3.0"}
	begin := false
	w.box.Submit = fake{depart: func(_ string, leaving func() error) error {
		if begin {
			w.must(leaving())
		}
		return later
	}}
	for _, begin = range []bool{false, true} {
		held, err := w.box.Put(t.Context(), w.order(time.Minute, "bob@example.org"), letter("alice@demo.test", canary))
		w.must(err)
		w.pass(time.Minute)
		w.step()
		err = w.box.TakeBack(t.Context(), string(w.alice.ID), held.ID)
		if begin != errors.Is(err, ErrGone) || !begin && err != nil {
			t.Errorf("begun %t: %v", begin, err)
		}
		if _, err := w.box.Move(t.Context(), string(w.alice.ID), held.ID, w.now().Add(time.Hour)); err == nil {
			t.Error("moved")
		}
	}
	begin = false
	w.pass(Patience + time.Hour)
	w.step()
	if told := w.inbox(); len(told) != 1 || !strings.Contains(told[0], "tried for as long") {
		t.Errorf("told %q", told)
	}
}

// TestBegunIsGoneAfterACrash: the mark is on the disk before the first copy is made.
func TestBegunIsGoneAfterACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, err := w.box.Put(t.Context(), w.order(time.Minute, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	w.pass(time.Minute)
	l, err := w.box.Queue.Take(t.Context())
	w.must(err)
	var after *bolt.Queue
	w.box.Submit = fake{depart: func(_ string, leaving func() error) error {
		w.must(leaving())
		file := w.dir + "/crashed.db" // what a crash at this moment leaves
		w.must(w.box.Queue.Store.(*bolt.Queue).CopyTo(t.Context(), file))
		after, err = bolt.OpenQueue(file, w.box.Queue.Key, bolt.Options{})
		w.must(err)
		return nil
	}}
	w.must(w.box.depart(t.Context(), l))
	defer after.Close()
	again := Box{
		Queue:  &queue.Queue{Store: after, Blobs: w.box.Queue.Blobs, Key: w.box.Queue.Key, Name: "outbox", Now: w.now},
		Submit: w.box.Submit, Local: w.box.Local, Hostname: w.box.Hostname, Log: w.box.Log, Now: w.now,
	}
	if err := again.TakeBack(t.Context(), string(w.alice.ID), held.ID); !errors.Is(err, ErrGone) {
		t.Errorf("after a crash: %v", err)
	}
}

// TestAnothersMailIsNotThere: not to see, to take back or to move (ATTACKS D12).
func TestAnothersMailIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	mallory, _ := w.person("mallory@demo.test")
	for _, id := range []string{string(mallory.ID), ""} {
		if err := w.box.TakeBack(t.Context(), id, held.ID); !errors.Is(err, ErrNoSuch) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.box.Move(t.Context(), id, held.ID, w.now()); !errors.Is(err, ErrNoSuch) {
			t.Errorf("%q: %v", id, err)
		}
		if list, err := w.box.List(t.Context(), id); err != nil || len(list) != 0 {
			t.Errorf("%q: %v %v", id, list, err)
		}
	}
	w.must(w.box.TakeBack(t.Context(), string(w.alice.ID), held.ID))
	if err := w.box.TakeBack(t.Context(), string(w.alice.ID), held.ID); !errors.Is(err, ErrNoSuch) {
		t.Errorf("again: %v", err)
	}
}

func TestMovedAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.box.Put(t.Context(), w.order(400*24*time.Hour, "bob@example.org"), letter("alice@demo.test", canary)); !errors.Is(err, ErrTime) {
		t.Errorf("%v", err)
	}
	held, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	moved, err := w.box.Move(t.Context(), string(w.alice.ID), held.ID, w.now().Add(2*time.Hour))
	w.must(err)
	w.pass(time.Hour + time.Minute)
	w.step()
	if d, _ := w.out.Depth(t.Context()); d.Mails != 0 || !moved.At.After(w.now()) {
		t.Error("it left at its old time")
	}
	for range 4 {
		_, err = w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary))
		w.must(err)
	}
	if _, err = w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary)); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	n, err := w.box.Queue.Expel(t.Context(), string(w.alice.ID))
	if err != nil || n != 5 {
		t.Errorf("%d expelled, %v", n, err)
	}
}

// encryptedLetter is one to alice's own key.
func (w *world) encryptedLetter() mail.Bytes {
	w.t.Helper()
	cert, err := pgp.ParseCert(w.alice.Cert)
	w.must(err)
	var b bytes.Buffer
	w.must(pgp.Encrypt(w.t.Context(), &b, letter("alice@demo.test", canary), []*pgp.Cert{cert}, false))
	return bytes.NewReader(b.Bytes())
}

// TestReadableIsNotTakenForEncrypted: whatever a client says of it, or its header.
func TestReadableIsNotTakenForEncrypted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lie := "From: alice@demo.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n" + canary + "\r\n--b--\r\n"
	for _, after := range []time.Duration{0, time.Hour} {
		for _, text := range []mail.Bytes{letter("alice@demo.test", canary), strings.NewReader(lie)} {
			o := w.order(after, "bob@example.org")
			o.Encrypted = true
			if _, err := w.box.Put(t.Context(), o, text); !errors.Is(err, ErrReadable) {
				t.Errorf("after %v: %v", after, err)
			}
		}
		o := w.order(after, "bob@example.org")
		o.Encrypted = true
		_, err := w.box.Put(t.Context(), o, w.encryptedLetter())
		w.must(err)
	}
	if d, _ := w.out.Depth(t.Context()); d.Mails != 1 {
		t.Errorf("%d mails left", d.Mails)
	}
}

// TestStrictHoldsNothingReadable: there such text may be in memory only.
func TestStrictHoldsNothingReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.box.Strict = true
	if _, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary)); !errors.Is(err, ErrStrict) {
		t.Errorf("%v", err)
	}
	_, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), w.encryptedLetter())
	w.must(err)
}

// TestPurposes: what waits in one queue is nothing in the other.
func TestPurposes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, err := w.box.Put(t.Context(), w.order(time.Hour, "bob@example.org"), letter("alice@demo.test", canary))
	w.must(err)
	other := &queue.Queue{Store: w.box.Queue.Store, Blobs: w.box.Queue.Blobs, Key: w.box.Queue.Key, Now: w.now}
	if m, err := other.Get(t.Context(), held.ID); err != nil || len(m.Recipient) != 0 {
		t.Errorf("%+v %v", m, err)
	}
	other = &queue.Queue{Store: w.box.Queue.Store, Blobs: w.box.Queue.Blobs, Key: nodekey.Random(), Name: "outbox", Now: w.now}
	if m, err := other.Get(t.Context(), held.ID); err != nil || len(m.Recipient) != 0 {
		t.Errorf("%+v %v", m, err)
	}
}

// TestSubmissionSaysWhenAMailLeaves: before the first copy is made, and not before
// everything that can refuse it was asked.
func TestSubmissionSaysWhenAMailLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := func() queue.ID {
		held, err := w.box.Put(t.Context(), w.order(time.Minute, "bob@example.org"), letter("alice@demo.test", canary))
		w.must(err)
		w.pass(time.Minute)
		return held.ID
	}
	limits := &w.box.Submit.(*submission.Handler).Limits
	limits.Hour = 2
	id := hold()
	w.out.Limits.Mails = -1 // the queue is full: copies cannot be made
	w.step()
	if err := w.box.TakeBack(t.Context(), string(w.alice.ID), id); !errors.Is(err, ErrGone) {
		t.Errorf("after copies were begun: %v", err)
	}
	w.out.Limits.Mails = 0
	w.pass(time.Hour)
	w.step()
	if d, _ := w.out.Depth(t.Context()); d.Mails != 1 {
		t.Errorf("%d mails left", d.Mails)
	}
	id = hold()
	limits.Hour = 1 // the first was counted
	w.step()
	if err := w.box.TakeBack(t.Context(), string(w.alice.ID), id); err != nil {
		t.Errorf("before any was: %v", err)
	}
}
