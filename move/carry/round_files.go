package carry

import (
	"iter"
	"time"

	"sealpost/filestore/drive"
	"sealpost/mailstore/cabinet"
)

// How a round looks at boxes and files.

// boxes compares those of the cabinet that changed; all, where removed ones were forgotten since.
func (r *round) boxes() error {
	here, err := r.m.From.Cabinet.Shelf(r.ctx, r.o)
	if err != nil {
		return err
	}
	there, err := r.m.To.Cabinet.Shelf(r.ctx, r.o)
	if err != nil {
		return err
	}
	since := r.same.boxes
	if here == there && here.Change <= since {
		return nil
	}
	if here.Floor != there.Floor {
		since = 0
	}
	all, err := r.m.From.Rows.Shelved(r.ctx, r.o, since)
	if err != nil {
		return err
	}
	others, err := r.m.To.Rows.Shelved(r.ctx, r.o, since)
	if err != nil {
		return err
	}
	if err := r.shelved(all, others, since == 0); err != nil || here == there {
		return err
	}
	if err := r.differs(false, "counters of boxes"); err != nil {
		return err
	}
	r.batch.Shelf = &here
	return r.put(0)
}

// shelved compares boxes by their places. whole: they are all that there are.
func (r *round) shelved(here, others []cabinet.Box, whole bool) error {
	there := make(map[cabinet.Place]cabinet.Box, len(others))
	for _, b := range others {
		there[b.Place] = b
	}
	records := make([]Record, len(here))
	for i, b := range here {
		records[i] = Box{b}
	}
	known, err := r.copies(records)
	if err != nil {
		return err
	}
	var fresh []Record
	for i, b := range here {
		was, stands := there[b.Place]
		delete(there, b.Place)
		now, lost, copied := mapped(records[i], known)
		if r.note(lost, "box", b.Place); copied && stands && same(now, Box{was}) {
			continue
		}
		if err := r.differs(b.Change <= r.brought.boxes, "box", b.Change); err != nil {
			return err
		}
		fresh = append(fresh, records[i])
	}
	for _, b := range there {
		if !whole && !r.quiet { // it changed again, or was forgotten since
			continue
		}
		if err := r.differs(false, "box that went", b.Change); err != nil {
			return err
		}
		r.note(0, "box", b.Place)
		r.batch.Forgets = append(r.batch.Forgets, b)
		if err := r.put(0); err != nil {
			return err
		}
	}
	if fresh, err = r.arrived(fresh); err != nil {
		return err
	}
	for _, x := range fresh {
		r.batch.Boxes = append(r.batch.Boxes, x.(Box).Box)
		if err := r.put(0); err != nil {
			return err
		}
	}
	return nil
}

// objects are all of one end, in the order of their ids.
func (r *round) objects(x *End) iter.Seq2[drive.Object, error] {
	return func(yield func(drive.Object, error) bool) {
		for after := (drive.ID{}); ; {
			all, err := x.Drive.Objects(r.ctx, drive.Owner(r.o), after, page, false)
			if err != nil {
				yield(drive.Object{}, err)
				return
			}
			for _, f := range all {
				if !yield(f, nil) {
					return
				}
				after = f.ID
			}
			if len(all) < page {
				return
			}
		}
	}
}

// ordered walks through two ends at once.
type ordered struct {
	next func() (drive.Object, error, bool)
	drive.Object
	there bool
}

func (s *ordered) step() (err error) {
	s.Object, err, s.there = s.next()
	return err
}

// before says whether its object comes before the other's.
func (s *ordered) before(t *ordered) bool {
	return s.there && (!t.there || string(s.ID[:]) < string(t.ID[:]))
}

// files compares all objects, and the parts of those whose parts may have changed.
func (r *round) files() error {
	var here, there ordered
	var stop, halt func()
	here.next, stop = iter.Pull2(r.objects(r.m.From))
	defer stop()
	there.next, halt = iter.Pull2(r.objects(r.m.To))
	defer halt()
	if err := here.step(); err != nil {
		return err
	}
	if err := there.step(); err != nil {
		return err
	}
	for here.there || there.there {
		only := there.before(&here)
		both := !only && !here.before(&there)
		var err error
		if only {
			err = r.fileGone(there.Object)
		} else {
			err = r.file(here.Object, there.Object, both)
		}
		if err == nil && !only {
			err = here.step()
		}
		if err == nil && (only || both) {
			err = there.step()
		}
		if err != nil {
			return err
		}
	}
	return r.totals()
}

func (r *round) totals() error {
	here, err := r.m.From.Drive.Totals(r.ctx, drive.Owner(r.o))
	if err != nil {
		return err
	}
	there, err := r.m.To.Drive.Totals(r.ctx, drive.Owner(r.o))
	if err != nil || here == there {
		return err
	}
	if err := r.differs(false, "counters of files"); err != nil {
		return err
	}
	r.batch.Totals = &here
	return r.put(0)
}

