package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// cabinets is the database as mailstore/cabinet sees it.
type cabinets struct{ d *DB }

// Cabinet is the database as mailstore/cabinet sees it.
func (d *DB) Cabinet() cabinet.Store { return cabinets{d} }

const shelvedColumns = `drawer, name, version, change, modified, gone, blob, size`

// shelvedRow is a row of boxes on its way.
type shelvedRow struct {
	b        cabinet.Box
	drawer   int16
	modified int64
	blob     []byte
}

func (x *shelvedRow) scan() []any {
	return []any{&x.drawer, &x.b.Name, &x.b.Version, &x.b.Change, &x.modified, &x.b.Gone, &x.blob, &x.b.Blob.Size}
}

func (x *shelvedRow) value() (cabinet.Box, error) {
	b := x.b
	if x.drawer >= 0 && x.drawer <= math.MaxUint8 {
		b.Drawer = cabinet.DrawerName(uint8(x.drawer))
	}
	if !readID((*[16]byte)(&b.Blob.ID), x.blob, !b.Gone) || !b.Valid() || b.Version == 0 {
		return cabinet.Box{}, damaged("boxes", b.Change)
	}
	b.Modified = moment(x.modified)
	return b, nil
}

// queueShelf asks for an owner's counters.
func queueShelf(b *pgx.Batch, o mailstore.Owner, s *cabinet.Shelf) {
	var found bool
	*s = cabinet.Shelf{}
	one(b, &found, []any{&s.Change, &s.Floor, &s.Boxes, &s.Bytes, &s.Gone}, `select change, floor, boxes, bytes, gone from shelves where owner = $1`, o)
}

const boxAt = `select ` + shelvedColumns + ` from boxes where owner = $1 and drawer = $2 and name = $3`

// drawerNumber is a drawer as a column.
func drawerNumber(p cabinet.Place) int16 { return int16(cabinet.Drawer(p.Drawer)) }

func (x cabinets) List(ctx context.Context, o mailstore.Owner, since cabinet.Change) (l cabinet.List, err error) {
	var shelf cabinet.Shelf
	sql := `select ` + shelvedColumns + ` from boxes where owner = $1 and change > $2`
	if since == 0 {
		sql += ` and not gone`
	}
	err = index{x.d}.view(ctx, o, func(b *pgx.Batch) {
		queueShelf(b, o, &shelf)
		list(&l.Boxes, &shelvedRow{}, sql+` order by change`, o, sinceNumber(mailstore.Modseq(since)))(b)
	})
	if err != nil {
		return cabinet.List{}, err
	}
	l.Change, l.Complete = shelf.Change, since == 0 || since >= shelf.Floor
	return l, nil
}

func (x cabinets) Box(ctx context.Context, o mailstore.Owner, p cabinet.Place) (cabinet.Box, error) {
	var found []cabinet.Box
	if !p.Valid() {
		return cabinet.Box{}, cabinet.ErrNoBox
	}
	err := index{x.d}.view(ctx, o, list(&found, &shelvedRow{}, boxAt, o, drawerNumber(p), p.Name))
	if err == nil && len(found) == 0 {
		err = cabinet.ErrNoBox
	}
	if err != nil {
		return cabinet.Box{}, err
	}
	return found[0], nil
}

func (x cabinets) Shelf(ctx context.Context, o mailstore.Owner) (shelf cabinet.Shelf, err error) {
	err = index{x.d}.view(ctx, o, func(b *pgx.Batch) { queueShelf(b, o, &shelf) })
	return shelf, err
}

func (x cabinets) Drawer(ctx context.Context, o mailstore.Owner, drawer string) (all []cabinet.Box, err error) {
	n := cabinet.Drawer(drawer)
	if n == 0 {
		return nil, ctx.Err()
	}
	sql := `select ` + shelvedColumns + ` from boxes where owner = $1 and drawer = $2 and not gone order by name`
	err = index{x.d}.view(ctx, o, list(&all, &shelvedRow{}, sql, o, int16(n)))
	return all, err
}

