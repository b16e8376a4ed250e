package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// Parts come in any order; the same once more changes nothing, another in its place is
// refused; whole is whole.
func testParts(f *fixture) {
	x := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 2*drive.PartSize + 7}).Object
	last, first, middle := newPart(x, 2), newPart(x, 0), newPart(x, 1)
	f.apply(alice, drive.Put{Object: x.ID, Part: last})
	f.apply(alice, drive.Put{Object: x.ID, Part: first})
	f.refuse(drive.ErrMissing, alice, drive.Complete{Object: x.ID})
	again := newPart(x, 0)
	if d := f.apply(alice, drive.Put{Object: x.ID, Part: again}); !d.Known {
		f.t.Error("the same part is not known")
	}
	again.Sum[5] = 9
	f.refuse(drive.ErrPart, alice, drive.Put{Object: x.ID, Part: again})
	for _, n := range []int{-1, 3, 1 << 30} {
		p := newPart(x, 0)
		p.N = n
		f.refuse(drive.ErrSize, alice, drive.Put{Object: x.ID, Part: p})
	}
	short := newPart(x, 1)
	short.Blob.Size--
	f.refuse(drive.ErrSize, alice, drive.Put{Object: x.ID, Part: short})
	f.apply(alice, drive.Put{Object: x.ID, Part: middle})
	want := []drive.Part{first, middle, last}
	if got, err := f.Parts(f.t.Context(), alice, x.ID, 0, 10); err != nil || !reflect.DeepEqual(got, want) {
		f.t.Errorf("parts are %+v, %v", got, err)
	}
	if got, err := f.Parts(f.t.Context(), alice, x.ID, 1, 1); err != nil || !reflect.DeepEqual(got, want[1:2]) {
		f.t.Errorf("part 1 is %+v, %v", got, err)
	}
	for range 2 {
		if d := f.apply(alice, drive.Complete{Object: x.ID}); !d.Object.Whole {
			f.t.Error("not whole")
		}
	}
	f.refuse(drive.ErrPart, alice, drive.Put{Object: x.ID, Part: again})
	f.refuse(drive.ErrWhole, alice, drive.Complete{Object: x.ID, Head: []byte("x")})
	d := f.apply(alice, drive.Remove{Object: x.ID})
	freed := []filestore.ID{first.Blob.ID, middle.Blob.ID, last.Blob.ID}
	if !slices.Equal(d.Freed, freed) {
		f.t.Errorf("freed %v, want %v", d.Freed, freed)
	}
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: x.ID})
}

// Objects of one part come together: all or none, once more without harm, within the
// room to the byte.
func testBring(f *fixture) {
	small := func(size int64) drive.Whole {
		return drive.Whole{ID: drive.NewID(), Part: newPart(drive.Object{Size: size}, 0)}
	}
	a, b, c := small(100), small(1), small(drive.MaxSmall)
	f.quota(alice, 101+drive.MaxSmall)
	d := f.apply(alice, drive.Bring{Whole: []drive.Whole{a, b}})
	if len(d.Objects) != 2 || d.Objects[0].ID != a.ID || !d.Objects[1].Whole || len(d.Freed) != 0 {
		f.t.Errorf("brought: %+v", d)
	}
	again := a
	rand.Read(again.Part.Blob.ID[:])
	d = f.apply(alice, drive.Bring{Whole: []drive.Whole{again, c}})
	if !slices.Equal(d.Freed, []filestore.ID{again.Part.Blob.ID}) || len(d.Objects) != 2 || d.Objects[0].ID != a.ID {
		f.t.Errorf("brought again: %+v", d)
	}
	if got, err := f.Parts(f.t.Context(), alice, a.ID, 0, 9); err != nil || !reflect.DeepEqual(got, []drive.Part{a.Part}) {
		f.t.Errorf("parts are %+v, %v", got, err)
	}
	f.refuse(drive.ErrQuota, alice, drive.Bring{Whole: []drive.Whole{a, small(1)}})
	f.quota(alice, 102+drive.MaxSmall)
	f.refuse(drive.ErrQuota, alice, drive.Bring{Whole: []drive.Whole{small(1), small(1)}})
	f.quota(alice, 0)
	again.Part.Sum[9]++
	f.refuse(drive.ErrPart, alice, drive.Bring{Whole: []drive.Whole{small(5), again}})
	f.refuse(drive.ErrSize, alice, drive.Bring{Whole: []drive.Whole{small(5), small(drive.MaxSmall + 1)}})
	f.refuse(drive.ErrSize, alice, drive.Bring{})
	twice := small(7)
	f.refuse(drive.ErrPart, alice, drive.Bring{Whole: []drive.Whole{twice, twice}})
	open := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 5}).Object
	f.refuse(drive.ErrPart, alice, drive.Bring{Whole: []drive.Whole{{ID: open.ID, Part: newPart(open, 0)}}})
	f.refuse(drive.ErrNoOwner, "nobody", drive.Bring{Whole: []drive.Whole{small(1)}})
	f.apply(bob, drive.Bring{Whole: []drive.Whole{{ID: a.ID, Part: newPart(drive.Object{Size: 3}, 0)}}}) // another's id is nobody's
	if d := f.apply(alice, drive.Remove{Object: c.ID}); !slices.Equal(d.Freed, []filestore.ID{c.Part.Blob.ID}) {
		f.t.Errorf("freed %v", d.Freed)
	}
}

