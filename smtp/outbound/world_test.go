package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/storage/disk"
)

// world is a queue, a sender, the people of this server (domain near.example) and
// the servers of the others.
type world struct {
	t      *testing.T
	clock  *clock
	store  *flaky
	queue  *queue.Queue
	sender *Sender
	inbox  *inbox
	net    *internet
	log    *lines
}

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}, store: &flaky{Store: memqueue.New()}, inbox: &inbox{}, log: &lines{}}
	w.net = &internet{servers: map[string]*server{}, t: t}
	blobs, err := disk.Open(filepath.Join(t.TempDir(), "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	w.queue = &queue.Queue{Store: w.store, Blobs: blobs, Key: nodekey.Random(), Now: w.clock.now}
	w.sender = w.newSender()
	for _, c := range change {
		c(w)
	}
	w.sender.once.Do(w.sender.build)
	t.Cleanup(func() {
		w.sender.hosts.closeAll()
		for _, word := range []string{"@", "canary", `\bcarol\b`, `\bbob\b`} { // an id may hold "bob"
			if s := w.log.String(); regexp.MustCompile(word).MatchString(s) {
				t.Errorf("the log says %q: %s", word, s)
			}
		}
	})
	return w
}

func (w *world) newSender() *Sender {
	return &Sender{
		Queue: w.queue, Router: w.net, Hostname: "mx.near.example", Local: w.inbox, IsLocal: func(d string) bool { return d == "near.example" },
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.clock.now,
	}
}

// clock is a clock that a test sets, or that of the machine when live.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	live bool
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		return time.Now()
	}
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// flaky is a store whose changes fail on wish.
type flaky struct {
	queue.Store
	mu      sync.Mutex
	fail    int  // so many changes
	lost    bool // every lease
	noLease bool
}

func (f *flaky) Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) ([]queue.Row, error) {
	f.mu.Lock()
	broken := f.noLease
	f.mu.Unlock()
	if broken {
		return nil, errDisk
	}
	return f.Store.Lease(ctx, now, until, n, skip)
}

var errDisk = errors.New("disk on fire")

func (f *flaky) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail--
	return f.fail >= 0
}

func (f *flaky) Update(ctx context.Context, r queue.Row, fence uint64) error {
	if f.fails() {
		return errDisk
	}
	f.mu.Lock()
	lost := f.lost
	f.mu.Unlock()
	if lost {
		return queue.ErrLease
	}
	return f.Store.Update(ctx, r, fence)
}

func (f *flaky) Delete(ctx context.Context, id queue.ID, fence uint64) error {
	if f.fails() {
		return errDisk
	}
	return f.Store.Delete(ctx, id, fence)
}

const original = "From: <alice@near.example>\r\nSubject: <canary-subject@near.example>\r\nMessage-ID: <id-1@near.example>\r\n\r\nthe canary-body sings\r\n"

func address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// to makes recipients of "a@b" or "a@b SUCCESS,DELAY".
func to(all ...string) (states []queue.State) {
	for _, s := range all {
		a, wishes, _ := strings.Cut(s, " ")
		r := smtp.Recipient{Address: address(a)}
		if wishes != "" {
			r.Notify = strings.Split(wishes, ",")
		}
		states = append(states, queue.State{Recipient: r})
	}
	return states
}

// put queues a mail of alice's.
func (w *world) put(recipients ...string) queue.ID {
	w.t.Helper()
	from := address("alice@near.example")
	return w.putMail(queue.Mail{Account: "alice", Envelope: smtp.Envelope{From: &from, EnvID: "envelope-1"}, Recipient: to(recipients...)})
}

func (w *world) putMail(m queue.Mail) queue.ID {
	w.t.Helper()
	id, err := w.queue.Put(w.t.Context(), m, strings.NewReader(original))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// step attempts the next mail; it fails when none is due.
func (w *world) step() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	l, err := w.queue.Take(ctx)
	if err != nil {
		w.t.Fatal("nothing is due: ", err)
	}
	w.sender.attempt(w.t.Context(), l)
}

// idle fails when a mail is due.
func (w *world) idle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Millisecond)
	defer cancel()
	if l, err := w.queue.Take(ctx); err == nil {
		w.t.Fatalf("mail %s is due", l.Mail.ID)
	}
}

// left describes who a mail still waits for.
func (w *world) left(id queue.ID) string {
	w.t.Helper()
	m, err := w.queue.Get(w.t.Context(), id)
	if errors.Is(err, queue.ErrNoSuch) {
		return "gone"
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, st := range m.Recipient {
		all = append(all, fmt.Sprintf("%s %d %s after %d", st.Address.Local, st.Last.Code, st.Last.Enhanced, st.Attempts))
	}
	return strings.Join(all, "; ")
}

// notices are the notices that people of this server got.
func (w *world) notices() (all []letter) {
	for _, l := range w.inbox.got() {
		if strings.Contains(l.text, "report-type=delivery-status") {
			all = append(all, l)
		}
	}
	return all
}

// run lets senders run until stop is called, which waits for them.
func run(t *testing.T, all ...*Sender) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, s := range all {
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// until waits for something to become true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
	}
}
