package storagetest

import (
	"errors"
	"slices"
	"time"

	"sealpost/filestore/drive"
)

func testLinks(f *fixture) {
	x := f.whole(alice, 10)
	l := drive.Link{ID: drive.NewID(), Object: x.ID, Box: []byte("box"), Expires: f.in(time.Hour), Most: 2}
	for _, bad := range []struct {
		want error
		edit func(*drive.Link)
	}{
		{drive.ErrTooLarge, func(l *drive.Link) { l.Box = make([]byte, drive.MaxBox+1) }},
		{drive.ErrTooLarge, func(l *drive.Link) { l.KDF = make([]byte, 257) }},
		{drive.ErrTooLarge, func(l *drive.Link) { l.Check = make([]byte, 31) }},
		{drive.ErrLimit, func(l *drive.Link) { l.Most = -1 }},
		{drive.ErrLimit, func(l *drive.Link) { l.Expires = f.now() }},
		{drive.ErrNone, func(l *drive.Link) { l.Object = drive.NewID() }},
	} {
		wrong := l
		bad.edit(&wrong)
		f.refuse(bad.want, alice, drive.AddLink{Link: wrong})
	}
	f.apply(alice, drive.AddLink{Link: l})
	later, more, none := f.in(3*time.Hour), int64(5), int64(-1)
	f.refuse(drive.ErrLimit, alice, drive.ChangeLink{ID: l.ID, Most: &none})
	if d := f.apply(alice, drive.ChangeLink{ID: l.ID, Expires: &later, Most: &more}); !d.Link.Expires.Equal(later) || d.Link.Most != 5 || string(d.Link.Box) != "box" {
		f.t.Errorf("changed to %+v", d.Link)
	}
	f.apply(alice, drive.ChangeLink{ID: l.ID, Revoke: true})
	if d := f.apply(alice, drive.ChangeLink{ID: l.ID, Most: &more}); !d.Link.Revoked {
		f.t.Error("what was revoked is open again")
	}
	f.refuse(drive.ErrNone, alice, drive.Download{Link: l.ID})
	f.apply(alice, drive.RemoveLink{ID: l.ID})
	f.refuse(drive.ErrNone, alice, drive.RemoveLink{ID: l.ID})
	other := drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}
	f.apply(alice, drive.AddLink{Link: other})
	f.apply(alice, drive.Remove{Object: x.ID}) // its link goes along: check finds one to nothing
}

// No more downloads than a link allows, however many ask at once.
func testDownloads(f *fixture) {
	x := f.whole(alice, 10)
	l := f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour), Most: 3}}).Link
	won := f.race(64, drive.ErrNone, func() error {
		_, err := f.Apply(f.t.Context(), alice, drive.Download{Link: l.ID})
		return err
	})
	if got, err := f.Link(f.t.Context(), l.ID); won != 3 || err != nil || got.Count != 3 || len(got.Used) != 3 || !got.Used[0].Equal(f.now()) {
		f.t.Errorf("%d downloads of 3, %+v, %v", won, got, err)
	}
	free := f.apply(alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: x.ID, Expires: f.in(time.Hour)}}).Link
	for range 60 {
		free = f.apply(alice, drive.Download{Link: free.ID}).Link
	}
	if free.Count != 60 || len(free.Used) != 50 {
		f.t.Errorf("%d counted, %d times kept", free.Count, len(free.Used))
	}
	f.pass(time.Hour)
	f.refuse(drive.ErrNone, alice, drive.Download{Link: free.ID})
}

