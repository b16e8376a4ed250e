package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/drive"
)

// How rows of drives are read; migrations has every column.

// row is a row on its way: where its columns go, and what they come to.
type row[V any] interface {
	scan() []any
	value() (V, error)
}

// each reads all rows of an answer.
func each[V any](x row[V], keep func(V)) func(pgx.Rows) error {
	return func(found pgx.Rows) error {
		_, err := pgx.ForEachRow(found, x.scan(), func() error {
			v, err := x.value()
			if err == nil {
				keep(v)
			}
			return err
		})
		return err
	}
}

// readID reads an id; one that is not needed may be empty.
func readID(into *[16]byte, b []byte, needed bool) (ok bool) {
	*into = [16]byte{}
	if len(b) == 0 {
		return !needed
	}
	return copy(into[:], b) == len(into) && len(b) == len(into)
}

// idColumn is an id that need not be there, as readID reads it.
func idColumn(id [16]byte) []byte {
	if id == [16]byte{} {
		return []byte{}
	}
	return id[:]
}

// idColumns are ids that are there.
func idColumns(ids []drive.ID) [][]byte {
	all := make([][]byte, len(ids))
	for i := range ids {
		all[i] = ids[i][:]
	}
	return all
}

const driveObjectColumns = `id, size, created, touched, whole, request, head, mail`

type driveObjectRow struct {
	o                       drive.Object
	id, request, head, mail []byte
	created, touched        int64
}

func (x *driveObjectRow) scan() []any {
	return []any{&x.id, &x.o.Size, &x.created, &x.touched, &x.o.Whole, &x.request, &x.head, &x.mail}
}

func (x *driveObjectRow) value() (drive.Object, error) {
	o := x.o
	ok := readID((*[16]byte)(&o.ID), x.id, true)
	ok = readID((*[16]byte)(&o.Request), x.request, false) && ok
	ok = readID((*[16]byte)(&o.Mail), x.mail, false) && ok
	if !ok || o.Size < 1 || o.Size > drive.MaxSize {
		return drive.Object{}, damaged("drive_objects", o.ID)
	}
	o.Created = moment(x.created)
	if !o.Whole {
		o.Touched = moment(x.touched)
	}
	if len(x.head) > 0 {
		o.Head = x.head
	}
	return o, nil
}

const drivePartColumns = `object, n, digest, blob, size`

// drivePart is a part, and of which object.
type drivePart struct {
	object drive.ID
	drive.Part
}

type drivePartRow struct {
	p                    drivePart
	object, digest, blob []byte
}

func (x *drivePartRow) scan() []any {
	return []any{&x.object, &x.p.N, &x.digest, &x.blob, &x.p.Blob.Size}
}

func (x *drivePartRow) value() (drivePart, error) {
	p := x.p
	ok := readID((*[16]byte)(&p.object), x.object, true)
	ok = readID((*[16]byte)(&p.Blob.ID), x.blob, true) && ok
	if !ok || copy(p.Sum[:], x.digest) != len(p.Sum) || len(x.digest) != len(p.Sum) || p.N < 0 || p.Blob.Size < 1 {
		return drivePart{}, damaged("drive_parts", p.object, p.N)
	}
	return p, nil
}

const driveLinkColumns = `id, owner, object, box, kdf, proof, created, expires, most, count, used, revoked, killed`

type driveLinkRow struct {
	l                drive.Link
	id, object       []byte
	created, expires int64
	used             []int64
}

func (x *driveLinkRow) scan() []any {
	l := &x.l
	return []any{&x.id, &l.Owner, &x.object, &l.Box, &l.KDF, &l.Check, &x.created, &x.expires, &l.Most, &l.Count, &x.used, &l.Revoked, &l.Killed}
}

func (x *driveLinkRow) value() (drive.Link, error) {
	l := x.l
	ok := readID((*[16]byte)(&l.ID), x.id, true)
	if ok = readID((*[16]byte)(&l.Object), x.object, true) && ok; !ok {
		return drive.Link{}, damaged("drive_links", l.ID)
	}
	l.Created, l.Expires, l.Used = moment(x.created), moment(x.expires), nil
	for _, s := range x.used {
		l.Used = append(l.Used, moment(s))
	}
	return l, nil
}

// times are moments as a column.
func times(all []time.Time) []int64 {
	column := make([]int64, len(all))
	for i, at := range all {
		column[i] = seconds(at)
	}
	return column
}

const driveRequestColumns = `id, owner, box, created, expires, most_files, most_bytes, files, bytes, coming, revoked`

type driveRequestRow struct {
	q                drive.Request
	id               []byte
	created, expires int64
}

func (x *driveRequestRow) scan() []any {
	q := &x.q
	return []any{&x.id, &q.Owner, &q.Box, &x.created, &x.expires, &q.MostFiles, &q.MostBytes, &q.Files, &q.Bytes, &q.Coming, &q.Revoked}
}

func (x *driveRequestRow) value() (drive.Request, error) {
	q := x.q
	if !readID((*[16]byte)(&q.ID), x.id, true) {
		return drive.Request{}, damaged("drive_requests", q.ID)
	}
	q.Created, q.Expires = moment(x.created), moment(x.expires)
	return q, nil
}