// Many go at once, with their links and with what they took of requests, exactly; what is
// another's, went before or never was makes no difference; and one wish frees a bounded
// number of parts.
func testRemoveMany(f *fixture) {
	q := f.apply(alice, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: f.in(time.Hour), MostFiles: 9, MostBytes: 1000}}).Request
	a, b, large := f.whole(alice, 100), f.whole(alice, drive.PartSize+1), f.whole(alice, 1)
	mine := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 7}).Object
	first := f.apply(alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 8}).Object
	second := f.apply(alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 9}).Object
	his := f.whole(bob, 50)
	for _, x := range []drive.Object{a, a, b} {
		f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}})
	}
	d := f.apply(alice, drive.RemoveMany{Objects: []drive.ID{his.ID, a.ID, drive.NewID(), b.ID, a.ID, mine.ID, first.ID, second.ID}})
	if len(d.Freed) != 3 || len(d.Later) != 0 {
		f.t.Errorf("removed many: %+v", d)
	}
	if got := f.state()[alice]; got.Totals != (drive.Totals{Objects: 1, Requests: 1, Bytes: 1}) || got.Usage.Bytes != 1 || got.Requests[0].Files+got.Requests[0].Bytes+got.Requests[0].Coming != 0 {
		f.t.Errorf("left are %+v", got)
	}
	before := f.state()
	if d := f.apply(alice, drive.RemoveMany{Objects: []drive.ID{a.ID, his.ID}}); len(d.Freed)+len(d.Later) != 0 || !reflect.DeepEqual(before, f.state()) {
		f.t.Errorf("once more: %+v", d)
	}
	f.refuse(drive.ErrSize, alice, drive.RemoveMany{})
	f.refuse(drive.ErrSize, alice, drive.RemoveMany{Objects: make([]drive.ID, drive.MaxBatch+1)})
	f.refuse(drive.ErrNoOwner, "nobody", drive.RemoveMany{Objects: []drive.ID{a.ID}})
	huge := []drive.ID{large.ID}
	for range 3 {
		huge = append(huge, f.apply(alice, drive.Begin{ID: drive.NewID(), Size: (drive.MaxFreed - 1) * drive.PartSize}).Object.ID)
	}
	for n := range 3 {
		if d := f.apply(alice, drive.RemoveMany{Objects: huge}); !slices.Equal(d.Later, huge[min(2+n, 4):]) {
			f.t.Errorf("later are %v of %v", d.Later, huge)
		}
	}
}