// A request takes what it allows, and gives back what never came.
func testRequests(f *fixture) {
	q := drive.Request{ID: drive.NewID(), Box: []byte("words"), Expires: f.in(time.Hour), MostFiles: 2, MostBytes: 100}
	for _, bad := range []func(*drive.Request){
		func(q *drive.Request) { q.MostFiles = 0 }, func(q *drive.Request) { q.MostFiles = 10_001 }, func(q *drive.Request) { q.MostBytes = 0 },
		func(q *drive.Request) { q.MostBytes = drive.MaxSize + 1 }, func(q *drive.Request) { q.Expires = f.now() },
	} {
		wrong := q
		bad(&wrong)
		f.refuse(drive.ErrLimit, alice, drive.AddRequest{Request: wrong})
	}
	f.apply(alice, drive.AddRequest{Request: q})
	f.refuse(drive.ErrSize, alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 101})
	won := f.race(32, drive.ErrTooMany, func() error {
		_, err := f.Apply(f.t.Context(), alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 40})
		return err
	})
	if won != 2 {
		f.t.Errorf("%d began, 2 were allowed", won)
	}
	some, _ := f.Objects(f.t.Context(), alice, drive.ID{}, 10, false)
	a, b := some[0], some[1]
	for _, x := range some { // its owner has no hand in it before it is whole, nor has another request
		f.refuse(drive.ErrNone, alice, drive.Put{Object: x.ID, Part: newPart(x, 0)})
		f.refuse(drive.ErrNone, alice, drive.Put{Object: x.ID, Request: drive.NewID(), Part: newPart(x, 0)})
		f.refuse(drive.ErrNone, alice, drive.Take{Object: x.ID})
	}
	f.apply(alice, drive.Put{Object: a.ID, Request: q.ID, Part: newPart(a, 0)})
	f.apply(alice, drive.Complete{Object: a.ID, Request: q.ID, Head: []byte("head")})
	f.refuse(drive.ErrNone, alice, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: a.ID, Expires: f.in(time.Hour)}})
	if came, err := f.Objects(f.t.Context(), alice, drive.ID{}, 10, true); err != nil || len(came) != 1 || came[0].ID != a.ID || string(came[0].Head) != "head" {
		f.t.Errorf("came %+v, %v", came, err)
	}
	f.apply(alice, drive.Remove{Object: b.ID})
	if got, err := f.Request(f.t.Context(), q.ID); err != nil || got.Files != 1 || got.Bytes != 40 {
		f.t.Errorf("after one was given up: %+v, %v", got, err)
	}
	if d := f.apply(alice, drive.Take{Object: a.ID}); d.Object.Request != (drive.ID{}) || d.Object.Head != nil {
		f.t.Errorf("taken over: %+v", d.Object)
	}
	if came, err := f.Objects(f.t.Context(), alice, drive.ID{}, 10, true); err != nil || len(came) != 0 {
		f.t.Errorf("still waiting: %+v, %v", came, err)
	}
	c := f.apply(alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 40}).Object
	f.pass(time.Hour)
	f.refuse(drive.ErrNone, alice, drive.Put{Object: c.ID, Request: q.ID, Part: newPart(c, 0)})
	f.refuse(drive.ErrNone, alice, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1})
	f.apply(alice, drive.RemoveRequest{ID: q.ID})
	f.apply(alice, drive.Remove{Object: c.ID})
}

// D12: what is refused to a stranger says no more of the room that is left than in which
// step it is, in whatever sizes, and however many, he declares; and who has one request
// takes no place from those who have another.
func testAsked(f *fixture) {
	const mib = 1 << 20
	ask := func(most int64) drive.ID {
		return f.apply(alice, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: f.in(time.Hour), MostFiles: 100, MostBytes: most}}).Request.ID
	}
	took := func(room int64) (all []int64) {
		f.quota(alice, room)
		q := ask(4096 * mib)
		for size := int64(4096 * mib); size > 0; size /= 2 { // what a stranger would do to find it
			if w := (drive.Begin{ID: drive.NewID(), Request: q, Size: size}); len(all) < 16 {
				if d, err := f.Apply(f.t.Context(), alice, w); err == nil {
					all = append(all, size)
					defer f.apply(alice, drive.Remove{Object: d.Object.ID})
				} else if !errors.Is(err, drive.ErrQuota) && !errors.Is(err, drive.ErrSize) {
					f.t.Errorf("%d octets: %v", size, err)
				}
			}
		}
		return all
	}
	for _, rooms := range [][]int64{{1, 1000, 64*mib - 1}, {64 * mib, 100 * mib, 128*mib - 1}, {1024 * mib, 1025 * mib, 2000 * mib}, {4096 * mib, 4097 * mib}} {
		want := took(rooms[0])
		for _, room := range rooms[1:] {
			if got := took(room); !slices.Equal(got, want) {
				f.t.Errorf("%d octets of room are told from %d: %v, %v", room, rooms[0], got, want)
			}
		}
	}
	f.quota(alice, 64*mib)
	f.apply(alice, drive.Begin{ID: drive.NewID(), Request: ask(1000), Size: 1000}) // all that it takes has room
	f.quota(alice, 0)
	one, other := ask(1000), ask(1000)
	first := f.apply(alice, drive.Begin{ID: drive.NewID(), Request: one, Size: 1}).Object
	for range 15 {
		f.apply(alice, drive.Begin{ID: drive.NewID(), Request: one, Size: 1})
	}
	f.refuse(drive.ErrTooMany, alice, drive.Begin{ID: drive.NewID(), Request: one, Size: 1})
	f.apply(alice, drive.Begin{ID: drive.NewID(), Request: other, Size: 1})
	f.apply(alice, drive.Put{Object: first.ID, Request: one, Part: newPart(first, 0)})
	f.apply(alice, drive.Complete{Object: first.ID, Request: one})
	f.apply(alice, drive.Begin{ID: drive.NewID(), Request: one, Size: 1})
}
