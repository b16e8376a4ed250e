package postgres

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/drive"
)

// driveRows are one owner's files within a transaction, as drive.Clerk reads them. foresee reads
// with the lock what a wish names; the rest is read when it is asked for.
type driveRows struct {
	r      *rows
	totals drive.Totals

	objects  map[drive.ID]*drive.Object // nil: there is none
	parts    map[drive.ID][]drive.Part  // all of an object
	single   map[partPlace]*drive.Part  // nil: there is none
	links    map[drive.ID]*drive.Link
	linksTo  map[drive.ID][]drive.Link
	requests map[drive.ID]*drive.Request
	many     []drive.ID // that are to be removed together
}

type partPlace struct {
	object drive.ID
	n      int
}

func newDriveRows(r *rows) *driveRows {
	return &driveRows{
		r:        r,
		objects:  map[drive.ID]*drive.Object{},
		parts:    map[drive.ID][]drive.Part{},
		single:   map[partPlace]*drive.Part{},
		links:    map[drive.ID]*drive.Link{},
		linksTo:  map[drive.ID][]drive.Link{},
		requests: map[drive.ID]*drive.Request{},
	}
}

// foresee asks for what a wish will ask for, as far as it names it.
func (x *driveRows) foresee(b *pgx.Batch, w drive.Wish) {
	x.askTotals(b)
	switch w := w.(type) {
	case drive.Begin:
		x.askObjects(b, w.ID)
		x.askRequests(b, w.Request)
	case drive.Put:
		x.askObjects(b, w.Object)
		x.askPartsAt(b, w.Part.N, w.Object)
		x.askRequests(b, w.Request)
	case drive.Complete:
		x.askObjects(b, w.Object)
		x.askParts(b, w.Object)
		x.askRequests(b, w.Request)
	case drive.Bring:
		var ids []drive.ID
		for _, one := range w.Whole[:min(len(w.Whole), drive.MaxBatch)] {
			ids = append(ids, one.ID)
		}
		x.askObjects(b, ids...)
		x.askPartsAt(b, 0, ids...)
	case drive.Take:
		x.askObjects(b, w.Object)
	case drive.Remove:
		x.askRemoved(b, w.Object)
		x.askParts(b, w.Object)
	case drive.RemoveMany:
		x.many = w.Objects[:min(len(w.Objects), drive.MaxBatch)]
		x.askRemoved(b, x.many...)
	case drive.AddLink:
		x.askObjects(b, w.Link.Object)
		x.askLinks(b, w.Link.ID)
	case drive.ChangeLink:
		x.askLinks(b, w.ID)
	case drive.Download:
		x.askLinks(b, w.Link)
	case drive.RemoveLink:
		x.askLinks(b, w.ID)
	case drive.AddRequest:
		x.askRequests(b, w.Request.ID)
	case drive.ChangeRequest:
		x.askRequests(b, w.ID)
	case drive.RemoveRequest:
		x.askRequests(b, w.ID)
	}
}

func (x *driveRows) askTotals(b *pgx.Batch) { queueTotals(b, x.r.owner, &x.totals) }

func (x *driveRows) askObjects(b *pgx.Batch, ids ...drive.ID) {
	for _, id := range ids {
		x.objects[id] = nil
	}
	b.Queue(`select `+driveObjectColumns+` from drive_objects where owner = $1 and id = any($2)`, x.r.owner, idColumns(ids)).
		Query(each(&driveObjectRow{}, func(o drive.Object) { x.objects[o.ID] = &o }))
}

// askRemoved asks for what goes with objects, but for their parts: who removes many needs
// not all of those.
func (x *driveRows) askRemoved(b *pgx.Batch, ids ...drive.ID) {
	x.askObjects(b, ids...)
	x.askLinksTo(b, ids...)
	b.Queue(`select q.id, q.owner, q.box, q.created, q.expires, q.most_files, q.most_bytes, q.files, q.bytes, q.coming, q.revoked
		from drive_objects o join drive_requests q on q.id = o.request
		where o.owner = $1 and o.id = any($2) and not o.whole`, x.r.owner, idColumns(ids)).Query(x.keepRequests())
}

// askParts asks for all parts of objects.
func (x *driveRows) askParts(b *pgx.Batch, ids ...drive.ID) {
	for _, id := range ids {
		x.parts[id] = nil
	}
	b.Queue(`select `+drivePartColumns+` from drive_parts where owner = $1 and object = any($2) order by object, n`, x.r.owner, idColumns(ids)).
		Query(each(&drivePartRow{}, func(p drivePart) { x.parts[p.object] = append(x.parts[p.object], p.Part) }))
}

