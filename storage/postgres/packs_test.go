package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
	"sealpost/filestore/packs/storagetest"
	"sealpost/storage/postgres/pgtest"
)

func TestPacks(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			storagetest.Index(t, func(t *testing.T) (packs.Index, packs.Leases) {
				d := openAt(t, pgtest.Take(t), Options{Isolation: isolation, Connections: 4})
				t.Cleanup(func() {
					checkRows(t, d)
					d.Close()
				})
				return d.Packs(), d.Packs()
			})
		})
	}
}

var then = time.Unix(1_800_000_000, 0)

// onePack is an object with so many blobs of 10 octets.
func onePack(blobs int) (packs.Object, []packs.Entry) {
	o := packs.Object{Size: 1000, Content: int64(blobs) * 10, Made: then, Copies: []string{"east"}, Changed: then}
	rand.Read(o.Key[:])
	entries := make([]packs.Entry, blobs)
	for i := range entries {
		entries[i] = packs.Entry{Key: o.Key, Off: int64(i) * 20, Size: 10, Stored: then}
		rand.Read(entries[i].ID[:])
	}
	return o, entries
}

func addPack(t testing.TB, x Packs, blobs int) (packs.Object, []packs.Entry) {
	t.Helper()
	o, entries := onePack(blobs)
	if err := x.Add(context.Background(), []packs.Object{o}, entries); err != nil {
		t.Fatal(err)
	}
	return o, entries
}

func takeLeaseOf(t testing.TB, x Packs) packs.Token {
	t.Helper()
	token, err := x.Lease(context.Background(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func entryIDs(entries []packs.Entry) (ids []filestore.ID) {
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

// alive is which of the blobs are found, and in which object.
func alive(t testing.TB, x Packs, entries []packs.Entry) (in []packs.Key) {
	t.Helper()
	found, err := x.Find(context.Background(), entryIDs(entries))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		in = append(in, f.Key)
	}
	return in
}

// What the engine asks costs as many round trips for a thousand blobs as for one.
func TestPacksRoundTrips(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	x, ctx := d.Packs(), t.Context()
	token := takeLeaseOf(t, x)
	for i, n := range []int{1, 1000, 1, 1000} {
		o, entries := onePack(n)
		to, _ := onePack(0)
		for _, c := range []struct {
			what string
			want int
			do   func() error
		}{
			{"add", 1, func() error { return x.Add(ctx, []packs.Object{o}, entries) }},
			{"find", 1, func() error { _, err := x.Find(ctx, entryIDs(entries)); return err }},
			{"note", 1, func() error { return x.Note(ctx, []packs.Key{o.Key}) }},
			{"move", 2, func() error { return x.Move(ctx, token, then, then, []packs.Key{o.Key}, to, entries) }},
			{"delete", 2, func() error { return x.Delete(ctx, then, entryIDs(entries)) }},
			{"doom", 2, func() error { _, err := x.Doom(ctx, token, then.Add(time.Hour), 10); return err }},
			{"forget", 2, func() error { return x.Forget(ctx, token, []packs.Key{o.Key, to.Key}) }},
		} {
			var err error
			if trips := w.count(func() { err = c.do() }); i > 1 && trips != c.want || err != nil {
				t.Errorf("%s of %d: %d round trips, want %d, %v", c.what, n, trips, c.want, err)
			}
		}
	}
}

// A connection that breaks at any round trip of a call neither loses nor doubles what it says.
func TestPacksConnectionCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	x, ctx := d.Packs(), t.Context()
	token := takeLeaseOf(t, x)
	cuts := 0
	cut := func(what string, trip int, late bool, do func() error) {
		t.Helper()
		everyPackCall(t, x, token) // so that the connection knows the statements
		w.cut(trip, late)
		if err := do(); err != nil {
			t.Errorf("%s, cut at %d (late: %v): %v", what, trip, late, err)
		}
		cuts++
	}
	for trip := 1; trip <= 2; trip++ {
		for _, late := range []bool{false, true} {
			o, entries := onePack(3)
			cut("add", 1, late, func() error { return x.Add(ctx, []packs.Object{o}, entries) })
			cut("delete", trip, late, func() error { return x.Delete(ctx, then, entryIDs(entries[:1])) })
			to, _ := onePack(0)
			cut("move", trip, late, func() error { return x.Move(ctx, token, then, then, []packs.Key{o.Key}, to, entries) })
			if got := alive(t, x, entries); !slices.Equal(got, []packs.Key{{}, to.Key, to.Key}) {
				t.Errorf("cut at %d (late: %v): blobs are in %v", trip, late, got)
			}
			var doomed []packs.Object
			cut("doom", trip, late, func() (err error) {
				doomed, err = x.Doom(ctx, token, then.Add(time.Hour), 10)
				return err
			})
			if !slices.ContainsFunc(doomed, func(d packs.Object) bool { return d.Key == o.Key }) {
				t.Errorf("doomed are %v", doomed)
			}
			cut("forget", trip, late, func() error { return x.Forget(ctx, token, []packs.Key{o.Key}) })
			if list, err := x.Lookup(ctx, []packs.Key{o.Key, to.Key}); err != nil || len(list) != 1 {
				t.Errorf("cut at %d (late: %v): %v, %v", trip, late, list, err)
			}
			checkRows(t, d)
		}
	}
	if w.done != cuts {
		t.Errorf("%d connections were cut, want %d", w.done, cuts)
	}
	o, entries := addPack(t, x, 1)
	if err := x.Add(ctx, []packs.Object{o}, entries); err == nil {
		t.Error("an object was added twice")
	}
}

// Blobs are deleted by many nodes while a worker moves them from pack to pack: none that was
// deleted comes back, none that lives is lost, and objects know what lies in them.
func TestPacksNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Take(t)
			var nodes []Packs
			for range 3 {
				d := openAt(t, database, Options{Isolation: isolation, Connections: 4})
				defer d.Close()
				nodes = append(nodes, d.Packs())
			}
			token := takeLeaseOf(t, nodes[0])
			one, entries := addPack(t, nodes[0], 60)
			two, more := addPack(t, nodes[0], 60)
			entries = append(entries, more...)
			var busy sync.WaitGroup
			var even []filestore.ID
			for i := 0; i < len(entries); i += 2 {
				even = append(even, entries[i].ID)
			}
			for i, x := range nodes {
				busy.Go(func() {
					for j := i % 2; j < len(even); j += 2 { // two nodes delete the same
						if err := x.Delete(context.Background(), then, []filestore.ID{even[j], even[(j+5)%len(even)]}); err != nil {
							t.Errorf("delete: %v", err)
						}
					}
				})
			}
			from := []packs.Key{one.Key, two.Key}
			for range 8 {
				to, _ := onePack(0)
				if err := nodes[1].Move(context.Background(), token, then, then, from, to, entries); err != nil {
					t.Errorf("move: %v", err)
				}
				from = []packs.Key{to.Key}
			}
			busy.Wait()
			for i, in := range alive(t, nodes[2], entries) {
				if want := map[bool]packs.Key{true: {}, false: from[0]}[i%2 == 0]; in != want {
					t.Errorf("blob %d is in %v, want %v", i, in, want)
				}
			}
			checkRows(t, nodes[0].d)
		})
	}
}