// lately is before when a file was begun whose id may have been given anew since.
const lately = 2 * time.Second

// file compares one that is here.
func (r *round) file(here, there drive.Object, stands bool) error {
	changed := !stands || !same(Object{here}, Object{there})
	if stands && (here.Size != there.Size || !here.Created.Equal(there.Created)) { // another one under its id
		if err := r.fileGone(there); err != nil {
			return err
		}
	}
	if changed {
		if err := r.differs(false, "file", here.ID); err != nil {
			return err
		}
		r.batch.Objects = append(r.batch.Objects, here)
		if err := r.put(len(here.Head)); err != nil {
			return err
		}
	}
	// Parts of one that is whole stay as they are.
	if !changed && here.Whole && r.same.mail > 0 && here.Created.Before(r.begun.Add(-lately)) {
		return nil
	}
	return r.parts(here)
}

func (r *round) fileGone(f drive.Object) error {
	if err := r.differs(false, "file that went", f.ID); err != nil {
		return err
	}
	r.unnote("part", f.ID)
	r.batch.Removed = append(r.batch.Removed, f)
	return r.flush() // what comes in its place comes after it
}

// partsOf are all parts of an object at one end.
func (r *round) partsOf(x *End, id drive.ID) (all []Record, err error) {
	for from := 0; ; {
		some, err := x.Drive.Parts(r.ctx, drive.Owner(r.o), id, from, page)
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			all = append(all, Part{id, p})
		}
		if len(some) < page {
			return all, nil
		}
		from = some[len(some)-1].N + 1
	}
}

// parts compares those of an object, which are put once and stay.
func (r *round) parts(f drive.Object) error {
	here, err := r.partsOf(r.m.From, f.ID)
	if err != nil {
		return err
	}
	all, err := r.partsOf(r.m.To, f.ID)
	if err != nil {
		return err
	}
	there := map[int]Part{}
	for _, x := range all {
		p := x.(Part)
		there[p.N] = p
	}
	known, err := r.copies(here)
	if err != nil {
		return err
	}
	var fresh []Record
	wrong := false
	for _, x := range here {
		p := x.(Part)
		was, stands := there[p.N]
		delete(there, p.N)
		now, lost, copied := mapped(x, known)
		if r.note(lost, "part", f.ID, p.N); copied && stands && same(now, was) {
			continue
		}
		wrong = wrong || stands
		if err := r.differs(false, "part", f.ID, p.N); err != nil {
			return err
		}
		fresh = append(fresh, x)
	}
	if wrong || len(there) > 0 { // another object under its id
		if err := r.fileGone(f); err != nil {
			return err
		}
		r.batch.Objects = append(r.batch.Objects, f)
		fresh = here // what is lost of it the next look finds
	}
	if fresh, err = r.arrived(fresh); err != nil {
		return err
	}
	for _, x := range fresh {
		r.batch.Parts = append(r.batch.Parts, x.(Part))
		if err := r.put(0); err != nil {
			return err
		}
	}
	return nil
}

// listed compares records that both ends list whole.
func listed[V any](r *round, here, there []V, id func(V) drive.ID, as func(V) Record, what string, put, remove func(V)) error {
	others := make(map[drive.ID]V, len(there))
	for _, v := range there {
		others[id(v)] = v
	}
	for _, v := range here {
		was, stands := others[id(v)]
		delete(others, id(v))
		if stands && same(as(v), as(was)) {
			continue
		}
		if err := r.differs(false, what, id(v)); err != nil {
			return err
		}
		if stands {
			remove(was)
		}
		put(v)
		if err := r.put(500); err != nil {
			return err
		}
	}
	for _, v := range others {
		if err := r.differs(false, what+" that went", id(v)); err != nil {
			return err
		}
		remove(v)
		if err := r.put(0); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) links() error {
	here, err := r.m.From.Drive.Links(r.ctx, drive.Owner(r.o))
	if err != nil {
		return err
	}
	there, err := r.m.To.Drive.Links(r.ctx, drive.Owner(r.o))
	if err != nil {
		return err
	}
	return listed(r, here, there, func(l drive.Link) drive.ID { return l.ID }, func(l drive.Link) Record { return Link{l} }, "link",
		func(l drive.Link) { Link{l}.into(r.batch) }, func(l drive.Link) { r.batch.Unlinked = append(r.batch.Unlinked, l) })
}

func (r *round) requests() error {
	here, err := r.m.From.Drive.Requests(r.ctx, drive.Owner(r.o))
	if err != nil {
		return err
	}
	there, err := r.m.To.Drive.Requests(r.ctx, drive.Owner(r.o))
	if err != nil {
		return err
	}
	return listed(r, here, there, func(q drive.Request) drive.ID { return q.ID }, func(q drive.Request) Record { return Request{q} }, "request",
		func(q drive.Request) { Request{q}.into(r.batch) }, func(q drive.Request) { r.batch.Dropped = append(r.batch.Dropped, q) })
}