// askPartsAt asks for one part of each of some objects.
func (x *driveRows) askPartsAt(b *pgx.Batch, n int, ids ...drive.ID) {
	for _, id := range ids {
		x.single[partPlace{id, n}] = nil
	}
	b.Queue(`select `+drivePartColumns+` from drive_parts where owner = $1 and object = any($2) and n = $3`, x.r.owner, idColumns(ids), n).
		Query(each(&drivePartRow{}, func(p drivePart) { x.single[partPlace{p.object, p.N}] = &p.Part }))
}

func (x *driveRows) askLinks(b *pgx.Batch, id drive.ID) {
	x.links[id] = nil
	b.Queue(`select `+driveLinkColumns+` from drive_links where id = $1`, id[:]).
		Query(each(&driveLinkRow{}, func(l drive.Link) { x.links[l.ID] = &l }))
}

func (x *driveRows) askLinksTo(b *pgx.Batch, ids ...drive.ID) {
	for _, id := range ids {
		x.linksTo[id] = nil
	}
	b.Queue(`select `+driveLinkColumns+` from drive_links where owner = $1 and object = any($2)`, x.r.owner, idColumns(ids)).
		Query(each(&driveLinkRow{}, func(l drive.Link) { x.linksTo[l.Object] = append(x.linksTo[l.Object], l) }))
}

// askRequests asks for one, if it can be one.
func (x *driveRows) askRequests(b *pgx.Batch, id drive.ID) {
	if id == (drive.ID{}) || id == drive.Outgoing {
		return
	}
	x.requests[id] = nil
	b.Queue(`select `+driveRequestColumns+` from drive_requests where id = $1`, id[:]).Query(x.keepRequests())
}

func (x *driveRows) keepRequests() func(pgx.Rows) error {
	return each(&driveRequestRow{}, func(q drive.Request) { x.requests[q.ID] = &q })
}

// known gives what is known under a key, and asks for it first if it was not foreseen.
func known[K comparable, V any](r *rows, all map[K]*V, key K, ask func(*pgx.Batch)) (v V, err error) {
	if _, foreseen := all[key]; !foreseen {
		if err := r.ask(ask); err != nil {
			return v, err
		}
	}
	if found := all[key]; found != nil {
		return *found, nil
	}
	return v, drive.ErrNone
}

func (x *driveRows) Totals() (drive.Totals, error) { return x.totals, x.r.failed }

func (x *driveRows) Usage() (bytes, quota int64) { return x.r.books.Bytes, x.r.books.Quota }

func (x *driveRows) Object(id drive.ID) (drive.Object, error) {
	return known(x.r, x.objects, id, func(b *pgx.Batch) { x.askObjects(b, id) })
}

func (x *driveRows) Part(id drive.ID, n int) (drive.Part, error) {
	return known(x.r, x.single, partPlace{id, n}, func(b *pgx.Batch) { x.askPartsAt(b, n, id) })
}

func (x *driveRows) Link(id drive.ID) (drive.Link, error) {
	return known(x.r, x.links, id, func(b *pgx.Batch) { x.askLinks(b, id) })
}

func (x *driveRows) Request(id drive.ID) (drive.Request, error) {
	return known(x.r, x.requests, id, func(b *pgx.Batch) { x.askRequests(b, id) })
}

// Parts reads also those of the objects that are to be removed next.
func (x *driveRows) Parts(id drive.ID) ([]drive.Part, error) {
	if _, foreseen := x.parts[id]; !foreseen {
		if err := x.r.ask(func(b *pgx.Batch) { x.askParts(b, x.next(id)...) }); err != nil {
			return nil, err
		}
	}
	return x.parts[id], nil
}

// next are an object and those that go with it by one wish: their parts are not more than
// one wish frees.
func (x *driveRows) next(id drive.ID) []drive.ID {
	together := []drive.ID{id}
	i := slices.Index(x.many, id)
	if i < 0 {
		return together
	}
	parts := x.objects[id].Parts()
	for _, id := range x.many[i+1:] {
		o := x.objects[id]
		if o == nil || slices.Contains(together, id) {
			continue
		}
		if parts += o.Parts(); parts > drive.MaxFreed {
			break
		}
		together = append(together, id)
	}
	return together
}

func (x *driveRows) LinksTo(id drive.ID) ([]drive.Link, error) {
	if _, foreseen := x.linksTo[id]; !foreseen {
		if err := x.r.ask(func(b *pgx.Batch) { x.askLinksTo(b, id) }); err != nil {
			return nil, err
		}
	}
	return x.linksTo[id], nil
}

var _ drive.Rows = (*driveRows)(nil)
