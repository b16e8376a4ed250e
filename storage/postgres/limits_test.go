package postgres

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"sealpost/account/limit"
	"sealpost/filestore/nodekey"
	"sealpost/storage/postgres/pgtest"
)

// teller is a node that shares one limit.
type teller struct {
	*limit.Ledger
	kind  *limit.Kind
	mu    sync.Mutex
	heard map[limit.Mark]int
}

func newTeller(x *Known) *teller {
	n := &teller{heard: map[limit.Mark]int{}}
	n.Ledger = &limit.Ledger{Secret: []byte(word), Exchange: x.Limits()}
	n.kind = n.Kind("mails", func(m limit.Mark, used int) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.heard[m] += used
	})
	return n
}

// What each of three nodes used, the others hear once, over connections that break; a node
// that starts later hears what was told lately; and who has the database reads none of it.
func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	var all []*teller
	var cuts []*wires
	join := func() {
		d, w := watched(t, database, Options{Connections: 1})
		all, cuts = append(all, newTeller(knownOf(t, d, key))), append(cuts, w)
	}
	for range 3 {
		join()
	}
	m := all[0].kind.Mark(word)
	for round := range 12 {
		for i, x := range all {
			x.kind.Used(m, 1)
			x.kind.Used(x.kind.Mark(fmt.Sprint(i)), 1)
			if round > 2 && (round+i)%3 == 0 {
				cuts[i].cut(1, round%2 == 0)
			}
			x.Round(t.Context())
		}
	}
	join()
	for range 2 {
		for _, x := range all {
			x.Round(t.Context())
		}
	}
	for i, x := range all {
		want, marks := 24, 3
		if i == 3 {
			want, marks = 36, 4
		}
		if x.heard[m] != want || len(x.heard) != marks {
			t.Errorf("node %d heard %d under %d marks, want %d under %d", i, x.heard[m], len(x.heard), want, marks)
		}
	}
	d := openAt(t, database, Options{})
	defer d.Close()
	var rows [][]byte
	found, err := d.pool.Query(t.Context(), "select used from limits")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var row []byte
		if err := found.Scan(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) < 30 || bytes.Contains(bytes.Join(rows, nil), m[:]) || bytes.Contains(bytes.Join(rows, nil), []byte("mails")) {
		t.Errorf("%d rows, or what stands in them can be read", len(rows))
	}
}

// Telling is one round trip, and old rounds go.
func TestLimitsRoundTrips(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	d, w := watched(t, database, Options{Connections: 1})
	x := newTeller(knownOf(t, d, key))
	for i := range 5 {
		x.kind.Used(x.kind.Mark("a"), 1)
		if trips := w.count(func() { x.Round(t.Context()) }); i > 1 && trips != 1 {
			t.Errorf("%d round trips", trips)
		}
	}
	database.Exec(t, "update limits set at = at - interval '3 minutes'")
	y := newTeller(knownOf(t, d, key))
	y.Round(t.Context())
	left := 0
	if err := d.pool.QueryRow(t.Context(), "select count(*) from limits").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d old rounds are left, %v", left, err)
	}
}

// Without the database nobody waits, and what was used meanwhile is told later.
func TestLimitsWithoutDatabase(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills a server of its own")
	}
	cluster, key := pgtest.Start(t), nodekey.Random()
	var all []*teller
	for range 2 {
		d, err := Open(t.Context(), cluster.URL("postgres"), Options{Connections: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		all = append(all, newTeller(knownOf(t, d, key)))
	}
	m := all[0].kind.Mark("a")
	cluster.Kill()
	var rounds sync.WaitGroup
	rounds.Go(func() { all[0].Round(t.Context()) })
	start := time.Now()
	for range 10_000 {
		all[0].kind.Used(m, 1)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("who counts waited %v", took)
	}
	rounds.Wait()
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, x := range all {
			x.Round(t.Context())
		}
	}
	if all[1].heard[m] != 10_000 {
		t.Errorf("%d were heard", all[1].heard[m])
	}
}
