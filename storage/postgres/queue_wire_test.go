package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/postgres/pgtest"
)

// A connection that breaks at any call, before or after the server had it, costs time only:
// nothing is inserted twice, nobody is told that he has what another has, and what was leased is
// found again.
func TestQueueConnectionCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	q := queueOf(t, d, nodekey.Random())
	ctx, n := t.Context(), 0
	again := func() queue.Row { // a connection that knows the statements
		t.Helper()
		n++
		r := dueRow(n)
		insertRows(t, q, r)
		return takeRows(t, q, 9, time.Hour)[0]
	}
	end := func(r queue.Row) {
		t.Helper()
		if err := q.Delete(ctx, r.ID, r.Fence); err != nil {
			t.Error(err)
		}
	}
	cut := func(late bool) { // over a connection that knows the statements: else they are what is cut
		t.Helper()
		other := queue.Row{ID: "warm", Due: q.Now().Add(time.Hour)}
		insertRows(t, q, other)
		if _, err := q.Lease(ctx, q.Now(), q.Now(), 1, map[string]bool{dueRow(n).Group: true}); err != nil {
			t.Error(err)
		}
		if err := q.Update(ctx, other, 0); err != nil {
			t.Error(err)
		}
		end(other)
		w.cut(1, late)
	}
	end(again())
	for _, late := range []bool{false, true} {
		what := fmt.Sprintf("late %v", late)
		n++
		cut(late)
		insertRows(t, q, dueRow(n))
		cut(late)
		rows := takeRows(t, q, 9, time.Hour)
		if len(rows) != 1 || rows[0].Fence != 1 || string(rows[0].Data) != fmt.Sprintf("data of %d", n) {
			t.Fatalf("%s: took %+v", what, rows)
		}
		r := rows[0]
		r.Data, r.Fence, r.Until = []byte("saved"), 2, time.Time{}
		cut(late)
		if err := q.Update(ctx, r, 1); err != nil {
			t.Errorf("%s: save: %v", what, err)
		}
		if got, err := q.Get(ctx, r.ID); err != nil || got.Fence != 2 || string(got.Data) != "saved" || !got.Until.IsZero() {
			t.Errorf("%s: saved %+v, %v", what, got, err)
		}
		stale := r
		stale.Fence, stale.Data = 2, []byte("stale")
		cut(late)
		if err := q.Update(ctx, stale, 1); !errors.Is(err, queue.ErrLease) {
			t.Errorf("%s: save under an old fence: %v", what, err)
		}
		cut(late)
		if err := q.Delete(ctx, r.ID, 1); !errors.Is(err, queue.ErrLease) {
			t.Errorf("%s: remove under an old fence: %v", what, err)
		}
		cut(late)
		end(r)
		if c, err := q.Count(ctx, r.Group); err != nil || c.All != 0 {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
		end(again())
	}
	if w.done != 12 {
		t.Errorf("%d connections were cut, want 12", w.done)
	}
}

// What a call costs does not depend on how much it carries.
func TestQueueRoundTrips(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	q := queueOf(t, d, nodekey.Random())
	fillQueue(t, d, 1000)
	ctx := t.Context()
	var r queue.Row
	for what, call := range map[string]func(){
		"insert": func() { r.ID += "x"; insertRows(t, q, queue.Row{ID: "i" + r.ID, Due: q.Now(), Group: "g"}) },
		"take 1": func() {
			r = takeRows(t, q, 1, time.Hour)[0]
			if err := q.Update(ctx, r, r.Fence); err != nil {
				t.Error(err)
			}
		},
		"take 100": func() {
			if rows := takeRows(t, q, 100, time.Hour); len(rows) != 100 || rows[0].Due.After(rows[99].Due) {
				t.Errorf("took %d", len(rows))
			}
		},
		"next":  func() { q.Next(ctx) },
		"count": func() { q.Count(ctx, "g") },
		"depth": func() { q.Depth(ctx, q.Now()) },
		"list":  func() { q.List(ctx, "", 100) },
		"blobs": func() { q.Blobs(ctx) },
	} {
		call() // the first one prepares statements
		want := 1
		if what == "take 1" {
			want = 2 // and a renewal
		}
		if trips := w.count(call); trips != want {
			t.Errorf("%s: %d round trips, want %d", what, trips, want)
		}
	}
}

// No statement goes through the table, whatever the planner knows of it, and a take reads
// no more of a long queue than of a short one.
func TestQueuePlans(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	looker := openAt(t, database, Options{Connections: 1})
	defer looker.Close()
	queueOf(t, looker, key)
	fillQueue(t, looker, 5000)
	end(t, openAt(t, database, Options{Connections: 1}), looker) // and whoever had the database before
	count := func(column, table string) (n int) {
		t.Helper()
		sql := `select coalesce((select ` + column + ` from pg_stat_user_tables where relname = $1), 0)`
		if err := looker.pool.QueryRow(t.Context(), sql, table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i, analyzed := range []bool{false, true} {
		if analyzed {
			if _, err := looker.pool.Exec(t.Context(), "analyze queue"); err != nil {
				t.Fatal(err)
			}
		}
		scans, read := count("seq_scan", "queue"), count("idx_tup_fetch", "queue")
		d := openAt(t, database, Options{Connections: 1})
		q := queueOf(t, d, key)
		ctx := t.Context()
		r := dueRow(i)
		insertRows(t, q, r)
		for range 20 {
			for _, taken := range takeRows(t, q, 3, time.Hour) {
				if err := q.Delete(ctx, taken.ID, taken.Fence); err != nil {
					t.Error(err)
				}
			}
			if _, err := q.Next(ctx); err != nil {
				t.Error(err)
			}
		}
		end(t, d, looker)
		if n := count("idx_tup_fetch", "queue") - read; n > 2000 {
			t.Errorf("20 takes of 3 read %d rows (analyzed: %v)", n, analyzed)
		}
		d = openAt(t, database, Options{Connections: 1})
		q = queueOf(t, d, key)
		for _, err := range []error{
			func() error { _, err := q.Count(ctx, "group1"); return err }(),
			func() error { _, err := q.Depth(ctx, q.Now()); return err }(),
			func() error { _, err := q.List(ctx, "fill2", 10); return err }(),
			func() error { _, err := q.Blobs(ctx); return err }(),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		end(t, d, looker)
		if n := count("seq_scan", "queue") - scans; n != 0 {
			t.Errorf("the queue was gone through %d times (analyzed: %v)", n, analyzed)
		}
	}
}