func (x cabinets) Apply(ctx context.Context, o mailstore.Owner, w cabinet.Wish) (cabinet.Box, []filestore.ID, error) {
	if !ownerFits(o) {
		return cabinet.Box{}, nil, mailstore.ErrNoOwner
	}
	c := &cabinetCall{wish: w, now: x.d.o.Now, remember: x.d.o.RememberBoxes}
	if err := x.d.submit(ctx, o, &call{own: c, done: make(chan struct{})}); err != nil {
		return cabinet.Box{}, nil, err
	}
	return c.box, c.freed, nil
}

// cabinetCall is a wish on its way to be committed, and what cabinet.Clerk reads for it.
type cabinetCall struct {
	wish     cabinet.Wish
	now      func() time.Time
	remember int

	r      *rows // of the last attempt
	shelf  cabinet.Shelf
	before []cabinet.Box // where the box is to stand

	box   cabinet.Box
	freed []filestore.ID
}

func (c *cabinetCall) ask(r *rows, b *pgx.Batch) {
	c.r, c.before, c.freed = r, nil, nil
	queueShelf(b, r.owner, &c.shelf)
	if p := c.wish.Place; p.Valid() {
		list(&c.before, &shelvedRow{}, boxAt, r.owner, drawerNumber(p), p.Name)(b)
	}
}

func (c *cabinetCall) Shelf() (cabinet.Shelf, error) { return c.shelf, c.r.failed }

func (c *cabinetCall) Quota() int64 { return c.r.books.Quota }

// Box is the one in the place of the wish: the clerk looks nowhere else.
func (c *cabinetCall) Box(p cabinet.Place) (cabinet.Box, error) {
	if len(c.before) == 0 || p != c.wish.Place {
		return cabinet.Box{}, cabinet.ErrNoBox
	}
	return c.before[0], nil
}

func (c *cabinetCall) Forgettable(n int) (old []cabinet.Box, err error) {
	err = c.r.ask(list(&old, &shelvedRow{}, `select `+shelvedColumns+` from boxes where owner = $1 and gone order by change limit $2`, c.r.owner, n))
	return old, err
}

func (c *cabinetCall) stamp(b *pgx.Batch, by token) error {
	if !c.r.books.Open {
		return mailstore.ErrNoOwner
	}
	writes, err := cabinet.Clerk{Now: c.now(), Remember: c.remember}.Stamp(c, c.wish)
	if err != nil {
		return err
	}
	c.box = writes.Box
	if writes.Before.Version != 0 && !writes.Before.Gone {
		c.freed = []filestore.ID{writes.Before.Blob.ID}
	}
	c.write(b, writes, by)
	return nil
}

func (c *cabinetCall) write(b *pgx.Batch, w cabinet.Writes, by token) {
	owner, x, s := c.r.owner, w.Box, w.Shelf
	b.Queue(`update owners set tokens = $2 where owner = $1`, owner, c.r.tokens.and(by))
	b.Queue(`insert into boxes (owner, drawer, name, version, change, modified, gone, blob, size) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		`+overBox,
		owner, drawerNumber(x.Place), x.Name, int64(x.Version), int64(x.Change), seconds(x.Modified), x.Gone, blobColumn(x), x.Blob.Size)
	if len(w.Forgets) > 0 {
		var changes []int64
		for _, old := range w.Forgets {
			changes = append(changes, int64(old.Change))
		}
		b.Queue(`delete from boxes where owner = $1 and gone and change = any($2)`, owner, changes)
	}
	b.Queue(putShelf, owner, int64(s.Change), int64(s.Floor), s.Boxes, s.Bytes, s.Gone)
}

// overBox puts a box in the place of one that stands there.
const overBox = `on conflict (owner, drawer, name) do update set version = excluded.version, change = excluded.change, modified = excluded.modified,
	gone = excluded.gone, blob = excluded.blob, size = excluded.size`

const putShelf = `insert into shelves (owner, change, floor, boxes, bytes, gone) values ($1, $2, $3, $4, $5, $6)
	on conflict (owner) do update set change = excluded.change, floor = excluded.floor, boxes = excluded.boxes, bytes = excluded.bytes, gone = excluded.gone`

// blobColumn is the blob of a box that is there, and nothing of one that is gone.
func blobColumn(x cabinet.Box) []byte {
	if x.Gone {
		return []byte{}
	}
	return x.Blob.ID[:]
}

var _ cabinet.Rows = (*cabinetCall)(nil)
