package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/postgres/pgtest"
)

// hours is a node's clock that is wrong by so many.
func hours(n int) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(n) * time.Hour) }
}

// ledger is what nodes say that they did with rows.
type ledger struct {
	mu    sync.Mutex
	lost  atomic.Int64      // rows that may have been leased without an answer
	held  map[queue.ID]bool // in somebody's hands
	saves map[queue.ID]int
	done  map[queue.ID]bool
	cut   map[queue.ID]bool // whose putting was under way when the server was killed: they may come twice (decision 0040)
}

func newLedger() *ledger {
	return &ledger{held: map[queue.ID]bool{}, saves: map[queue.ID]int{}, done: map[queue.ID]bool{}, cut: map[queue.ID]bool{}}
}

func (l *ledger) take(t *testing.T, id queue.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[id] || l.done[id] && !l.cut[id] {
		t.Errorf("%s was taken by two, or after it was done", id)
	}
	l.held[id] = true
}

// leave is said before the row is given back.
func (l *ledger) leave(id queue.ID, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, id)
	if done {
		l.done[id] = true
	} else {
		l.saves[id]++
	}
}

func (l *ledger) finished() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done)
}

// work takes rows, gives each back twice and then removes it, until over or all are done.
func (l *ledger) work(t *testing.T, q *Queue, all int, over *atomic.Bool) {
	ctx := context.Background()
	for !over.Load() && l.finished() < all {
		now := q.Now()
		most := 1 + rand.N(5)
		rows, err := q.Lease(ctx, now, now.Add(time.Hour), most, map[string]bool{"nobody": true})
		if err != nil {
			l.lost.Add(int64(most))
			continue
		}
		for _, r := range rows {
			l.take(t, r.ID)
		}
		for _, r := range rows {
			var times int
			fmt.Sscanf(string(r.Data), "%d", &times) // not one before the first
			l.leave(r.ID, times == 2)
			write := func() error { return q.Delete(ctx, r.ID, r.Fence) }
			if times < 2 {
				fence := r.Fence
				r.Data, r.Fence, r.Until = fmt.Append(nil, times+1), fence+1, time.Time{}
				write = func() error { return q.Update(ctx, r, fence) }
			}
			l.until(t, r.ID, write)
		}
	}
}

// until writes until it is known that it is written: what failed without a verdict may have been
// done, and then the next try finds the row with somebody else, or gone.
func (l *ledger) until(t *testing.T, id queue.ID, write func() error) {
	for unclear := 0; unclear < 100; unclear++ {
		err := write()
		refused := errors.Is(err, queue.ErrLease) || errors.Is(err, queue.ErrNoSuch)
		l.mu.Lock()
		since := errors.Is(err, queue.ErrNoSuch) && l.done[id] // others went on with what was saved
		l.mu.Unlock()
		if refused && unclear == 0 && !since {
			t.Errorf("write %s: %v", id, err)
		}
		if err == nil || refused {
			return
		}
	}
	t.Error("what was written cannot be known")
}

// Many nodes, one of them with a clock that is far ahead and one with a clock that is far
// behind, put mail and take it at once: each row is in one pair of hands at a time, and all
// that is put is done, once.
func TestQueueNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			const each, takers = 40, 3
			database, key := pgtest.Take(t), nodekey.Random()
			book := newLedger()
			var over atomic.Bool
			var busy sync.WaitGroup
			var last *DB
			wrong := []int{0, 5, -5}
			for node, by := range wrong {
				d := openAt(t, database, Options{Isolation: isolation, Connections: 5, Now: hours(by)})
				defer d.Close()
				last = d
				q := queueOf(t, d, key)
				busy.Go(func() {
					for i := range each {
						r := dueRow(node*each + i)
						r.Data = []byte("0")
						if err := q.Insert(context.Background(), r); err != nil {
							t.Error(err)
						}
					}
				})
				for range takers {
					busy.Go(func() { book.work(t, q, each*len(wrong), &over) })
				}
			}
			stop := time.AfterFunc(time.Minute, func() { over.Store(true) })
			defer stop.Stop()
			busy.Wait()
			if n := book.finished(); n != each*len(wrong) {
				t.Errorf("%d of %d are done", n, each*len(wrong))
			}
			for id, n := range book.saves {
				if n != 2 {
					t.Errorf("%s was given back %d times", id, n)
				}
			}
			if n := book.lost.Load(); n > 0 {
				t.Errorf("%d leases failed", n)
			}
			var left int
			if err := last.pool.QueryRow(t.Context(), "select count(*) from queue").Scan(&left); err != nil || left != 0 {
				t.Errorf("%d rows are left, %v", left, err)
			}
		})
	}
}

