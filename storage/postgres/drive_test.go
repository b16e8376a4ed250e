package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/drive/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/storage/postgres/pgtest"
)

func TestDrive(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			all := &engines{isolation: isolation}
			storagetest.Store(t, func(t testing.TB, now func() time.Time) *storagetest.Engine {
				x, _ := all.take(t)
				x.o.Now = now
				return driveOf(t, x)
			})
		})
	}
}

func driveOf(t testing.TB, x *engine) *storagetest.Engine {
	return &storagetest.Engine{
		Store: x.Drive(), Index: x.Index(), Check: func(t testing.TB) { checkRows(t, x.DB) },
		Reopen: func() *storagetest.Engine {
			x.reopen(t)
			return driveOf(t, x)
		},
	}
}

// wish grants one, or ends the test.
func wish(t testing.TB, d *DB, o drive.Owner, w drive.Wish) drive.Done {
	t.Helper()
	done, err := d.Drive().Apply(context.Background(), o, w)
	if err != nil {
		t.Fatalf("%T: %v", w, err)
	}
	return done
}

// small are objects that come whole, of so many octets each.
func small(n int, size int64) (b drive.Bring) {
	for range n {
		x := drive.Whole{ID: drive.NewID()}
		x.Part.Blob.Size = size
		rand.Read(x.Part.Blob.ID[:])
		rand.Read(x.Part.Sum[:])
		b.Whole = append(b.Whole, x)
	}
	return b
}

func soon() time.Time { return time.Now().Add(time.Hour) }

// link makes a link to a new object.
func link(t testing.TB, d *DB, o drive.Owner, most int64) drive.Link {
	t.Helper()
	x := wish(t, d, o, small(1, 1)).Objects[0]
	return wish(t, d, o, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: soon(), Most: most}}).Link
}

// nodes are some on one database.
func nodes(t testing.TB, n int, isolation string) (all []*DB) {
	t.Helper()
	database := pgtest.Take(t)
	for range n {
		d := openAt(t, database, Options{Isolation: isolation, Connections: 4})
		t.Cleanup(func() { d.Close() })
		all = append(all, d)
	}
	return all
}

// together runs something times at once on nodes, and counts what succeeded; all else must
// fail with one of some errors.
func together(t *testing.T, all []*DB, times int, do func(d *DB, i int) error, refusals ...error) int {
	t.Helper()
	var done atomic.Int64
	var busy sync.WaitGroup
	for i := range times {
		busy.Go(func() {
			err := do(all[i%len(all)], i)
			if err == nil {
				done.Add(1)
			} else if !slices.ContainsFunc(refusals, func(no error) bool { return errors.Is(err, no) }) {
				t.Error(err)
			}
		})
	}
	busy.Wait()
	return int(done.Load())
}

// Many nodes bring mail and files of one owner at the edge of the quota, fetch by one link,
// and bring by one request: what is granted is exactly what was allowed.
func TestDriveNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			all := nodes(t, 3, isolation)
			inbox, _ := begin(t, all[0], "o")
			l := link(t, all[0], "o", 7)
			won := together(t, all, 24, func(d *DB, _ int) error {
				_, err := d.Drive().Apply(context.Background(), "o", drive.Download{Link: l.ID})
				return err
			}, drive.ErrNone)
			if got, err := all[1].Drive().Link(t.Context(), l.ID); err != nil || won != 7 || got.Count != 7 || len(got.Used) != 7 {
				t.Errorf("%d downloads of 7: %+v, %v", won, got, err)
			}
			q := wish(t, all[0], "o", drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: soon(), MostFiles: 5, MostBytes: 100}}).Request
			won = together(t, all, 18, func(d *DB, _ int) error {
				_, err := d.Drive().Apply(context.Background(), "o", drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1})
				return err
			}, drive.ErrTooMany)
			if got, err := all[2].Drive().Request(t.Context(), q.ID); err != nil || won != 5 || got.Files != 5 || got.Coming != 5 || got.Bytes != 5 {
				t.Errorf("%d came of 5: %+v, %v", won, got, err)
			}
			edge(t, all, inbox)
			checkRows(t, all[1])
		})
	}
}

