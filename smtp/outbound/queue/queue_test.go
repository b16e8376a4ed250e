package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/storage/disk"
)

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a queue on its workbench.
type bench struct {
	*queue.Queue
	clock *clock
	store *memqueue.Store
	blobs *disk.Blobs
	dir   string
}

func newBench(t *testing.T, change ...func(*queue.Queue)) *bench {
	t.Helper()
	b := &bench{clock: newClock(), store: memqueue.New(), dir: t.TempDir()}
	b.openBlobs(t)
	b.Queue = &queue.Queue{Store: b.store, Blobs: b.blobs, Key: nodekey.Random(), Now: b.clock.now}
	for _, c := range change {
		c(b.Queue)
	}
	return b
}

func (b *bench) openBlobs(t *testing.T) {
	t.Helper()
	blobs, err := disk.Open(filepath.Join(b.dir, "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	b.blobs = blobs
}

// restart is the queue of the next process, after a crash of this one.
func (b *bench) restart() *bench {
	again := *b
	again.store = b.store.Reopen()
	again.Queue = &queue.Queue{Store: again.store, Blobs: b.blobs, Key: b.Key, Strict: b.Strict, Limits: b.Limits, Now: b.clock.now}
	return &again
}

func strict(q *queue.Queue) { q.Strict = true }

func to(addresses ...string) (all []queue.State) {
	for _, a := range addresses {
		addr, err := mail.ParseAddress(a)
		if err != nil {
			panic(err)
		}
		all = append(all, queue.State{Recipient: smtp.Recipient{Address: addr}})
	}
	return all
}

func from(account string) queue.Mail {
	sender := mail.Address{Local: account, Domain: "example.org"}
	return queue.Mail{Envelope: smtp.Envelope{From: &sender}, Account: account, Recipient: to("bob@example.net")}
}

func (b *bench) put(t *testing.T, m queue.Mail, text string) queue.ID {
	t.Helper()
	id, err := b.Put(t.Context(), m, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// take takes what is due now, and fails if that is nothing.
func (b *bench) take(t *testing.T) *queue.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l, err := b.Take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// idle fails if something is due now.
func (b *bench) idle(t *testing.T, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if l, err := b.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: took %+v, %v", why, l, err)
	}
}

func textOf(t *testing.T, l *queue.Lease) string {
	t.Helper()
	c, err := l.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (b *bench) blobCount(t *testing.T) (n int) {
	t.Helper()
	for _, err := range b.blobs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func modes(t *testing.T, test func(t *testing.T, mode func(*queue.Queue))) {
	for name, mode := range map[string]func(*queue.Queue){"sealed": func(*queue.Queue) {}, "strict": strict} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, mode)
		})
	}
}

// Everything of a mail comes back from the queue, and a field that its row does
// not carry fails here.
func TestPutTakeDone(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, mode func(*queue.Queue)) {
		b := newBench(t, mode)
		sender := mail.Address{Local: "alice", Domain: "example.org"}
		now := b.clock.now()
		state := queue.State{
			Recipient: smtp.Recipient{Address: mail.Address{Local: "bob x", Domain: "bücher.example"}, Notify: []string{"SUCCESS", "DELAY"}, ORcpt: "bob"},
			Attempts:  3, Next: now, Last: smtp.Reply{Code: 451, Enhanced: "4.7.1", Text: "later"}, Server: "mx.example", Delayed: true,
		}
		m := queue.Mail{
			Envelope:  smtp.Envelope{From: &sender, UTF8: true, EightBit: true, RequireTLS: true, EnvID: "env", Ret: "HDRS", Hold: now.Add(-time.Hour)},
			Recipient: []queue.State{state}, Account: "acc", Created: now.Add(-time.Minute), Expires: now.Add(time.Hour), Outbox: "box 7",
		}
		text := strings.Repeat("a line of text\r\n", 10_000)
		id := b.put(t, m, text)
		m.ID, m.Size = id, int64(len(text))
		l := b.take(t)
		if !reflect.DeepEqual(l.Mail, m) {
			t.Errorf("put  %+v\ntook %+v", m, l.Mail)
		}
		if textOf(t, l) != text {
			t.Error("another text")
		}
		b.idle(t, "leased")
		if err := l.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Get(t.Context(), id); !errors.Is(err, queue.ErrNoSuch) {
			t.Errorf("done, and there: %v", err)
		}
		if d, err := b.Depth(t.Context()); err != nil || d != (queue.Depth{}) || b.blobCount(t) != 0 {
			t.Errorf("%+v, %d blobs, %v", d, b.blobCount(t), err)
		}
		b.idle(t, "done")
	})
}

func TestNullSender(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, queue.Mail{Recipient: to("alice@example.net")}, "notice")
	if l := b.take(t); l.Mail.Envelope.From != nil || l.Mail.Account != "" {
		t.Errorf("%+v", l.Mail)
	}
}