// A node that sleeps longer than its lease loses the mail to another one, and changes nothing
// of it when it wakes up.
func TestQueuePausedNode(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	var nodes []*queue.Queue
	var rows *Queue
	for range 2 {
		d := openAt(t, database, Options{Connections: 3})
		defer d.Close()
		rows = queueOf(t, d, key)
		q := mailQueue(t, rows, key, queue.Limits{Lease: 400 * time.Millisecond})
		if len(nodes) > 0 {
			q.Blobs = nodes[0].Blobs
		}
		nodes = append(nodes, q)
	}
	id := putMail(t, nodes[0])
	sleeper, err := nodes[0].Take(t.Context())
	if err != nil || sleeper.Mail.ID != id {
		t.Fatalf("took %+v, %v", sleeper, err)
	}
	if err := sleeper.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	other, err := nodes[1].Take(t.Context()) // waits
	if err != nil || other.Mail.ID != id {
		t.Fatalf("took %+v, %v", other, err)
	}
	if waited := time.Since(since); waited < 300*time.Millisecond {
		t.Errorf("the lease ended after %v", waited)
	}
	if err := other.Mark(t.Context(), "half done"); err != nil {
		t.Fatal(err)
	}
	before, err := rows.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	sleeper.Mail.Recipient[0].Next = time.Now().Add(time.Hour)
	for what, err := range map[string]error{
		"renew": sleeper.Renew(t.Context()), "mark": sleeper.Mark(t.Context(), "x"), "save": sleeper.Save(t.Context()),
	} {
		if !errors.Is(err, queue.ErrLease) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := rows.Delete(t.Context(), id, before.Fence-1); !errors.Is(err, queue.ErrLease) {
		t.Errorf("remove: %v", err)
	}
	after, err := rows.Get(t.Context(), id)
	if err != nil || after.Fence != before.Fence || !after.Until.Equal(before.Until) || !bytes.Equal(after.Data, before.Data) {
		t.Errorf("the sleeper changed it: %+v, %v", after, err)
	}
	c, err := other.Content(t.Context()) // and its text is there
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := other.Done(t.Context()); err != nil {
		t.Error(err)
	}
}

// The database says what time it is: a node whose clock is hours ahead neither takes
// what is leased or not due, nor shortens its own leases, and all nodes tell the same time.
func TestQueueClocks(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	var wrong atomic.Int64
	right := openAt(t, database, Options{Connections: 2})
	defer right.Close()
	ahead := openAt(t, database, Options{Connections: 2, Now: func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }})
	defer ahead.Close()
	a := queueOf(t, right, key)
	wrong.Store(int64(3 * time.Hour))
	b := queueOf(t, ahead, key)
	agree := func(when string) {
		t.Helper()
		if apart := b.Now().Sub(a.Now()); apart.Abs() > 2*time.Second {
			t.Errorf("%s the clocks are %v apart", when, apart)
		}
	}
	agree("at first")
	insertRows(t, a, dueRow(1))
	later := dueRow(2)
	later.Due = a.Now().Add(time.Hour)
	insertRows(t, a, later)
	if rows := takeRows(t, a, 9, 30*time.Minute); len(rows) != 1 {
		t.Fatalf("took %d rows", len(rows))
	}
	wrong.Store(int64(8 * time.Hour)) // it does not know yet
	if rows := takeRows(t, b, 9, 30*time.Minute); len(rows) != 0 {
		t.Errorf("the node whose clock is ahead took %+v", rows)
	}
	if d, err := b.Depth(t.Context(), b.Now()); err != nil || d.Due != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if next, err := b.Next(t.Context()); err != nil || next.Sub(a.Now()).Abs() > 31*time.Minute {
		t.Errorf("next is at %v, %v", next, err)
	}
	agree("after it was heard of")
	insertRows(t, a, dueRow(3))
	mine := takeRows(t, b, 9, 30*time.Minute)
	if len(mine) != 1 {
		t.Fatalf("took %+v", mine)
	}
	r := mine[0]
	r.Until = b.Now().Add(30 * time.Minute)
	wrong.Add(int64(-2 * time.Hour)) // between two of its statements
	if err := b.Update(t.Context(), r, r.Fence); err != nil {
		t.Fatal(err)
	}
	if rows := takeRows(t, a, 9, time.Minute); len(rows) != 0 {
		t.Errorf("%+v was taken twice", rows)
	}
}

