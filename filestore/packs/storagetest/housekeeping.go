package storagetest

import (
	"errors"
	"slices"
	"time"

	"sealpost/filestore/packs"
)

const hour = time.Hour

// doomed asks which objects may go by now.
func (r *rig) doomed(token packs.Token, before time.Time) []packs.Key {
	r.Helper()
	list, err := r.x.Doom(r.Context(), token, before, 100)
	r.must(err)
	return keys(list)
}

func doom(r *rig) {
	token := r.lease()
	o, entries := r.add(2)
	r.must(r.x.Delete(r.Context(), noon, ids(entries[:1])))
	if got := r.doomed(token, noon.Add(9*hour)); len(got) != 0 {
		r.Error("an object was doomed while a blob lives in it")
	}
	r.must(r.x.Delete(r.Context(), noon.Add(hour), ids(entries[1:])))
	if got := r.doomed(token, noon.Add(hour)); len(got) != 0 {
		r.Error("an object was doomed before the grace of its last blob was over")
	}
	if got := r.doomed(token, noon.Add(hour+time.Second)); !slices.Equal(got, []packs.Key{o.Key}) {
		r.Errorf("doomed are %v", got)
	}
	if got := r.doomed(token, noon); !slices.Equal(got, []packs.Key{o.Key}) {
		r.Error("what was doomed must be given out until it is forgotten")
	}
	if list, err := r.x.Doom(r.Context(), token, noon, 0); err != nil || len(list) != 0 {
		r.Errorf("more were given out than were asked for: %v, %v", list, err)
	}
}

// retire moves what is in an object elsewhere.
func (r *rig) retire(token packs.Token, at time.Time, from packs.Object, entries []packs.Entry) (packs.Object, []packs.Entry) {
	r.Helper()
	to, _ := object(0)
	moved := slices.Clone(entries)
	to.Content = int64(len(moved)) * 100
	for i := range moved {
		moved[i].Key, moved[i].Off = to.Key, int64(i)*120+7
	}
	r.must(r.x.Move(r.Context(), token, at, at, []packs.Key{from.Key}, to, moved))
	return to, moved
}

func doomRetired(r *rig) {
	token := r.lease()
	o, entries := r.add(2)
	r.retire(token, noon.Add(hour), o, entries)
	if got := r.doomed(token, noon.Add(hour)); len(got) != 0 {
		r.Error("a retired object was doomed before its grace was over")
	}
	if got := r.doomed(token, noon.Add(2*hour)); !slices.Equal(got, []packs.Key{o.Key}) {
		r.Errorf("doomed are %v", got)
	}
}

func doomAndForget(r *rig) {
	token := r.lease()
	o, entries := r.add(2)
	p, others := r.add(1)
	r.must(r.x.Delete(r.Context(), noon, ids(entries)))
	r.must(r.x.Forget(r.Context(), token, []packs.Key{o.Key, p.Key}))
	if list, err := r.x.Lookup(r.Context(), []packs.Key{o.Key, p.Key}); err != nil || len(list) != 2 {
		r.Errorf("objects were forgotten that were not doomed: %v, %v", list, err)
	}
	r.doomed(token, noon.Add(hour))
	for range 2 {
		r.must(r.x.Forget(r.Context(), token, []packs.Key{o.Key}))
	}
	if list, err := r.x.Lookup(r.Context(), []packs.Key{o.Key}); err != nil || len(list) != 0 {
		r.Errorf("a forgotten object is there: %v, %v", list, err)
	}
	if list, err := r.x.Entries(r.Context(), o.Key); err != nil || len(list) != 0 {
		r.Errorf("blobs of a forgotten object are there: %v, %v", list, err)
	}
	r.check(p, others, true)
}

