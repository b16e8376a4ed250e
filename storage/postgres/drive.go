package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// drives is the database as filestore/drive sees it.
type drives struct{ d *DB }

// Drive is the database as filestore/drive sees it.
func (d *DB) Drive() drive.Store { return drives{d} }

// view reads of an owner; of one that cannot be there nothing is read.
func (x drives) view(ctx context.Context, o drive.Owner, queue func(*pgx.Batch)) error {
	return index{x.d}.view(ctx, mailstore.Owner(o), queue)
}

// queueTotals asks for what an owner has.
func queueTotals(b *pgx.Batch, o mailstore.Owner, t *drive.Totals) {
	var found bool
	*t = drive.Totals{}
	one(b, &found, []any{&t.Objects, &t.Uploads, &t.Brought, &t.Links, &t.Requests, &t.Bytes},
		`select objects, uploads, brought, links, requests, bytes from drives where owner = $1`, o)
}

func (x drives) Totals(ctx context.Context, o drive.Owner) (t drive.Totals, err error) {
	err = x.view(ctx, o, func(b *pgx.Batch) { queueTotals(b, mailstore.Owner(o), &t) })
	return t, err
}

func (x drives) Object(ctx context.Context, o drive.Owner, id drive.ID) (drive.Object, error) {
	var all []drive.Object
	err := x.view(ctx, o, list(&all, &driveObjectRow{}, `select `+driveObjectColumns+` from drive_objects where owner = $1 and id = $2`, o, id[:]))
	return single(all, err)
}

// list queues a statement and keeps its rows.
func list[V any](into *[]V, x row[V], sql string, args ...any) func(*pgx.Batch) {
	return func(b *pgx.Batch) {
		*into = nil
		b.Queue(sql, args...).Query(each(x, func(v V) { *into = append(*into, v) }))
	}
}

// single is the one that was asked for.
func single[V any](all []V, err error) (v V, _ error) {
	if err == nil && len(all) == 0 {
		err = drive.ErrNone
	}
	if err != nil {
		return v, err
	}
	return all[0], nil
}

func (x drives) Objects(ctx context.Context, o drive.Owner, after drive.ID, most int, brought bool) (all []drive.Object, err error) {
	sql := `select ` + driveObjectColumns + ` from drive_objects where owner = $1 and id > $2`
	if brought {
		sql += ` and whole and request <> ''`
	}
	err = x.view(ctx, o, list(&all, &driveObjectRow{}, sql+` order by id limit $3`, o, after[:], most))
	return all, err
}

func (x drives) Parts(ctx context.Context, o drive.Owner, id drive.ID, from, most int) (all []drive.Part, err error) {
	if from < 0 {
		return nil, ctx.Err()
	}
	err = x.view(ctx, o, func(b *pgx.Batch) {
		all = nil
		b.Queue(`select `+drivePartColumns+` from drive_parts where owner = $1 and object = $2 and n >= $3 order by n limit $4`, o, id[:], from, most).
			Query(each(&drivePartRow{}, func(p drivePart) { all = append(all, p.Part) }))
	})
	return all, err
}

type leftRow struct {
	l  drive.Left
	id []byte
}

func (x *leftRow) scan() []any { return []any{&x.l.Owner, &x.id} }

func (x *leftRow) value() (drive.Left, error) {
	l := x.l
	if !readID((*[16]byte)(&l.Object), x.id, true) {
		return drive.Left{}, damaged("drive_objects", l.Owner)
	}
	return l, nil
}

func (x drives) Left(ctx context.Context, before time.Time) (all []drive.Left, err error) {
	err = x.d.view(ctx, list(&all, &leftRow{}, `select owner, id from drive_objects where not whole and touched < $1 order by owner, id`, wholeSeconds(before)))
	return all, err
}

// wholeSeconds is a time such that the same whole seconds are before both.
func wholeSeconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

func (x drives) Link(ctx context.Context, id drive.ID) (drive.Link, error) {
	var all []drive.Link
	err := x.d.view(ctx, list(&all, &driveLinkRow{}, `select `+driveLinkColumns+` from drive_links where id = $1`, id[:]))
	return single(all, err)
}

func (x drives) Links(ctx context.Context, o drive.Owner) (all []drive.Link, err error) {
	err = x.view(ctx, o, list(&all, &driveLinkRow{}, `select `+driveLinkColumns+` from drive_links where owner = $1 order by object, id`, o))
	return all, err
}

func (x drives) Request(ctx context.Context, id drive.ID) (drive.Request, error) {
	var all []drive.Request
	err := x.d.view(ctx, list(&all, &driveRequestRow{}, `select `+driveRequestColumns+` from drive_requests where id = $1`, id[:]))
	return single(all, err)
}

func (x drives) Requests(ctx context.Context, o drive.Owner) (all []drive.Request, err error) {
	err = x.view(ctx, o, list(&all, &driveRequestRow{}, `select `+driveRequestColumns+` from drive_requests where owner = $1 order by id`, o))
	return all, err
}

func (x drives) Apply(ctx context.Context, o drive.Owner, w drive.Wish) (drive.Done, error) {
	if !ownerFits(mailstore.Owner(o)) {
		return drive.Done{}, drive.ErrNoOwner
	}
	c := &driveCall{owner: o, wish: w, now: x.d.o.Now}
	if err := x.d.submit(ctx, mailstore.Owner(o), &call{own: c, done: make(chan struct{})}); err != nil {
		return drive.Done{}, err
	}
	return c.done, nil
}

// driveCall is a wish on its way to be committed.
type driveCall struct {
	owner drive.Owner
	wish  drive.Wish
	now   func() time.Time
	rows  *driveRows // of the last attempt
	done  drive.Done
}

func (c *driveCall) ask(r *rows, b *pgx.Batch) {
	c.rows = newDriveRows(r)
	c.rows.foresee(b, c.wish)
}

func (c *driveCall) stamp(b *pgx.Batch, by token) error {
	if !c.rows.r.books.Open {
		return drive.ErrNoOwner
	}
	if err := c.taken(); err != nil {
		return err
	}
	writes, err := drive.Clerk{Now: c.now()}.Stamp(c.rows, c.owner, c.wish)
	if err != nil {
		return err
	}
	c.done = writes.Done
	c.rows.write(b, writes, by)
	return nil
}

// taken refuses an id that a link or a request has already, of whatever owner.
func (c *driveCall) taken() error {
	var there bool
	switch w := c.wish.(type) {
	case drive.AddLink:
		there = c.rows.links[w.Link.ID] != nil
	case drive.AddRequest:
		there = c.rows.requests[w.Request.ID] != nil
	}
	if there {
		return errors.New("an id was given twice")
	}
	return nil
}