// A lease that ended changes nothing, whoever it was that ended it.
func TestFencing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(t, from("a"), "text")
	first := b.take(t)
	b.clock.move(16 * time.Minute)
	second := b.take(t)
	for name, err := range map[string]error{
		"renew": first.Renew(t.Context()), "save": first.Save(t.Context()), "done": first.Done(t.Context()), "release": first.Release(t.Context()),
	} {
		if !errors.Is(err, queue.ErrLease) {
			t.Errorf("%s with a stale lease: %v", name, err)
		}
	}
	if textOf(t, second) != "text" {
		t.Error("a stale sender removed the text")
	}
	b.clock.move(14 * time.Minute)
	if err := second.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.clock.move(14 * time.Minute)
	b.idle(t, "the lease was renewed")
	second.Mail.Recipient[0].Attempts = 1
	if err := second.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Save(t.Context()); !errors.Is(err, queue.ErrLease) {
		t.Errorf("saved twice: %v", err)
	}
	if err := second.Done(t.Context()); !errors.Is(err, queue.ErrLease) {
		t.Errorf("saved, then done: %v", err)
	}
	third := b.take(t)
	if third.Mail.ID != id || third.Mail.Recipient[0].Attempts != 1 {
		t.Errorf("%+v", third.Mail)
	}
}

// Two processes on one store: each mail is sent by one.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := &queue.Queue{Store: b.store, Blobs: b.blobs, Key: b.Key, Now: b.clock.now}
	const mails = 60
	for i := range mails {
		b.put(t, from(fmt.Sprint(i%3)), "x")
	}
	var mu sync.Mutex
	sent := map[queue.ID]int{}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			q := b.Queue
			if i%2 == 1 {
				q = other
			}
			for {
				l, err := q.Take(ctx)
				if err != nil {
					return
				}
				if err := l.Done(context.Background()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if sent[l.Mail.ID]++; len(sent) == mails {
					stop()
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for id, n := range sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if len(sent) != mails {
		t.Errorf("%d were sent", len(sent))
	}
}

// A mail is due when its first recipient is: one that expired may be tried once more.
func TestDue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	start := b.clock.now()
	m := from("a")
	m.Recipient = to("x@example.net", "y@example.net")
	m.Expires = start.Add(3 * time.Hour)
	b.put(t, m, "x")
	l := b.take(t)
	l.Mail.Recipient[0].Next, l.Mail.Recipient[1].Next = start.Add(2*time.Hour), start.Add(time.Hour)
	l.Save(t.Context())
	b.clock.move(time.Hour - 1)
	b.idle(t, "before the first")
	b.clock.move(1)
	l = b.take(t)
	l.Mail.Recipient = l.Mail.Recipient[:1]
	l.Mail.Recipient[0].Next = start.Add(4 * time.Hour)
	l.Save(t.Context())
	b.clock.move(3*time.Hour - 1)
	b.idle(t, "expired, and not to be tried yet")
	b.clock.move(1)
	l = b.take(t)
	if !l.Mail.Expires.Equal(start.Add(3*time.Hour)) || len(l.Mail.Recipient) != 1 {
		t.Errorf("%+v", l.Mail)
	}
	l.Mail.Recipient = nil
	if err := l.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, err := b.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("saved without recipients: %v, %v", all, err)
	}
}

func TestHoldForLater(t *testing.T) {
	t.Parallel()
	m := from("a")
	b := newBench(t)
	m.Envelope.Hold = b.clock.now().Add(48 * time.Hour)
	b.put(t, m, "x")
	b.clock.move(48*time.Hour - 1)
	b.idle(t, "held")
	b.clock.move(1)
	if l := b.take(t); l.Mail.Expires.Sub(b.clock.now()) != 5*24*time.Hour {
		t.Errorf("expires %v", l.Mail.Expires)
	}
	b = newBench(t, strict)
	if _, err := b.Put(t.Context(), m, strings.NewReader("x")); !errors.Is(err, queue.ErrLater) {
		t.Errorf("strict: %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(q *queue.Queue) { q.Limits = queue.Limits{Mails: 5, Each: 2} })
	b.put(t, from("a"), "x")
	b.put(t, from("a"), "x")
	if _, err := b.Put(t.Context(), from("a"), strings.NewReader("x")); !errors.Is(err, queue.ErrFull) {
		t.Errorf("third of one account: %v", err)
	}
	for range 3 {
		b.put(t, from(""), "notice")
	}
	if _, err := b.Put(t.Context(), from("b"), strings.NewReader("x")); !errors.Is(err, queue.ErrFull) {
		t.Errorf("sixth: %v", err)
	}
	b.take(t).Done(t.Context())
	b.put(t, from("b"), "x")
}

// One account fills neither the disk nor the memory that others need; what has left
// makes room, and notices of the server are not in the way.
func TestLimitOfBytes(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, mode func(*queue.Queue)) {
		b := newBench(t, mode, func(q *queue.Queue) { q.Limits.Bytes = 5 * spool.Memory(1000) })
		if !b.Strict {
			b.Limits.EachBytes = 2100 // of what is stored
		}
		thousand := strings.Repeat("x", 1000)
		b.put(t, from("a"), thousand)
		b.put(t, from("a"), thousand)
		for range 2 {
			if _, err := b.Put(t.Context(), from("a"), strings.NewReader(thousand)); !errors.Is(err, queue.ErrFull) {
				t.Errorf("three texts of one account: %v", err)
			}
			b.put(t, from(""), "notice")
		}
		b.put(t, from("b"), thousand)
		for range 5 {
			if err := b.take(t).Done(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b.put(t, from("a"), thousand)
	})
}

// A crash ends leases, and loses nothing.
func TestCrashWhileSending(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.put(t, from("a"), "text")
	b.take(t)
	b = b.restart()
	if l := b.take(t); l.Mail.ID != id || textOf(t, l) != "text" {
		t.Errorf("%+v", l.Mail)
	}
}