func loose(r *rig) {
	token := r.lease()
	size := func(n int64) func(*packs.Object) { return func(o *packs.Object) { o.Size = n } }
	half, entries := r.add(5, size(600))
	r.must(r.x.Delete(r.Context(), noon, ids(entries[:3])))
	small, _ := r.add(1, size(200))
	r.add(4, size(600))                                              // full
	r.add(1, size(9000))                                             // not a pack
	r.add(1, size(150), func(o *packs.Object) { o.Short = true })    // to be repaired first
	r.add(1, func(o *packs.Object) { o.Made = noon.Add(30 * hour) }) // too young
	old, gone := r.add(1)
	r.retire(token, noon, old, gone)
	dead, gone := r.add(1) // is for Doom
	r.must(r.x.Delete(r.Context(), noon, ids(gone)))
	q := packs.Loose{Deleted: noon.Add(hour), Made: noon.Add(20 * hour), Share: 0.5, Small: 300, Largest: 8000, Limit: 10}
	list, err := r.x.Loose(r.Context(), q)
	r.must(err)
	var got []packs.Key
	for _, l := range list {
		got = append(got, l.Key)
		if l.Key == half.Key && l.Octets != 200 {
			r.Errorf("%d octets live in an object, want 200", l.Octets)
		}
	}
	if !slices.Equal(got, []packs.Key{small.Key, half.Key}) {
		r.Errorf("loose are %v, want %v, %v; the dead one is %v", got, small.Key, half.Key, dead.Key)
	}
	q.Share, q.Stale = 0, noon.Add(time.Second)
	if list, err = r.x.Loose(r.Context(), q); err != nil || !slices.ContainsFunc(list, func(l packs.Living) bool { return l.Key == half.Key && l.Stale }) {
		r.Errorf("a blob that was deleted long ago is left where it is: %v, %v", list, err)
	}
	q.Deleted, q.Share, q.Stale = noon, 0.5, noon
	if list, err = r.x.Loose(r.Context(), q); err != nil || slices.ContainsFunc(list, func(l packs.Living) bool { return l.Key == half.Key }) {
		r.Errorf("blobs count as gone before their grace is over: %v, %v", list, err)
	}
	q.Limit = 1
	if list, err = r.x.Loose(r.Context(), q); err != nil || len(list) != 1 {
		r.Errorf("%d were asked for, got %v, %v", 1, list, err)
	}
}

func move(r *rig) {
	token := r.lease()
	one, ones := r.add(3)
	two, twos := r.add(2)
	r.must(r.x.Delete(r.Context(), noon, ids(ones[:1])))
	to, _ := object(0)
	moved := []packs.Entry{ones[1], ones[2], twos[0], twos[1]}
	for i := range moved {
		moved[i].Key, moved[i].Off = to.Key, int64(i)*110
	}
	unknown := packs.Entry{ID: newID(), Key: to.Key, Off: 900, Size: 3, Stored: noon}
	at := noon.Add(2 * hour)
	r.must(r.x.Move(r.Context(), token, at, noon.Add(hour), []packs.Key{one.Key, two.Key}, to, append(moved, unknown)))
	r.check(to, moved, true)
	r.check(to, []packs.Entry{unknown, ones[0]}, false)
	list, err := r.x.Lookup(r.Context(), []packs.Key{one.Key, two.Key})
	r.must(err)
	for _, o := range list {
		if !o.Retired.Equal(at) {
			r.Errorf("what was moved from is retired at %v, want %v", o.Retired, at)
		}
		if left, err := r.x.Entries(r.Context(), o.Key); err != nil || len(left) != 0 {
			r.Errorf("left behind: %v, %v", left, err)
		}
	}
	if len(list) != 2 {
		r.Errorf("%d of 2 objects are left after the move", len(list))
	}
}

// moveKeepsDeletion: a blob that is deleted while it is being moved stays deleted, and since
// when.
func moveKeepsDeletion(r *rig) {
	token := r.lease()
	o, entries := r.add(2)
	r.must(r.x.Delete(r.Context(), noon, ids(entries[:1])))
	to, moved := r.retire(token, noon.Add(hour), o, entries) // which do not say so
	r.check(to, moved[:1], false)
	r.check(to, moved[1:], true)
	all, err := r.x.Entries(r.Context(), to.Key)
	r.must(err)
	moved[0].Deleted = noon
	if !slices.EqualFunc(all, moved, sameEntry) {
		r.Errorf("entries are %+v, want %+v", all, moved)
	}
}

func moveLosesNothing(r *rig) {
	token := r.lease()
	o, entries := r.add(3)
	r.must(r.x.Delete(r.Context(), noon.Add(hour), ids(entries[2:])))
	for _, moved := range [][]packs.Entry{entries[1:], entries[:2]} { // a living one is missing, one in its grace
		to, _ := object(0)
		err := r.x.Move(r.Context(), token, noon.Add(hour), noon.Add(hour), []packs.Key{o.Key}, to, moved)
		if !errors.Is(err, packs.ErrChanged) {
			r.Errorf("Move = %v", err)
		}
		r.check(o, entries[:2], true)
		if list, err := r.x.Lookup(r.Context(), []packs.Key{to.Key}); err != nil || len(list) != 0 {
			r.Errorf("a move that failed left its object: %v, %v", list, err)
		}
	}
}