// edge fills an owner's quota from all sides, then empties it.
func edge(t *testing.T, all []*DB, inbox mailstore.MailboxID) {
	t.Helper()
	const room = 20
	used, err := all[0].Index().Usage(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	quota := used.Bytes + 100*room
	apply(t, all[0], "o", mailstore.SetQuota{Bytes: quota})
	var mu sync.Mutex
	var mine []drive.ID
	won := together(t, all, 3*room, func(d *DB, i int) error {
		id := drive.NewID()
		w := []drive.Wish{drive.Begin{ID: id, Size: 100}, small(2, 50)}[i%2]
		if i%5 == 0 {
			_, err := d.Index().Apply(context.Background(), "o", appends(inbox, 1))
			return err
		}
		done, err := d.Drive().Apply(context.Background(), "o", w)
		mu.Lock()
		defer mu.Unlock()
		for _, o := range append(done.Objects, done.Object) {
			if o.Size > 0 {
				mine = append(mine, o.ID)
			}
		}
		return err
	}, drive.ErrQuota, mailstore.ErrOverQuota)
	full, err := all[1].Index().Usage(t.Context(), "o")
	if err != nil || won != room || full.Bytes != quota {
		t.Errorf("%d were stored of %d, %d octets used of %d, %v", won, room, full.Bytes, quota, err)
	}
	together(t, all, len(mine), func(d *DB, i int) error {
		_, err := d.Drive().Apply(context.Background(), "o", drive.RemoveMany{Objects: []drive.ID{mine[i], mine[(i+1)%len(mine)]}})
		return err
	})
	left, err := all[2].Index().Usage(t.Context(), "o")
	if want := used.Bytes + 100*(left.Messages-used.Messages); err != nil || left.Bytes != want {
		t.Errorf("%d octets are used after the files went, want %d, %v", left.Bytes, want, err)
	}
}

// A connection that breaks at any round trip of a download neither loses nor doubles it.
func TestDriveConnectionCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	begin(t, d, "o")
	l, want := link(t, d, "o", 0), int64(0)
	for _, late := range []bool{false, true} {
		for trip := 1; trip <= 2; trip++ {
			wish(t, d, "o", drive.Download{Link: l.ID}) // a connection that knows the statements
			w.cut(trip, late)
			want += 2
			if done := wish(t, d, "o", drive.Download{Link: l.ID}); done.Link.Count != want {
				t.Errorf("cut at %d (late: %v): %d counted, want %d", trip, late, done.Link.Count, want)
			}
			if got, err := d.Drive().Link(t.Context(), l.ID); err != nil || got.Count != want {
				t.Errorf("cut at %d (late: %v): %d stored, want %d: %v", trip, late, got.Count, want, err)
			}
		}
	}
	if w.done != 4 {
		t.Errorf("%d connections were cut, want 4", w.done)
	}
	checkRows(t, d)
}