// A clock that is heard of goes neither to and fro nor away from the database's.
func TestQueueClock(t *testing.T) {
	t.Parallel()
	var c clock
	at := time.Unix(1_800_000_000, 0)
	const away = 90 * time.Minute
	c.hear(at, at.Add(100*time.Millisecond), at.Add(away))
	first := c.now(at).Sub(at)
	if (first - away).Abs() > 100*time.Millisecond {
		t.Errorf("%v away, want %v", first, away)
	}
	c.hear(at.Add(time.Second), at.Add(5*time.Second), at.Add(away+3*time.Second)) // a slow answer
	if again := c.now(at).Sub(at); again != first {
		t.Errorf("%v away after a slow answer, %v before", again, first)
	}
	c.hear(at.Add(time.Minute), at.Add(time.Minute+10*time.Millisecond), at.Add(away/2+time.Minute))
	if set := c.now(at).Sub(at); (set - away/2).Abs() > 10*time.Millisecond {
		t.Errorf("%v away after the database's clock was set, want %v", set, away/2)
	}
}

// The server is killed and comes back while nodes put, take, give back and remove: no row is
// in two pairs of hands, none that was acknowledged is lost, and none lies leased by nobody.
func TestQueueServerKilled(t *testing.T) {
	t.Parallel()
	cluster, key := pgtest.Start(t), nodekey.Random()
	book := newLedger()
	var over, stopped atomic.Bool
	var busy, putting sync.WaitGroup
	var mu sync.Mutex
	var next atomic.Int64
	put, unsure, flying := map[queue.ID]bool{}, map[queue.ID]bool{}, map[queue.ID]bool{}
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		book.mu.Lock()
		defer book.mu.Unlock()
		maps.Copy(book.cut, flying)
	}
	var last *Queue
	for range 2 {
		d := openWith(t, parse(t, cluster.URL("postgres")), Options{Connections: 6})
		defer d.Close()
		q := queueOf(t, d, key)
		last = q
		for range 2 {
			putting.Go(func() {
				for !over.Load() {
					r := dueRow(int(next.Add(1)))
					r.Data = []byte("0")
					mu.Lock()
					flying[r.ID] = true
					mu.Unlock()
					err := q.Insert(context.Background(), r)
					mu.Lock()
					delete(flying, r.ID)
					if err == nil {
						put[r.ID] = true
					} else {
						unsure[r.ID] = true
					}
					mu.Unlock()
				}
			})
			busy.Go(func() { book.work(t, q, 1<<30, &stopped) })
		}
	}
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		cut()
		cluster.Kill()
		cut() // what began in between
		time.Sleep(50 * time.Millisecond)
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	over.Store(true)
	putting.Wait()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := last.Count(t.Context(), ""); err == nil && int64(c.All) <= book.lost.Load() {
			break
		}
	}
	stopped.Store(true)
	busy.Wait()
	rows, err := last.List(t.Context(), "", 10_000)
	if err != nil || int64(len(rows)) > book.lost.Load() {
		t.Errorf("%d rows are left, leased by nobody or not taken: %v", len(rows), err)
	}
	left := map[queue.ID]bool{}
	for _, r := range rows {
		left[r.ID] = true
	}
	for id := range put {
		if !book.done[id] && !left[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	for id := range book.done {
		if !put[id] && !unsure[id] {
			t.Errorf("%s was done and never put", id)
		}
	}
	if len(put) < 20 {
		t.Errorf("%d were put", len(put))
	}
}