func notes(r *rig) {
	short := func(o *packs.Object) { o.Short = true }
	one, _ := r.add(1, short)
	two, _ := r.add(1)
	r.add(1)
	r.must(r.x.Note(r.Context(), []packs.Key{two.Key, packs.Key(newID())}))
	want := []packs.Key{one.Key, two.Key}
	slices.SortFunc(want, func(a, b packs.Key) int { return slices.Compare(a[:], b[:]) })
	list, err := r.x.Noted(r.Context(), packs.Key{}, 10)
	r.must(err)
	if got := keys(list); !slices.Equal(got, want) {
		r.Errorf("noted are %v, want %v", got, want)
	}
	if list, err = r.x.Noted(r.Context(), want[0], 10); err != nil || !slices.Equal(keys(list), want[1:]) {
		r.Errorf("noted after the first are %v, %v", keys(list), err)
	}
	if list, err = r.x.Noted(r.Context(), packs.Key{}, 1); err != nil || !slices.Equal(keys(list), want[:1]) {
		r.Errorf("one was asked for: %v, %v", keys(list), err)
	}
}

func copies(r *rig) {
	token := r.lease()
	o, entries := r.add(1, func(o *packs.Object) { o.Short, o.Copies = true, []string{"east"} })
	r.must(r.x.SetCopies(r.Context(), token, noon.Add(hour), o.Key, []string{"west", "east"}, false))
	o.Copies, o.Short, o.Changed = []string{"east", "west"}, false, noon.Add(hour)
	r.check(o, entries, true)
	r.must(r.x.SetCopies(r.Context(), token, noon, packs.Key(newID()), []string{"west"}, false))
}

func jobs(r *rig) {
	token := r.lease()
	if at, err := r.x.LastDone(r.Context(), "sweep"); err != nil || !at.IsZero() {
		r.Errorf("a job that was never done: %v, %v", at, err)
	}
	for i := range 2 {
		r.must(r.x.Done(r.Context(), token, "sweep", noon.Add(time.Duration(i)*hour)))
	}
	if at, err := r.x.LastDone(r.Context(), "sweep"); err != nil || !at.Equal(noon.Add(hour)) {
		r.Errorf("last done at %v, %v", at, err)
	}
}

func lease(r *rig) {
	token := r.lease()
	if _, err := r.l.Lease(r.Context(), hour); !errors.Is(err, packs.ErrHeld) {
		r.Errorf("a held lease: %v", err)
	}
	r.must(r.l.Renew(r.Context(), token, time.Millisecond))
	time.Sleep(50 * time.Millisecond)
	next := r.lease()
	if next <= token {
		r.Errorf("token %d follows %d", next, token)
	}
	if err := r.l.Renew(r.Context(), token, hour); !errors.Is(err, packs.ErrFenced) {
		r.Errorf("renewing a lease that has passed on: %v", err)
	}
	r.must(r.l.Release(r.Context(), token)) // which is not the one that is held
	if _, err := r.l.Lease(r.Context(), hour); !errors.Is(err, packs.ErrHeld) {
		r.Errorf("after somebody else's release: %v", err)
	}
	r.must(r.l.Release(r.Context(), next))
	if last := r.lease(); last <= next {
		r.Errorf("token %d follows %d", last, next)
	}
}

// fence: a worker that was paused while its lease passed on can change nothing any more.
func fence(r *rig) {
	token := r.lease()
	o, entries := r.add(1, func(o *packs.Object) { o.Short = true })
	dead, gone := r.add(1)
	r.must(r.x.Delete(r.Context(), noon, ids(gone)))
	r.doomed(token, noon.Add(hour))
	r.must(r.l.Release(r.Context(), token))
	r.lease()
	ctx, to := r.Context(), packs.Object{Key: packs.Key(newID()), Size: 9, Made: noon, Copies: []string{"east"}, Changed: noon}
	_, doomErr := r.x.Doom(ctx, token, noon.Add(hour), 10)
	for name, err := range map[string]error{
		"Doom":      doomErr,
		"Forget":    r.x.Forget(ctx, token, []packs.Key{dead.Key}),
		"Move":      r.x.Move(ctx, token, noon, noon, []packs.Key{o.Key}, to, entries),
		"SetCopies": r.x.SetCopies(ctx, token, noon, o.Key, []string{"east"}, false),
		"Done":      r.x.Done(ctx, token, "sweep", noon),
	} {
		if !errors.Is(err, packs.ErrFenced) {
			r.Errorf("%s under a lease that is over: %v", name, err)
		}
	}
	r.check(o, entries, true)
	if list, err := r.x.Lookup(ctx, []packs.Key{dead.Key, to.Key}); err != nil || len(list) != 1 {
		r.Errorf("a fenced worker changed the objects: %v, %v", list, err)
	}
	if at, err := r.x.LastDone(ctx, "sweep"); err != nil || !at.IsZero() {
		r.Errorf("a fenced worker's job counts: %v, %v", at, err)
	}
}
