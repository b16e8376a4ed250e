package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
	"sealpost/storage/postgres/pgtest"
)

// Many nodes write into one mailbox, and clients watch it through another: none ever sees
// a UID or a MODSEQ that is not above all it has seen, and nobody's quota is passed.
func TestNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			const nodes, writers, each = 3, 4, 12
			database := pgtest.Take(t)
			var all []*DB
			for range nodes {
				d := openAt(t, database, Options{Isolation: isolation, Connections: 4})
				defer d.Close()
				all = append(all, d)
			}
			inbox, other := begin(t, all[0], "o")
			apply(t, all[0], "o", mailstore.SetQuota{Bytes: 100*nodes*writers*each*2 + 99})
			var over atomic.Bool
			var watchers, busy sync.WaitGroup
			for _, d := range all {
				watchers.Go(func() { watch(t, d, inbox, &over) })
			}
			var stored atomic.Int64
			for i := range nodes * writers {
				busy.Go(func() { stored.Add(churn(t, all[i%nodes], inbox, other, each)) })
			}
			busy.Wait()
			over.Store(true)
			watchers.Wait()
			if n := stored.Load(); n != nodes*writers*each {
				t.Errorf("%d appends were acknowledged", n)
			}
			storagetest.Check(t, all[1].Index(), "o")
			checkRows(t, all[2])
		})
	}
}

// churn appends, and changes, copies, moves and expunges what it appended.
func churn(t *testing.T, d *DB, inbox, other mailstore.MailboxID, times int) (stored int64) {
	last := mailstore.UID(0)
	for i := range times {
		e, err := d.Index().Apply(context.Background(), "o", appends(inbox, 1))
		if err != nil {
			t.Errorf("append: %v", err)
			return stored
		}
		uid := e[0].UIDs[0]
		if stored++; uid <= last {
			t.Errorf("UID %d after %d", uid, last)
		}
		last = uid
		one := []mailstore.UID{uid}
		c := []mailstore.Change{
			mailstore.SetFlags{Box: inbox, UIDs: one, Op: mailstore.Add, Flags: []string{mailstore.Deleted, "x"}},
			mailstore.Copy{From: inbox, To: other, UIDs: one},
			mailstore.Move{From: inbox, To: other, UIDs: one},
			mailstore.Expunge{Box: inbox, UIDs: one},
		}[i%4]
		if _, err := d.Index().Apply(context.Background(), "o", []mailstore.Change{c}); err != nil {
			t.Errorf("%T: %v", c, err)
		}
	}
	return stored
}

// watch is a client that asks again and again what has changed.
func watch(t *testing.T, d *DB, box mailstore.MailboxID, over *atomic.Bool) {
	known := map[mailstore.UID]bool{}
	since, next := mailstore.Modseq(0), mailstore.UID(1)
	for last := false; !last; {
		last = over.Load()
		c, err := d.Index().Changes(context.Background(), "o", box, since)
		if err != nil {
			t.Error(err)
			return
		}
		if c.Modseq < since || c.UIDNext < next {
			t.Errorf("MODSEQ fell from %d to %d, or UIDNEXT from %d to %d", since, c.Modseq, next, c.UIDNext)
		}
		for uid := range c.Changed.All() {
			if !known[uid] && uid < next {
				t.Errorf("UID %d came after UIDNEXT was %d", uid, next)
			}
			known[uid] = true
		}
		for uid := range c.Vanished.All() {
			delete(known, uid)
		}
		since, next = c.Modseq, c.UIDNext
	}
	r, err := d.Index().Roster(context.Background(), "o", box)
	if got := mailstore.UIDsOf(slices.Collect(maps.Keys(known))...); err != nil || !got.Equal(r.UIDs) {
		t.Errorf("who watched knows %v, there are %v (%v)", got, r.UIDs, err)
	}
}

// Callers that wait together are committed together; those who are refused change
// nothing for the others, and who gives up in time is not served.
func TestOneBatch(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{})
	defer d.Close()
	inbox, _ := begin(t, d, "o")
	before := d.written(t)
	release := hold(t, d, "o")
	var all sync.WaitGroup
	submit := func(ctx context.Context, want error, changes ...mailstore.Change) {
		queued := d.queued("o")
		all.Go(func() {
			if _, err := d.Index().Apply(ctx, "o", changes); !errors.Is(err, want) {
				t.Errorf("%T: %v, want %v", changes[0], err, want)
			}
		})
		for d.queued("o") == queued {
			time.Sleep(time.Millisecond)
		}
	}
	ctx, giveUp := context.WithCancel(t.Context())
	submit(ctx, context.Canceled, mailstore.Create{Name: "given up"})
	for range 20 {
		submit(t.Context(), nil, appends(inbox, 2)...)
		submit(t.Context(), mailstore.ErrNoMailbox, append(appends(inbox, 1), appends(99, 1)...)...)
		submit(t.Context(), mailstore.ErrExists, append(appends(inbox, 1), mailstore.Create{Name: "INBOX"})...)
	}
	submit(t.Context(), nil, mailstore.Create{Name: "new"})
	submit(t.Context(), mailstore.ErrExists, mailstore.Create{Name: "new"})
	giveUp()
	time.Sleep(10 * time.Millisecond)
	release()
	all.Wait()
	if n := d.written(t) - before; n != 1 {
		t.Errorf("%d transactions for one batch", n)
	}
	boxes, err := d.Index().Mailboxes(t.Context(), "o")
	if err != nil || len(boxes) != 3 || boxes[0].Messages != 40 || boxes[0].UIDNext != 41 {
		t.Errorf("mailboxes are %+v, %v", boxes, err)
	}
	storagetest.Check(t, d.Index(), "o")
	for deadline := time.Now().Add(5 * time.Second); d.lines() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("somebody still waits for callers of an owner without any")
		}
	}
}