func testRefusals(f *fixture) {
	for _, size := range []int64{0, -1, drive.MaxSize + 1} {
		f.refuse(drive.ErrSize, alice, drive.Begin{ID: drive.NewID(), Size: size})
	}
	f.refuse(drive.ErrNoOwner, "nobody", drive.Begin{ID: drive.NewID(), Size: 1})
	f.refuse(drive.ErrNone, alice, drive.Begin{ID: drive.NewID(), Request: drive.NewID(), Size: 1})
	f.refuse(drive.ErrNone, alice, drive.Complete{Object: drive.NewID()})
	f.refuse(drive.ErrNone, alice, drive.Put{Object: drive.NewID(), Part: drive.Part{Blob: filestore.Ref{Size: 1}}})
	x := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 1}).Object
	f.refuse(drive.ErrNone, alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}})
	f.refuse(drive.ErrTooLarge, alice, drive.Complete{Object: x.ID, Head: make([]byte, drive.MaxBox+1)})
	for range 255 {
		f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 1})
	}
	f.refuse(drive.ErrTooMany, alice, drive.Begin{ID: drive.NewID(), Size: 1})
}

// D13: the room is given exactly, to files and mail alike.
func testQuota(f *fixture) {
	f.quota(alice, 1000)
	f.whole(alice, 400)
	f.refuse(drive.ErrQuota, alice, drive.Begin{ID: drive.NewID(), Size: 601})
	box := []mailstore.Change{mailstore.Create{Name: "INBOX"}}
	events, err := f.Index.Apply(f.t.Context(), mailstore.Owner(alice), box)
	if err != nil {
		f.t.Fatal(err)
	}
	mail := mailstore.Append{Box: events[0].Box, Mail: mailstore.Mail{Letters: []mailstore.Stored{{Kind: 1, Ref: filestore.Ref{ID: filestore.ID{1}, Size: 601}}}}, Size: 1}
	if _, err := f.Index.Apply(f.t.Context(), mailstore.Owner(alice), []mailstore.Change{mail}); !errors.Is(err, mailstore.ErrOverQuota) {
		f.t.Errorf("a mail over the room that files left: %v", err)
	}
	won := f.race(64, drive.ErrQuota, func() error {
		_, err := f.Apply(f.t.Context(), alice, drive.Begin{ID: drive.NewID(), Size: 100})
		return err
	})
	if won != 6 {
		f.t.Errorf("%d began, and there was room for 6", won)
	}
	f.quota(alice, 1)
	f.refuse(drive.ErrQuota, alice, drive.Begin{ID: drive.NewID(), Size: 1})
	f.quota(alice, 0)
	f.whole(alice, 5000)
}

// D12: what is another's is not there.
func testWalls(f *fixture) {
	x := f.whole(alice, 10)
	on := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 10}).Object
	l := f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}}).Link
	q := f.apply(alice, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: f.in(time.Hour), MostFiles: 1, MostBytes: 10}}).Request
	when, most := f.in(2*time.Hour), int64(1)
	for _, w := range []drive.Wish{
		drive.Put{Object: on.ID, Part: newPart(on, 0)}, drive.Complete{Object: on.ID}, drive.Remove{Object: x.ID}, drive.Take{Object: x.ID},
		drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}},
		drive.ChangeLink{ID: l.ID, Most: &most}, drive.ChangeLink{ID: l.ID, Killed: true}, drive.RemoveLink{ID: l.ID}, drive.Download{Link: l.ID},
		drive.ChangeRequest{ID: q.ID, Expires: &when}, drive.RemoveRequest{ID: q.ID}, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1},
	} {
		f.refuse(drive.ErrNone, bob, w)
	}
	if _, err := f.Object(f.t.Context(), bob, x.ID); !errors.Is(err, drive.ErrNone) {
		f.t.Errorf("bob sees alice's: %v", err)
	}
	if got, err := f.Parts(f.t.Context(), bob, x.ID, 0, 10); err != nil || len(got) != 0 {
		f.t.Errorf("bob sees alice's parts: %v, %v", got, err)
	}
}

