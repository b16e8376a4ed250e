package postgres

import (
	"github.com/jackc/pgx/v5"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// write queues all that one wish changes; nothing, if that is nothing.
func (x *driveRows) write(b *pgx.Batch, w drive.Writes, by token) {
	if w.Totals == x.totals && w.Object == nil && w.Part == nil && w.Link == nil && len(w.Brought)+len(w.Requests) == 0 {
		return
	}
	owner, books := x.r.owner, x.r.books
	books.Bytes += w.Usage
	b.Queue(`update owners set bytes = $2, tokens = $3 where owner = $1`, owner, books.Bytes, x.r.tokens.and(by))
	putTotals(b, owner, w.Totals)
	x.writeObjects(b, w)
	x.writeRemoved(b, w)
	if w.Link != nil {
		x.writeLink(b, *w.Link)
	}
	for _, q := range w.Requests {
		x.writeRequest(b, q)
	}
	if w.Dropped != nil {
		x.dropRequest(b, *w.Dropped)
	}
}

func (x *driveRows) dropRequest(b *pgx.Batch, q drive.Request) {
	b.Queue(`delete from drive_requests where owner = $1 and id = $2`, x.r.owner, q.ID[:])
}

func putTotals(b *pgx.Batch, o mailstore.Owner, t drive.Totals) {
	b.Queue(`insert into drives (owner, objects, uploads, brought, links, requests, bytes) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (owner) do update set objects = excluded.objects, uploads = excluded.uploads, brought = excluded.brought,
			links = excluded.links, requests = excluded.requests, bytes = excluded.bytes`,
		o, t.Objects, t.Uploads, t.Brought, t.Links, t.Requests, t.Bytes)
}

// driveObjectRows are objects as columns.
type driveObjectRows struct {
	ids, requests, heads, mails [][]byte
	sizes, created, touched     []int64
	whole                       []bool
}

func (c *driveObjectRows) add(o drive.Object) {
	c.ids, c.sizes = append(c.ids, o.ID[:]), append(c.sizes, o.Size)
	touched := int64(0)
	if !o.Whole {
		touched = seconds(o.Touched)
	}
	c.created, c.touched = append(c.created, seconds(o.Created)), append(c.touched, touched)
	c.whole, c.requests = append(c.whole, o.Whole), append(c.requests, idColumn(o.Request))
	c.heads, c.mails = append(c.heads, present(o.Head)), append(c.mails, idColumn(o.Mail))
}

// drivePartRows are parts as columns.
type drivePartRows struct {
	objects, digests, blobs [][]byte
	numbers, sizes          []int64
}

func (c *drivePartRows) add(object drive.ID, p drive.Part) {
	c.objects, c.numbers = append(c.objects, object[:]), append(c.numbers, int64(p.N))
	c.digests, c.blobs = append(c.digests, p.Sum[:]), append(c.blobs, p.Blob.ID[:])
	c.sizes = append(c.sizes, p.Blob.Size)
}

func (x *driveRows) writeObjects(b *pgx.Batch, w drive.Writes) {
	var o driveObjectRows
	var p drivePartRows
	if w.Object != nil {
		o.add(*w.Object)
	}
	if w.Part != nil {
		p.add(w.Object.ID, *w.Part)
	}
	for _, came := range w.Brought {
		o.add(came.Object)
		p.add(came.Object.ID, came.Part)
	}
	x.putObjects(b, o, p)
}

func (x *driveRows) putObjects(b *pgx.Batch, o driveObjectRows, p drivePartRows) {
	if len(o.ids) > 0 {
		b.Queue(`insert into drive_objects (owner, id, size, created, touched, whole, request, head, mail)
			select $1, * from unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bytea[], $8::bytea[], $9::bytea[])
			on conflict (owner, id) do update set touched = excluded.touched, whole = excluded.whole, request = excluded.request,
				head = excluded.head, mail = excluded.mail`,
			x.r.owner, o.ids, o.sizes, o.created, o.touched, o.whole, o.requests, o.heads, o.mails)
	}
	if len(p.objects) > 0 {
		b.Queue(`insert into drive_parts (owner, object, n, digest, blob, size)
			select $1, * from unnest($2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[])`,
			x.r.owner, p.objects, p.numbers, p.digests, p.blobs, p.sizes)
	}
}

func (x *driveRows) writeRemoved(b *pgx.Batch, w drive.Writes) {
	var objects, links []drive.ID
	for _, o := range w.Removed {
		objects = append(objects, o.ID)
	}
	for _, l := range w.Unlinked {
		links = append(links, l.ID)
	}
	if len(objects) > 0 {
		b.Queue(`delete from drive_parts where owner = $1 and object = any($2)`, x.r.owner, idColumns(objects))
		b.Queue(`delete from drive_objects where owner = $1 and id = any($2)`, x.r.owner, idColumns(objects))
	}
	if len(links) > 0 {
		b.Queue(`delete from drive_links where owner = $1 and id = any($2)`, x.r.owner, idColumns(links))
	}
}

// writeLink writes over none of another owner.
func (x *driveRows) writeLink(b *pgx.Batch, l drive.Link) {
	b.Queue(`insert into drive_links as l (id, owner, object, box, kdf, proof, created, expires, most, count, used, revoked, killed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		on conflict (id) do update set expires = excluded.expires, most = excluded.most, count = excluded.count, used = excluded.used,
			revoked = excluded.revoked, killed = excluded.killed where l.owner = excluded.owner`,
		l.ID[:], x.r.owner, l.Object[:], present(l.Box), present(l.KDF), present(l.Check), seconds(l.Created), seconds(l.Expires),
		l.Most, l.Count, times(l.Used), l.Revoked, l.Killed)
}

func (x *driveRows) writeRequest(b *pgx.Batch, q drive.Request) {
	b.Queue(`insert into drive_requests as q (id, owner, box, created, expires, most_files, most_bytes, files, bytes, coming, revoked)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (id) do update set expires = excluded.expires, most_files = excluded.most_files, most_bytes = excluded.most_bytes,
			files = excluded.files, bytes = excluded.bytes, coming = excluded.coming, revoked = excluded.revoked where q.owner = excluded.owner`,
		q.ID[:], x.r.owner, present(q.Box), seconds(q.Created), seconds(q.Expires), q.MostFiles, q.MostBytes,
		q.Files, q.Bytes, q.Coming, q.Revoked)
}