// A blob that is being deleted while its pack is written anew is waited for: it stays deleted,
// and the new pack knows that it does not live.
func TestPacksMoveWaitsForDelete(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{Connections: 3})
	defer d.Close()
	x, ctx := d.Packs(), t.Context()
	token := takeLeaseOf(t, x)
	o, entries := addPack(t, x, 2)
	tx, err := d.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, `update packs_entries set deleted = $2 where id = $1`, entries[0].ID[:], seconds(then)); err != nil {
		t.Fatal(err)
	}
	to, _ := onePack(0)
	moved := make(chan error, 1)
	go func() { moved <- x.Move(context.Background(), token, then, then, []packs.Key{o.Key}, to, entries) }()
	blocked(t, d, 1)
	if _, err := tx.Exec(ctx, `update packs_objects set living = 1, octets = 10, first_deleted = $2, last_deleted = $2 where key = $1`, o.Key[:], seconds(then)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tx.Commit(ctx), <-moved); err != nil {
		t.Fatal(err)
	}
	if got := alive(t, x, entries); !slices.Equal(got, []packs.Key{{}, to.Key}) {
		t.Errorf("blobs are in %v, want the second in %v", got, to.Key)
	}
	checkRows(t, d)
}

// Who takes the lease waits for the transaction of who had it, and what comes after is
// refused: also when it was on its way before.
func TestPacksFence(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{Connections: 4})
	defer d.Close()
	x, ctx := d.Packs(), t.Context()
	o, entries := addPack(t, x, 2)
	old := takeLeaseOf(t, x)
	if err := x.Renew(ctx, old, -time.Second); err != nil { // it is over
		t.Fatal(err)
	}
	tx, err := d.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, holdLease, "packs"); err != nil { // the old worker is at work
		t.Fatal(err)
	}
	taken, moved := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := x.Lease(context.Background(), time.Hour)
		taken <- err
	}()
	blocked(t, d, 1)
	go func() {
		to, _ := onePack(0)
		moved <- x.Move(context.Background(), old, then, then, []packs.Key{o.Key}, to, entries)
	}()
	blocked(t, d, 2)
	select {
	case err := <-taken:
		t.Fatalf("the lease was given while its holder wrote: %v", err)
	default:
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-taken; err != nil {
		t.Errorf("lease: %v", err)
	}
	if err := <-moved; !errors.Is(err, packs.ErrFenced) {
		t.Errorf("a worker whose lease has passed on: %v", err)
	}
	if got := alive(t, x, entries); !slices.Equal(got, []packs.Key{o.Key, o.Key}) {
		t.Errorf("blobs are in %v, want %v", got, o.Key)
	}
}