// What a wish costs does not depend on how much it is about.
func TestDriveRoundTrips(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	begin(t, d, "o")
	l := link(t, d, "o", 0)
	q := wish(t, d, "o", drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: soon(), MostFiles: 100, MostBytes: 1000}}).Request
	trips := func(what string, want int, wishes ...drive.Wish) {
		t.Helper()
		for i, x := range wishes {
			n := w.count(func() { wish(t, d, "o", x) })
			if i > 0 && n != want { // the first one prepares statements
				t.Errorf("%s: %d round trips, want %d", what, n, want)
			}
		}
	}
	var first drive.Begin
	for i := range 3 {
		x := drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1}
		part := drive.Put{Object: x.ID, Request: q.ID, Part: small(1, 1).Whole[0].Part}
		if i == 0 {
			first = x
			trips("begin", 2, x, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1})
			trips("put", 2, part, part)
			trips("complete", 2, drive.Complete{Object: x.ID, Request: q.ID})
			continue
		}
		trips("begin", 2, drive.Download{Link: l.ID}, x)
		trips("put", 2, drive.Download{Link: l.ID}, part)
		trips("complete", 2, drive.Download{Link: l.ID}, drive.Complete{Object: x.ID, Request: q.ID})
	}
	trips("download", 2, drive.Download{Link: l.ID}, drive.Download{Link: l.ID})
	a, b, c := small(1, 1), small(drive.MaxBatch, 1), small(drive.MaxBatch, 1)
	trips("bring", 2, a, b, c)
	trips("remove", 2, drive.Remove{Object: first.ID}, drive.Remove{Object: a.Whole[0].ID})
	ids := func(b drive.Bring) (m drive.RemoveMany) {
		for _, x := range b.Whole {
			m.Objects = append(m.Objects, x.ID)
		}
		return m
	}
	trips("remove many", 3, ids(b), ids(c))
	checkRows(t, d)
}

// Who waits for an owner's lock holds no connection, so that other owners have theirs.
func TestDriveWaitsWithout(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{Connections: 3})
	defer d.Close()
	begin(t, d, "o")
	begin(t, d, "other")
	release := hold(t, d, "o")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := d.Drive().Apply(context.Background(), "o", small(1, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	for d.queued("o") < 20 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := d.Drive().Apply(ctx, "other", small(1, 1)); err != nil {
		t.Errorf("another owner waits too: %v", err)
	}
	release()
	all.Wait()
	if got, err := d.Drive().Totals(t.Context(), "o"); err != nil || got.Objects != 20 {
		t.Errorf("%+v, %v", got, err)
	}
}

// An owner goes while nodes bring files and boxes: what was granted before is freed, to the
// blob, and nothing is granted afterwards.
func TestForgetUnderLoad(t *testing.T) {
	t.Parallel()
	all := nodes(t, 3, "")
	begin(t, all[0], "o")
	var mu sync.Mutex
	granted := map[filestore.ID]bool{}
	var busy sync.WaitGroup
	bring := func(i int, apply func(d *DB, name string, r filestore.Ref) error, over error) {
		busy.Go(func() {
			for n := 0; ; n++ {
				r := small(1, 1).Whole[0].Part.Blob
				if err := apply(all[i%3], fmt.Sprintf("%d-%d", i, n), r); err != nil {
					if !errors.Is(err, over) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				granted[r.ID] = true
				mu.Unlock()
			}
		})
	}
	for i := range 6 {
		bring(i, func(d *DB, _ string, r filestore.Ref) error {
			whole := drive.Whole{ID: drive.NewID(), Part: drive.Part{Blob: r}}
			_, err := d.Drive().Apply(context.Background(), "o", drive.Bring{Whole: []drive.Whole{whole}})
			return err
		}, drive.ErrNoOwner)
		bring(i, func(d *DB, name string, r filestore.Ref) error {
			w := cabinet.Wish{Place: cabinet.Place{Drawer: "drafts", Name: name}, Blob: &r}
			_, _, err := d.Cabinet().Apply(context.Background(), "o", w)
			return err
		}, mailstore.ErrNoOwner)
	}
	for there := 0; there < 30; time.Sleep(time.Millisecond) {
		mu.Lock()
		there = len(granted)
		mu.Unlock()
	}
	freed := apply(t, all[0], "o", mailstore.Forget{})[0].Freed
	busy.Wait()
	for _, id := range freed {
		if !granted[id] {
			t.Error("a blob was freed twice, or of nobody")
		}
		delete(granted, id)
	}
	if len(granted) > 0 {
		t.Errorf("%d blobs were granted and not freed", len(granted))
	}
	checkRows(t, all[1])
}