// hold keeps the goroutine of an owner busy, until release, with a call of which nothing comes.
func hold(t *testing.T, d *DB, o mailstore.Owner) (release func()) {
	t.Helper()
	tx, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from owners where owner = $1 for update", o); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Index().Apply(context.Background(), o, []mailstore.Change{mailstore.Expunge{Box: 99}})
	}()
	for taken := false; !taken; time.Sleep(time.Millisecond) {
		d.mu.Lock()
		taken = d.busy[o] != nil && len(d.busy[o].calls) == 0
		d.mu.Unlock()
	}
	return func() {
		tx.Rollback(context.Background())
		<-done
	}
}

func (d *DB) queued(o mailstore.Owner) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[o] == nil {
		return 0
	}
	return len(d.busy[o].calls)
}

func (d *DB) lines() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.busy)
}

// written is how many transactions wrote to the owner's row, as far as it says so.
func (d *DB) written(t *testing.T) (n int) {
	t.Helper()
	if err := d.pool.QueryRow(t.Context(), "select octet_length(tokens) / 8 from owners where owner = 'o'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A node that sleeps in the middle of a transaction holds nobody up for long, and
// does not write over what others wrote meanwhile.
func TestPausedNode(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{})
	defer d.Close()
	inbox, _ := begin(t, d, "o")
	var asleep atomic.Bool
	woken := make(chan struct{})
	config := parse(t, database.URL)
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "300ms"
	sleeper := openWith(t, config, Options{Now: func() time.Time { // it is asked between reading and writing
		if asleep.CompareAndSwap(false, true) {
			<-woken
		}
		return time.Now()
	}})
	defer sleeper.Close()
	late := make(chan []mailstore.Event)
	go func() { late <- apply(t, sleeper, "o", appends(inbox, 1)...) }()
	for !asleep.Load() {
		time.Sleep(time.Millisecond)
	}
	first := apply(t, d, "o", appends(inbox, 1)...)[0].UIDs[0]
	close(woken)
	if e := <-late; first != 1 || e[0].UIDs[0] != 2 {
		t.Errorf("UIDs %d and %d, want 1 and 2", first, e[0].UIDs[0])
	}
	storagetest.Check(t, d.Index(), "o")
}

// Close lets calls under way end, and each says whether it was stored.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{})
	inbox, _ := begin(t, d, "o")
	var stored atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				if _, err := d.Index().Apply(context.Background(), "o", appends(inbox, 1)); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("got %v", err)
					}
					return
				}
				stored.Add(1)
			}
		})
	}
	for stored.Load() < 30 {
		time.Sleep(time.Millisecond)
	}
	d.Close()
	all.Wait()
	if _, err := d.Index().Usage(t.Context(), "o"); !errors.Is(err, ErrClosed) {
		t.Errorf("a read after Close: %v", err)
	}
	d = openAt(t, database, Options{})
	defer d.Close()
	if u, err := d.Index().Usage(t.Context(), "o"); err != nil || u.Messages != stored.Load() {
		t.Errorf("%d messages, %d acknowledged, %v", u.Messages, stored.Load(), err)
	}
}

// The server is killed and comes back, again and again: what was acknowledged is there,
// once, and nothing else is but what nobody could tell of.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	d := openWith(t, parse(t, cluster.URL("postgres")), Options{})
	defer d.Close()
	inbox, _ := begin(t, d, "o")
	var over atomic.Bool
	var mu sync.Mutex
	acknowledged, unsure := map[[16]byte]bool{}, 0
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for !over.Load() {
				c := appends(inbox, 1)
				_, err := d.Index().Apply(context.Background(), "o", c)
				mu.Lock()
				if err == nil {
					acknowledged[c[0].(mailstore.Append).Mail.ID] = true
				} else if unsure++; mailstore.Refused(err) {
					t.Errorf("a fault of the server became a refusal: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		cluster.Kill()
		time.Sleep(50 * time.Millisecond)
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	over.Store(true)
	all.Wait()
	seen := map[[16]byte]int{}
	for line, err := range d.Index().List(t.Context(), "o", inbox, mailstore.UIDSpan(1, 1<<32-1), mailstore.Columns{Envelope: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[line.Mail.ID]++; seen[line.Mail.ID] > 1 {
			t.Error("a mail was delivered twice")
		}
	}
	for id := range acknowledged {
		if seen[id] == 0 {
			t.Error("an acknowledged mail is lost")
		}
	}
	if len(acknowledged) < 10 || len(seen) > len(acknowledged)+unsure {
		t.Errorf("%d acknowledged, %d unsure, %d there", len(acknowledged), unsure, len(seen))
	}
	storagetest.Check(t, d.Index(), "o")
	checkRows(t, d)
}
