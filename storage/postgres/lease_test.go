package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/lease"
	"sealpost/filestore/nodekey"
	"sealpost/storage/postgres/pgtest"
)

// knownNodes are several nodes of one database.
func knownNodes(t *testing.T, n int) (all []*Known) {
	t.Helper()
	database, key := pgtest.Take(t), nodekey.Random()
	for range n {
		d := openAt(t, database, Options{Connections: 4})
		t.Cleanup(func() { d.Close() })
		all = append(all, knownOf(t, d, key))
	}
	return all
}

// Each job has a lease of its own; of nodes that ask at once one gets it; its end is that of
// the database's clock, and tokens grow.
func TestLeases(t *testing.T) {
	t.Parallel()
	nodes := knownNodes(t, 3)
	var last lease.Token
	for round := range 3 {
		var mu sync.Mutex
		var got []lease.Token
		var asking sync.WaitGroup
		for _, x := range nodes {
			asking.Go(func() {
				token, err := x.d.Lease("reports").Lease(t.Context(), time.Hour)
				if errors.Is(err, lease.ErrHeld) {
					return
				}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, token)
			})
		}
		asking.Wait()
		if len(got) != 1 || got[0] <= last {
			t.Fatalf("round %d: tokens %v after %d", round, got, last)
		}
		last = got[0]
		if _, err := nodes[round].d.Lease("keys").Lease(t.Context(), time.Hour); (err == nil) != (round == 0) {
			t.Errorf("the lease of another job: %v", err)
		}
		if err := nodes[1].d.Lease("reports").Release(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	short := nodes[0].d.Lease("short")
	token, err := short.Lease(t.Context(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if err := short.Renew(t.Context(), token, time.Hour); err != nil {
		t.Errorf("a lease that ended and that nobody took: %v", err)
	}
	if _, err := nodes[1].d.Lease("short").Lease(t.Context(), time.Hour); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("a lease that was renewed: %v", err)
	}
}

// A node that was paused for longer than its lease writes nothing more under it, whatever it
// had begun; and it learns of it by its next renewal.
func TestPausedNodeIsFenced(t *testing.T) {
	t.Parallel()
	nodes := knownNodes(t, 2)
	slow, next := nodes[0], nodes[1]
	token, err := slow.d.Lease("reports").Lease(t.Context(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	old := lease.Held{Job: "reports", Token: token}
	if err := slow.Values().PutUnder(t.Context(), old, "told", []byte("by the first")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // it is paused
	if token, err = next.d.Lease("reports").Lease(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	held := lease.Held{Job: "reports", Token: token}
	if err := next.Values().PutUnder(t.Context(), held, "told", []byte("by the second")); err != nil {
		t.Fatal(err)
	}
	if err := next.Pile("counts").Add(t.Context(), NewPartID(), []byte("a part")); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"put":    slow.Values().PutUnder(t.Context(), old, "told", []byte("by who slept")),
		"remove": slow.Values().PutUnder(t.Context(), old, "told", nil),
		"gather": slow.Pile("counts").Gather(t.Context(), old, func([][]byte) ([]byte, error) { return nil, nil }),
		"renew":  slow.d.Lease("reports").Renew(t.Context(), old.Token, time.Hour),
	} {
		if !errors.Is(err, lease.ErrFenced) {
			t.Errorf("%s by who slept: %v", what, err)
		}
	}
	if err := slow.d.Lease("reports").Release(t.Context(), old.Token); err != nil {
		t.Fatal(err)
	}
	if got, err := next.Values().Get(t.Context(), "told"); err != nil || string(got) != "by the second" {
		t.Errorf("%q, %v", got, err)
	}
	if n := sumOf(t, next, held); n != 1 {
		t.Errorf("%d parts are left", n)
	}
	if err := next.Values().PutUnder(t.Context(), held, "told", nil); err != nil {
		t.Errorf("who has the lease: %v", err)
	}
}

// sumOf gathers parts, and counts them.
func sumOf(t *testing.T, x *Known, by lease.Held) (n int) {
	t.Helper()
	err := x.Pile("counts").Gather(t.Context(), by, func(parts [][]byte) ([]byte, error) {
		n = len(parts)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What many nodes leave is counted once, over connections that break and parts that are left
// again; whoever gathers meanwhile.
func TestPile(t *testing.T) {
	t.Parallel()
	database, key := pgtest.Take(t), nodekey.Random()
	d, w := watched(t, database, Options{Connections: 1})
	x := knownOf(t, d, key)
	token, err := x.d.Lease("reports").Lease(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	held := lease.Held{Job: "reports", Token: token}
	sum := func() (n uint64) {
		err := x.Pile("counts").Gather(t.Context(), held, func(parts [][]byte) ([]byte, error) {
			n = 0
			for _, p := range parts {
				n += binary.BigEndian.Uint64(p)
			}
			return binary.BigEndian.AppendUint64(nil, n), nil
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	sum()
	want := uint64(0)
	for i := range 12 {
		id, part := NewPartID(), binary.BigEndian.AppendUint64(nil, 1<<i)
		want += 1 << i
		if i%3 > 0 {
			w.cut(1, i%3 == 1)
		}
		if err := x.Pile("counts").Add(t.Context(), id, part); err != nil {
			t.Fatal(err)
		}
		if i%4 > 1 {
			w.cut(i%2+1, i%4 == 2)
		}
		if got := sum(); got != want {
			t.Errorf("after %d parts: %b, want %b", i+1, got, want)
		}
		if err := x.Pile("counts").Add(t.Context(), id, part); err != nil { // nobody knew whether it was
			t.Fatal(err)
		}
	}
	if got := sum(); got != want {
		t.Errorf("at last: %b, want %b", got, want)
	}
}

// Nodes that change a value at once all do so.
func TestValuesChange(t *testing.T) {
	t.Parallel()
	nodes := knownNodes(t, 3)
	var busy sync.WaitGroup
	for _, x := range nodes {
		busy.Go(func() {
			for range 20 {
				err := x.Values().Change(context.Background(), "list", func(old []byte) ([]byte, error) { return append(old, 'x'), nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	busy.Wait()
	if got, err := nodes[0].Values().Get(t.Context(), "list"); err != nil || len(got) != 60 {
		t.Errorf("%d of 60 changes are there, %v", len(got), err)
	}
	refused := errors.New("refused")
	if err := nodes[0].Values().Change(t.Context(), "list", func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
}
