package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/drive"
)

// How rows that another engine numbered are written.

// writeKeywords puts down how keywords are spelled, before any is counted.
func (c *carriedCall) writeKeywords(b *pgx.Batch) {
	var boxes []int64
	var keywords, spellings []string
	for _, w := range c.b.Keywords {
		boxes, keywords, spellings = append(boxes, int64(w.Box)), append(keywords, strings.ToLower(w.Spelling)), append(spellings, w.Spelling)
	}
	if len(boxes) > 0 {
		b.Queue(`insert into keywords (owner, box, keyword, spelling, messages)
			select $1, p.box, p.keyword, p.spelling, 0 from unnest($2::bigint[], $3::text[], $4::text[]) as p (box, keyword, spelling)
			on conflict (owner, box, keyword) do update set spelling = excluded.spelling`,
			c.r.owner, boxes, keywords, spellings)
	}
	for _, w := range c.b.Unused {
		b.Queue(`delete from keywords where owner = $1 and box = $2 and keyword = $3`, c.r.owner, int64(w.Box), strings.ToLower(w.Spelling))
	}
}

func (c *carriedCall) writeCabinet(b *pgx.Batch) {
	if s := c.b.Shelf; s != nil {
		b.Queue(putShelf, c.r.owner, int64(s.Change), int64(s.Floor), s.Boxes, s.Bytes, s.Gone)
	}
	for _, x := range c.b.Forgets {
		b.Queue(`delete from boxes where owner = $1 and drawer = $2 and name = $3`, c.r.owner, drawerNumber(x.Place), x.Name)
	}
	if len(c.b.Boxes) == 0 {
		return
	}
	var drawers []int16
	var names []string
	var versions, changes, modified, sizes []int64
	var gone []bool
	var blobs [][]byte
	for _, x := range c.b.Boxes {
		drawers, names = append(drawers, drawerNumber(x.Place)), append(names, x.Name)
		versions, changes = append(versions, int64(x.Version)), append(changes, int64(x.Change))
		modified, sizes = append(modified, seconds(x.Modified)), append(sizes, x.Blob.Size)
		gone, blobs = append(gone, x.Gone), append(blobs, blobColumn(x))
	}
	b.Queue(`insert into boxes (owner, drawer, name, version, change, modified, gone, blob, size)
		select $1, * from unnest($2::smallint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[], $8::bytea[], $9::bigint[])
		`+overBox,
		c.r.owner, drawers, names, versions, changes, modified, gone, blobs, sizes)
}

func (c *carriedCall) writeFiles(b *pgx.Batch) {
	if c.b.Totals != nil {
		putTotals(b, c.r.owner, *c.b.Totals)
	}
	var o driveObjectRows
	var p drivePartRows
	for _, x := range c.b.Objects {
		o.add(x)
	}
	for _, x := range c.b.Parts {
		p.add(x.Object, x.Part)
	}
	files := newDriveRows(c.r)
	files.writeRemoved(b, drive.Writes{Removed: c.b.Removed, Unlinked: c.b.Unlinked})
	for _, q := range c.b.Dropped {
		files.dropRequest(b, q)
	}
	files.putObjects(b, o, p)
	for _, l := range c.b.Links {
		files.writeLink(b, l)
	}
	for _, q := range c.b.Requests {
		files.writeRequest(b, q)
	}
}