// blocked waits until so many of the database's connections wait for a lock.
func blocked(t *testing.T, d *DB, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var n int
		const waits = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
		if err := d.pool.QueryRow(t.Context(), waits).Scan(&n); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d connections wait, want %d: %v", n, want, err)
		}
		if n >= want {
			return
		}
	}
}

// Two nodes whose clocks are apart by years agree on who has the lease.
func TestPacksLeaseByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	var nodes []Packs
	for _, years := range []int{-5, 5} {
		d := openAt(t, database, Options{Connections: 2, Now: func() time.Time { return time.Now().AddDate(years, 0, 0) }})
		defer d.Close()
		nodes = append(nodes, d.Packs())
	}
	takeLeaseOf(t, nodes[0])
	if _, err := nodes[1].Lease(t.Context(), time.Hour); !errors.Is(err, packs.ErrHeld) {
		t.Errorf("a lease that is held: %v", err)
	}
}

// No question about packs goes through a table, but for lists of all.
func TestPacksPlans(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	looker := openAt(t, database, Options{Connections: 1})
	defer looker.Close()
	for _, sql := range []string{
		`insert into packs_objects select decode(md5('o' || n), 'hex'), 1000, 1000, n, '', '{east}', n, false, null, false, 10, 1000, null, null from generate_series(1, 2000) n`,
		`insert into packs_entries select decode(md5('e' || n || '.' || m), 'hex'), decode(md5('o' || n), 'hex'), m * 100, 100, n, null from generate_series(1, 2000) n, generate_series(1, 10) m`,
	} {
		if _, err := looker.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			if _, err := looker.pool.Exec(t.Context(), "analyze"); err != nil {
				t.Fatal(err)
			}
		}
		before := packScans(t, looker)
		d := openAt(t, database, Options{Connections: 1})
		token := takeLeaseOf(t, d.Packs())
		everyPackCall(t, d.Packs(), token)
		if err := d.Packs().Release(t.Context(), token); err != nil {
			t.Error(err)
		}
		end(t, d, looker)
		for table, n := range packScans(t, looker) {
			if n != before[table] {
				t.Errorf("%s was gone through %d times (analyzed: %v)", table, n-before[table], analyzed)
			}
		}
	}
}

func packScans(t *testing.T, d *DB) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, table := range []string{"packs_objects", "packs_entries"} {
		var n int
		if err := d.pool.QueryRow(t.Context(), "select seq_scan from pg_stat_user_tables where relname = $1", table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		found[table] = n
	}
	return found
}

func everyPackCall(t *testing.T, x Packs, token packs.Token) {
	t.Helper()
	ctx := t.Context()
	o, entries := addPack(t, x, 10)
	to, _ := onePack(0)
	list := func(objects []packs.Object, err error) error { return err }
	_, findErr := x.Find(ctx, entryIDs(entries))
	_, entriesErr := x.Entries(ctx, o.Key)
	_, looseErr := x.Loose(ctx, packs.Loose{Deleted: then, Stale: then, Made: then, Share: 0.5, Small: 1, Largest: 5000, Limit: 10})
	for i, err := range []error{
		findErr, entriesErr, looseErr,
		x.Note(ctx, []packs.Key{o.Key}),
		list(x.Noted(ctx, packs.Key{}, 10)),
		list(x.Lookup(ctx, []packs.Key{o.Key})),
		x.SetCopies(ctx, token, then, o.Key, []string{"west"}, false),
		x.Delete(ctx, then, entryIDs(entries[:5])),
		x.Move(ctx, token, then, then, []packs.Key{o.Key}, to, entries),
		list(x.Doom(ctx, token, then.Add(time.Hour), 10)),
		x.Forget(ctx, token, []packs.Key{o.Key}),
	} {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestPacksDamagedStore(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{})
	defer d.Close()
	if _, err := d.Packs().Store(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.pool.Exec(t.Context(), `update packs_store set secret = '\x00'`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Packs().Store(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged row: %v", err)
	}
}
