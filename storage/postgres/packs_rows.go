package postgres

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// perhaps is a time that may be missing, as a column that may be null.
func perhaps(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	s := seconds(t)
	return &s
}

func perhapsMoment(s *int64) time.Time {
	if s == nil {
		return time.Time{}
	}
	return moment(*s)
}

const (
	objectOf = `o.key, o.size, o.content, o.made, o.rule, o.copies, o.changed, o.short, o.retired, o.doomed`
	entryOf  = `e.id, e.key, e.off_, e.size, e.stored, e.deleted`
)

// objectRow is a row of packs_objects on its way.
type objectRow struct {
	key           []byte
	o             packs.Object
	made, changed int64
	retired       *int64
}

func (x *objectRow) scan() []any {
	return []any{&x.key, &x.o.Size, &x.o.Content, &x.made, &x.o.Rule, &x.o.Copies, &x.changed, &x.o.Short, &x.retired, &x.o.Doomed}
}

func (x *objectRow) object() (packs.Object, error) {
	o := x.o
	if len(x.key) != len(o.Key) {
		return packs.Object{}, damaged("packs_objects")
	}
	o.Key = packs.Key(x.key)
	o.Made, o.Changed, o.Retired = moment(x.made), moment(x.changed), perhapsMoment(x.retired)
	return o, nil
}

// objectList queues a question for objects.
func objectList(b *pgx.Batch, into *[]packs.Object, sql string, args ...any) {
	*into = nil
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		var row objectRow
		_, err := pgx.ForEachRow(rows, row.scan(), func() error {
			o, err := row.object()
			*into = append(*into, o)
			return err
		})
		return err
	})
}

// blobRow is a row of packs_entries on its way.
type blobRow struct {
	id, key           []byte
	off, size, stored int64
	deleted           *int64
}

func (x *blobRow) scan() []any {
	return []any{&x.id, &x.key, &x.off, &x.size, &x.stored, &x.deleted}
}

func (x *blobRow) entry() (packs.Entry, error) {
	e := packs.Entry{Off: x.off, Size: x.size, Stored: moment(x.stored), Deleted: perhapsMoment(x.deleted)}
	if len(x.id) != len(e.ID) || len(x.key) != len(e.Key) {
		return packs.Entry{}, damaged("packs_entries")
	}
	e.ID, e.Key = filestore.ID(x.id), packs.Key(x.key)
	return e, nil
}

// entryList queues a question for what lies in objects.
func entryList(b *pgx.Batch, into *[]packs.Entry, sql string, args ...any) {
	*into = nil
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		var row blobRow
		_, err := pgx.ForEachRow(rows, row.scan(), func() error {
			e, err := row.entry()
			*into = append(*into, e)
			return err
		})
		return err
	})
}

// count is what an object's row says of what lies in it.
type count struct {
	living, octets int64
	first, last    *int64 // deletions
}

func (n *count) add(e packs.Entry) {
	if e.Deleted.IsZero() {
		n.living++
		n.octets += e.Size
		return
	}
	at := seconds(e.Deleted)
	if n.first == nil || at < *n.first {
		n.first = &at
	}
	if n.last == nil || at > *n.last {
		n.last = &at
	}
}

// countAdded refuses what no database could be wanted to keep: an object without a copy, a blob
// in none of the objects.
func countAdded(objects []packs.Object, entries []packs.Entry) (map[packs.Key]count, error) {
	counts := map[packs.Key]count{}
	for _, o := range objects {
		if _, twice := counts[o.Key]; twice || len(o.Copies) == 0 {
			return nil, fmt.Errorf("object %s cannot be added", o.Key)
		}
		counts[o.Key] = count{}
	}
	for _, e := range entries {
		n, ok := counts[e.Key]
		if !ok {
			return nil, fmt.Errorf("blob %s cannot be added", e.ID)
		}
		n.add(e)
		counts[e.Key] = n
	}
	return counts, nil
}

// insertObject writes one. They are few, and go out together.
func insertObject(b *pgx.Batch, o packs.Object, n count, conflict string) {
	b.Queue(`insert into packs_objects (key, size, content, made, rule, copies, changed, short, retired, doomed, living, octets, first_deleted, last_deleted)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`+conflict,
		o.Key[:], o.Size, o.Content, seconds(o.Made), o.Rule, slices.Sorted(slices.Values(o.Copies)), seconds(o.Changed),
		o.Short, perhaps(o.Retired), o.Doomed, n.living, n.octets, n.first, n.last)
}

func insertEntries(b *pgx.Batch, entries []packs.Entry) {
	if len(entries) == 0 {
		return
	}
	var ids, keys [][]byte
	var offs, sizes, stored []int64
	var deleted []*int64
	for _, e := range entries {
		ids, keys = append(ids, e.ID[:]), append(keys, e.Key[:])
		offs, sizes, stored = append(offs, e.Off), append(sizes, e.Size), append(stored, seconds(e.Stored))
		deleted = append(deleted, perhaps(e.Deleted))
	}
	b.Queue(`insert into packs_entries (id, key, off_, size, stored, deleted)
		select * from unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])`, ids, keys, offs, sizes, stored, deleted)
}

// countDeleted writes what went from objects, in the order of their keys, so that two who do
// so do not wait for each other.
func countDeleted(b *pgx.Batch, at time.Time, gone map[packs.Key]count) {
	if len(gone) == 0 {
		return
	}
	var keys [][]byte
	var living, octets []int64
	for _, k := range slices.SortedFunc(maps.Keys(gone), compareKeys) {
		keys, living, octets = append(keys, k[:]), append(living, gone[k].living), append(octets, gone[k].octets)
	}
	b.Queue(`update packs_objects o set living = living - g.n, octets = octets - g.size, first_deleted = least(first_deleted, $4), last_deleted = greatest(last_deleted, $4)
		from unnest($1::bytea[], $2::bigint[], $3::bigint[]) as g (key, n, size) where o.key = g.key`, keys, living, octets, seconds(at))
}

func compareKeys(a, b packs.Key) int { return bytes.Compare(a[:], b[:]) }

func keyBytes(keys []packs.Key) [][]byte {
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	return list
}

func objectKeys(objects []packs.Object) (list []packs.Key) {
	for _, o := range objects {
		list = append(list, o.Key)
	}
	return list
}

func blobIDs(ids []filestore.ID) [][]byte {
	list := make([][]byte, len(ids))
	for i := range ids {
		list[i] = ids[i][:]
	}
	return list
}
