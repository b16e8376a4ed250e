// Package storagetest holds the tests that every database of a queue passes.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/smtp/outbound/queue"
)

// Store runs the suite. open returns a database over what belongs to t: the
// first time for one t it is empty, and when it is called again for the same t,
// after the first was closed if it has a Close method, it holds what was put.
func Store(t *testing.T, open func(t *testing.T) queue.Store) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) queue.Store){
		"round trip":   roundTrip,
		"due":          due,
		"held":         held,
		"fence":        fence,
		"lease ends":   leaseEnds,
		"skip":         skip,
		"next":         next,
		"list":         list,
		"list beside":  listBeside,
		"counts":       counts,
		"once each":    onceEach,
		"one change":   oneChange,
		"reopen":       reopen,
		"cancelled":    cancelled,
		"two of an id": twoOfAnID,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// noon is when the tests play.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// Row makes a row that differs from those of other numbers.
func Row(n int, group string, due time.Time) queue.Row {
	return queue.Row{
		ID: queue.ID(fmt.Sprintf("id%05d", n)), Group: group, Due: due,
		Body: filestore.Ref{ID: filestore.ID{1, byte(n), byte(n >> 8)}, Size: int64(n) + 1},
		Data: []byte(fmt.Sprintf("data of %d", n)),
	}
}

func insert(t *testing.T, s queue.Store, rows ...queue.Row) {
	t.Helper()
	for _, r := range rows {
		if err := s.Insert(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func lease(t *testing.T, s queue.Store, now time.Time, n int, skip ...string) []queue.Row {
	t.Helper()
	without := map[string]bool{}
	for _, g := range skip {
		without[g] = true
	}
	rows, err := s.Lease(t.Context(), now, now.Add(time.Minute), n, without)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func idsOf(rows []queue.Row) (ids []queue.ID) {
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func want(t *testing.T, what string, rows []queue.Row, ids ...queue.ID) {
	t.Helper()
	if got := idsOf(rows); !slices.Equal(got, ids) {
		t.Errorf("%s: got %v, want %v", what, got, ids)
	}
}

func same(t *testing.T, what string, got, want queue.Row) {
	t.Helper()
	if got.ID != want.ID || got.Group != want.Group || !got.Due.Equal(want.Due) || got.Held != want.Held || got.Body != want.Body || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

func roundTrip(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	r := Row(1, "a", noon)
	r.Due = r.Due.Add(123456789)
	strict := queue.Row{ID: "strict", Group: "\x00\xff", Due: noon, Data: []byte{0}}
	insert(t, s, r, strict)
	for _, w := range []queue.Row{r, strict} {
		got, err := s.Get(t.Context(), w.ID)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "inserted", got, w)
	}
	r.Due, r.Held, r.Data, r.Fence = noon.Add(time.Hour), true, []byte("other"), 7
	if err := s.Update(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), r.ID)
	if err != nil || got.Fence != 7 {
		t.Errorf("fence %d, %v", got.Fence, err)
	}
	same(t, "updated", got, r)
	if err := s.Delete(t.Context(), r.ID, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), r.ID); !errors.Is(err, queue.ErrNoSuch) {
		t.Errorf("deleted: %v", err)
	}
	if err := s.Delete(t.Context(), r.ID, 7); !errors.Is(err, queue.ErrNoSuch) {
		t.Errorf("deleted twice: %v", err)
	}
	if err := s.Update(t.Context(), r, 7); !errors.Is(err, queue.ErrNoSuch) {
		t.Errorf("updated what is gone: %v", err)
	}
}

func due(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	insert(t, s, Row(1, "a", noon.Add(2*time.Second)), Row(2, "b", noon), Row(3, "a", noon.Add(time.Second)), Row(4, "b", noon.Add(3*time.Second)))
	want(t, "before", lease(t, s, noon.Add(-1), 9))
	want(t, "one", lease(t, s, noon.Add(2*time.Second), 1), "id00002")
	rows := lease(t, s, noon.Add(2*time.Second), 9)
	want(t, "oldest first", rows, "id00003", "id00001")
	for _, r := range rows {
		if string(r.Data) == "" || r.Fence == 0 || !r.Until.Equal(noon.Add(time.Minute+2*time.Second)) {
			t.Errorf("leased %+v", r)
		}
	}
	want(t, "none twice", lease(t, s, noon.Add(2*time.Second), 9))
}

func held(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	r := Row(1, "a", noon)
	r.Held = true
	insert(t, s, r)
	want(t, "held", lease(t, s, noon, 9))
	if at, err := s.Next(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("a held row is due at %v, %v", at, err)
	}
	r.Held = false
	if err := s.Update(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	want(t, "free", lease(t, s, noon, 9), r.ID)
}

func fence(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	insert(t, s, Row(1, "a", noon))
	first := lease(t, s, noon, 1)[0]
	again := lease(t, s, noon.Add(time.Hour), 1)
	if len(again) != 1 || again[0].Fence <= first.Fence {
		t.Fatalf("leased again: %+v after %+v", again, first)
	}
	if err := s.Update(t.Context(), first, first.Fence); !errors.Is(err, queue.ErrLease) {
		t.Errorf("stale update: %v", err)
	}
	if err := s.Delete(t.Context(), first.ID, first.Fence); !errors.Is(err, queue.ErrLease) {
		t.Errorf("stale delete: %v", err)
	}
	got, err := s.Get(t.Context(), first.ID)
	if err != nil || got.Fence != again[0].Fence || !got.Until.Equal(again[0].Until) {
		t.Errorf("the stale holder changed the row: %+v, %v", got, err)
	}
	renewed := again[0]
	renewed.Until = noon.Add(3 * time.Hour)
	if err := s.Update(t.Context(), renewed, renewed.Fence); err != nil {
		t.Fatal(err)
	}
	want(t, "renewed", lease(t, s, noon.Add(2*time.Hour), 1))
	if err := s.Delete(t.Context(), renewed.ID, renewed.Fence); err != nil {
		t.Error(err)
	}
}

func leaseEnds(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	insert(t, s, Row(1, "a", noon))
	lease(t, s, noon, 1)
	want(t, "leased", lease(t, s, noon.Add(time.Minute-1), 1))
	rows := lease(t, s, noon.Add(time.Minute), 1)
	want(t, "ended", rows, "id00001")
	given := rows[0]
	given.Until, given.Fence, given.Due = time.Time{}, given.Fence+1, noon.Add(time.Hour)
	if err := s.Update(t.Context(), given, given.Fence-1); err != nil {
		t.Fatal(err)
	}
	want(t, "given back, not due", lease(t, s, noon.Add(time.Hour-1), 1))
	want(t, "given back, due", lease(t, s, noon.Add(time.Hour), 1), "id00001")
}

func skip(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	for i := range 20 {
		insert(t, s, Row(i, "flood", noon.Add(-time.Hour)))
	}
	insert(t, s, Row(50, "b", noon), Row(51, "c", noon.Add(-time.Second)))
	want(t, "others", lease(t, s, noon, 9, "flood"), "id00051", "id00050")
	want(t, "nobody", lease(t, s, noon, 9, "flood", "b"))
	if n := len(lease(t, s, noon, 99)); n != 20 {
		t.Errorf("%d of the flood", n)
	}
}

func next(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	check := func(want time.Time) {
		t.Helper()
		if got, err := s.Next(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("next is %v, %v; want %v", got, err, want)
		}
	}
	check(time.Time{})
	insert(t, s, Row(1, "a", noon), Row(2, "b", noon.Add(time.Hour)))
	check(noon)
	lease(t, s, noon, 1)
	check(noon.Add(time.Minute)) // the end of the lease
	if err := s.Delete(t.Context(), "id00001", 1); err != nil {
		t.Fatal(err)
	}
	check(noon.Add(time.Hour))
}

func list(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	var ids []queue.ID
	for i := range 25 {
		insert(t, s, Row(i, fmt.Sprint(i%3), noon))
		ids = append(ids, Row(i, "", noon).ID)
	}
	lease(t, s, noon, 5)
	var got []queue.ID
	for after := queue.ID(""); ; {
		rows, err := s.List(t.Context(), after, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		got = append(got, idsOf(rows)...)
		after = rows[len(rows)-1].ID
		same(t, "listed", rows[0], Row(len(got)-len(rows), fmt.Sprint((len(got)-len(rows))%3), noon))
	}
	if !slices.Equal(got, ids) {
		t.Errorf("listed %v", got)
	}
	strict := queue.Row{ID: "strict", Group: "g", Due: noon, Data: []byte("x")}
	insert(t, s, strict)
	blobs, err := s.Blobs(t.Context())
	if err != nil || len(blobs) != 25 || !slices.Contains(blobs, Row(7, "", noon).Body.ID) {
		t.Errorf("%d blobs, %v", len(blobs), err)
	}
}

// What is listed with a fence is no older than that: whoever changes the row under
// it would undo what somebody has saved.
func listBeside(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	const rows, saves = 200, 60
	var all sync.WaitGroup
	for i := range rows {
		all.Go(func() {
			if err := s.Insert(context.Background(), Row(i, "a", noon)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	saved := make(chan struct{})
	defer all.Wait()
	all.Go(func() {
		defer close(saved)
		for r := Row(rows-1, "a", noon); r.Fence < saves; {
			r.Fence++
			r.Data = fmt.Append(nil, r.Fence)
			if err := s.Update(context.Background(), r, r.Fence-1); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for over := false; !over; {
		select {
		case <-saved:
			over = true
		default:
		}
		listed := rowsOf(t, s)
		last := listed[len(listed)-1]
		var save uint64
		fmt.Sscan(string(last.Data), &save) // not one before the first
		if len(listed) != rows || save < last.Fence {
			t.Fatalf("%d rows, save %d under fence %d", len(listed), save, last.Fence)
		}
	}
}

func rowsOf(t *testing.T, s queue.Store) []queue.Row {
	t.Helper()
	rows, err := s.List(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func counts(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	check := func(group string, all, of int) {
		t.Helper()
		c, err := s.Count(t.Context(), group)
		if err != nil || c.All != all || c.Group != of {
			t.Errorf("count of %q: %+v, %v; want %d, %d", group, c, err, all, of)
		}
		var bytes int64 // of all rows, as they stand
		for _, r := range rowsOf(t, s) {
			if r.Group == group {
				bytes += r.Body.Size
			}
		}
		if c.Bytes != bytes {
			t.Errorf("the texts of %q have %d bytes, counted are %d", group, bytes, c.Bytes)
		}
	}
	check("a", 0, 0)
	insert(t, s, Row(1, "a", noon), Row(2, "a", noon.Add(time.Hour)), Row(3, "b", noon))
	h := Row(4, "b", noon)
	h.Held = true
	insert(t, s, h)
	check("a", 4, 2)
	check("c", 4, 0)
	got, err := s.Depth(t.Context(), noon)
	if want := (queue.Depth{Mails: 4, Due: 2, Held: 1, Bytes: 2 + 3 + 4 + 5}); err != nil || got != want {
		t.Errorf("depth %+v, %v; want %+v", got, err, want)
	}
	lease(t, s, noon, 9)
	check("a", 4, 2)
	if err := s.Delete(t.Context(), "id00004", 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "id00003", 1); err != nil {
		t.Fatal(err)
	}
	check("b", 2, 0)
	got, err = s.Depth(t.Context(), noon.Add(2*time.Hour))
	if want := (queue.Depth{Mails: 2, Due: 2, Bytes: 2 + 3, Late: 2 * time.Hour}); err != nil || got != want {
		t.Errorf("depth %+v, %v; want %+v", got, err, want)
	}
}

// Of many at once who lease, each row goes to one.
func onceEach(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	const rows = 120
	for i := range rows {
		insert(t, s, Row(i, fmt.Sprint(i%5), noon))
	}
	var mu sync.Mutex
	seen := map[queue.ID]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				taken, err := s.Lease(context.Background(), noon, noon.Add(time.Minute), 3, nil)
				if err != nil {
					t.Error(err)
				}
				if len(taken) == 0 {
					return
				}
				mu.Lock()
				for _, r := range taken {
					seen[r.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was leased %d times", id, n)
		}
	}
	if len(seen) != rows {
		t.Errorf("%d rows were leased", len(seen))
	}
}

// Of many at once who change a row under one fence, one does.
func oneChange(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	insert(t, s, Row(1, "a", noon))
	r := lease(t, s, noon, 1)[0]
	var all sync.WaitGroup
	won := make(chan string, 8)
	for i := range 8 {
		all.Go(func() {
			mine := r
			mine.Fence, mine.Until, mine.Data = r.Fence+1, time.Time{}, []byte(fmt.Sprint("writer ", i))
			switch err := s.Update(context.Background(), mine, r.Fence); {
			case err == nil:
				won <- string(mine.Data)
			case !errors.Is(err, queue.ErrLease):
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := s.Get(t.Context(), r.ID)
	if len(won) != 1 || err != nil || string(got.Data) != <-won {
		t.Errorf("%d changed it, %v", len(won)+1, err)
	}
}

// After a crash everything is there, and no lease outlives its end.
func reopen(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	h := Row(3, "b", noon)
	h.Held = true
	insert(t, s, Row(1, "a", noon), Row(2, "a", noon.Add(time.Hour)), h, Row(4, "a", noon))
	r := lease(t, s, noon, 1)[0]
	other := "id00001"
	if r.ID == "id00001" {
		other = "id00004"
	}
	if err := s.Delete(t.Context(), queue.ID(other), 0); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	s = open(t)
	for i, w := range []queue.Row{r, Row(2, "a", noon.Add(time.Hour)), h} {
		got, err := s.Get(t.Context(), w.ID)
		if err != nil {
			t.Fatal(i, err)
		}
		same(t, "after reopening", got, w)
	}
	if _, err := s.Get(t.Context(), queue.ID(other)); !errors.Is(err, queue.ErrNoSuch) {
		t.Errorf("deleted, and back: %v", err)
	}
	want(t, "after reopening", lease(t, s, noon.Add(time.Minute), 9), r.ID)
	if c, err := s.Count(t.Context(), "a"); c != (queue.Count{All: 3, Group: 2, Bytes: r.Body.Size + 3}) || err != nil {
		t.Errorf("counts %+v, %v", c, err)
	}
	if d, err := s.Depth(t.Context(), noon); err != nil || d.Held != 1 || d.Bytes != r.Body.Size+3+4 {
		t.Errorf("depth %+v, %v", d, err)
	}
}

func shut(t *testing.T, s queue.Store) {
	t.Helper()
	if c, ok := s.(interface{ Close() error }); ok {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func cancelled(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Insert(ctx, Row(1, "a", noon)); !errors.Is(err, context.Canceled) {
		t.Errorf("insert: %v", err)
	}
	insert(t, s, Row(2, "a", noon))
	if err := s.Delete(ctx, "id00002", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	want(t, "after it", lease(t, s, noon, 9), "id00002")
	if err := s.Delete(t.Context(), "id00002", 1); err != nil {
		t.Error(err)
	}
}

func twoOfAnID(t *testing.T, open func(*testing.T) queue.Store) {
	s := open(t)
	insert(t, s, Row(1, "a", noon))
	second := Row(1, "b", noon)
	second.Data = []byte("second")
	if err := s.Insert(t.Context(), second); err == nil {
		t.Error("a second row took the first one's place")
	}
	got, err := s.Get(t.Context(), "id00001")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the first", got, Row(1, "a", noon))
}