func testLeft(f *fixture) {
	old := f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 2 * drive.PartSize}).Object
	f.apply(alice, drive.Put{Object: old.ID, Part: newPart(old, 1)})
	f.pass(time.Hour)
	busy := f.apply(bob, drive.Begin{ID: drive.NewID(), Size: 2 * drive.PartSize}).Object
	f.whole(bob, 5)
	f.pass(time.Hour)
	f.apply(bob, drive.Put{Object: busy.ID, Part: newPart(busy, 0)})
	before := f.in(-time.Minute)
	got, err := f.Left(f.t.Context(), before)
	if want := []drive.Left{{Owner: alice, Object: old.ID}}; err != nil || !slices.Equal(got, want) {
		f.t.Errorf("left are %+v, %v", got, err)
	}
	f.refuse(drive.ErrNone, bob, drive.Remove{Object: busy.ID, Before: before})
	if d := f.apply(alice, drive.Remove{Object: old.ID, Before: before}); len(d.Freed) != 1 {
		f.t.Errorf("freed %v", d.Freed)
	}
}

// Forget takes the files along, says which blobs it freed, and leaves no link.
func testForget(f *fixture) {
	x := f.whole(alice, drive.PartSize+1)
	l := f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}}).Link
	q := f.apply(alice, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: f.in(time.Hour), MostFiles: 1, MostBytes: 10}}).Request
	stays := f.whole(bob, 10)
	events, err := f.Index.Apply(f.t.Context(), mailstore.Owner(alice), []mailstore.Change{mailstore.Forget{}})
	if err != nil || len(events[0].Freed) != 2 {
		f.t.Errorf("freed %+v, %v", events, err)
	}
	f.refuse(drive.ErrNoOwner, alice, drive.Begin{ID: drive.NewID(), Size: 1})
	f.quota(alice, 0)
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: x.ID})
	if _, err := f.Link(f.t.Context(), l.ID); !errors.Is(err, drive.ErrNone) {
		f.t.Errorf("the link of who is gone: %v", err)
	}
	if _, err := f.Request(f.t.Context(), q.ID); !errors.Is(err, drive.ErrNone) {
		f.t.Errorf("the request of who is gone: %v", err)
	}
	if _, err := f.Object(f.t.Context(), bob, stays.ID); err != nil {
		f.t.Errorf("bob's: %v", err)
	}
}

func testDurable(f *fixture) {
	if f.Reopen == nil {
		return
	}
	x := f.whole(alice, drive.PartSize+1)
	f.apply(alice, drive.Begin{ID: drive.NewID(), Size: 5})
	l := f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Box: []byte("b"), KDF: []byte("k"), Check: make([]byte, 32), Expires: f.in(time.Hour), Most: 5}}).Link
	f.apply(alice, drive.Download{Link: l.ID})
	f.apply(alice, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Box: []byte("r"), Expires: f.in(time.Hour), MostFiles: 1, MostBytes: 10}})
	before := f.state()
	f.Engine = f.Reopen()
	if after := f.state(); !reflect.DeepEqual(before, after) {
		f.t.Errorf("before %+v\nafter  %+v", before, after)
	}
}

func testPages(f *fixture) {
	want := map[drive.ID]bool{}
	for range 25 {
		want[f.whole(alice, 1).ID] = true
	}
	f.whole(bob, 1)
	var last drive.ID
	for n := 0; n < 3; n++ {
		some, err := f.Objects(f.t.Context(), alice, last, 10, false)
		if err != nil || len(some) != min(10, 25-10*n) {
			f.t.Fatalf("page %d has %d, %v", n, len(some), err)
		}
		for _, x := range some {
			if !want[x.ID] || slices.Compare(x.ID[:], last[:]) <= 0 {
				f.t.Errorf("%s after %s", x.ID, last)
			}
			delete(want, x.ID)
			last = x.ID
		}
	}
	if len(want) != 0 {
		f.t.Errorf("%d were not listed", len(want))
	}
}

func testCancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.t.Context())
	cancel()
	if _, err := f.Apply(ctx, alice, drive.Begin{ID: drive.NewID(), Size: 1}); !errors.Is(err, context.Canceled) {
		f.t.Errorf("apply: %v", err)
	}
	if _, err := f.Link(ctx, drive.NewID()); !errors.Is(err, context.Canceled) {
		f.t.Errorf("link: %v", err)
	}
}
