package postgres

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

func (x Packs) Objects(ctx context.Context) iter.Seq2[packs.Object, error] {
	return pagewise("list objects", func(after []byte) (page []packs.Object, last []byte, err error) {
		err = x.d.view(ctx, func(b *pgx.Batch) {
			objectList(b, &page, `select `+objectOf+` from packs_objects o where o.key > $1 order by o.key limit $2`, after, packRows)
		})
		if n := len(page); n > 0 {
			last = page[n-1].Key[:]
		}
		return page, last, err
	})
}

func (x Packs) Lookup(ctx context.Context, keys []packs.Key) (list []packs.Object, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		objectList(b, &list, `select `+objectOf+` from packs_objects o where o.key = any($1::bytea[])`, keyBytes(keys))
	})
	if err != nil {
		return nil, fmt.Errorf("look %d objects up: %w", len(keys), err)
	}
	return list, nil
}

func (x Packs) Entries(ctx context.Context, key packs.Key) (list []packs.Entry, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		entryList(b, &list, `select `+entryOf+` from packs_entries e where e.key = $1 order by e.off_`, key[:])
	})
	if err != nil {
		return nil, fmt.Errorf("list blobs of object %s: %w", key, err)
	}
	return list, nil
}

// idle is when nothing of an object is needed: it is retired or all in it is deleted, and since
// then time has passed. The first half is that of an index.
const idle = `(o.retired is not null or o.living = 0) and (o.doomed or coalesce(o.retired, o.last_deleted, 0) < $1)`

func (x Packs) Doom(ctx context.Context, token packs.Token, before time.Time, limit int) (list []packs.Object, err error) {
	err = x.under(ctx, token, nil, func(b *pgx.Batch) error {
		objectList(b, &list, `with l as materialized (select key from packs_objects o where `+idle+` order by key limit $2 for update)
			update packs_objects o set doomed = true from l where o.key = l.key returning `+objectOf, seconds(before), limit)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("doom objects: %w", err)
	}
	slices.SortFunc(list, func(a, b packs.Object) int { return compareKeys(a.Key, b.Key) })
	return list, nil
}

func (x Packs) Forget(ctx context.Context, token packs.Token, keys []packs.Key) error {
	err := x.under(ctx, token, nil, func(b *pgx.Batch) error {
		b.Queue(`delete from packs_entries e using packs_objects o where o.key = any($1::bytea[]) and o.doomed and e.key = o.key`, keyBytes(keys))
		b.Queue(`delete from packs_objects where key = any($1::bytea[]) and doomed`, keyBytes(keys))
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget %d objects: %w", len(keys), err)
	}
	return nil
}

// Loose goes through packs from the smallest on. Only for those in which something was
// deleted within the grace does it look at entries.
func (x Packs) Loose(ctx context.Context, q packs.Loose) (list []packs.Living, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		list = nil
		b.Queue(`select `+objectOf+`, o.octets + g.octets, coalesce(o.first_deleted < $5, false) from packs_objects o
			cross join lateral (select coalesce(sum(e.size), 0)::bigint as octets from packs_entries e
				where o.last_deleted >= $1 and e.key = o.key and e.deleted >= $1) g
			where o.retired is null and not o.doomed and not o.short and o.size <= $2 and o.made <= $3
				and (o.living > 0 or o.last_deleted >= $1)
				and (o.first_deleted < $5 or o.size < $6 or o.octets < $4::float8 * o.content)
				and (o.first_deleted < $5 or o.size < $6 or o.octets + g.octets < $4::float8 * o.content)
			order by o.size, o.key limit $7`,
			seconds(q.Deleted), q.Largest, seconds(q.Made), q.Share, seconds(q.Stale), q.Small, q.Limit).Query(func(rows pgx.Rows) error {
			var row objectRow
			var l packs.Living
			_, err := pgx.ForEachRow(rows, append(row.scan(), &l.Octets, &l.Stale), func() (err error) {
				l.Object, err = row.object()
				list = append(list, l)
				return err
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for loose objects: %w", err)
	}
	return list, nil
}

// Move holds the locks of all that lies in from, so that nobody deletes of it meanwhile.
func (x Packs) Move(ctx context.Context, token packs.Token, at, deleted time.Time, from []packs.Key, to packs.Object, entries []packs.Entry) error {
	var there []packs.Entry
	err := x.under(ctx, token, func(b *pgx.Batch) {
		entryList(b, &there, `select `+entryOf+` from packs_entries e where e.key = any($1::bytea[]) order by e.id for update`, keyBytes(from))
	}, func(b *pgx.Batch) error {
		m, err := planMove(there, entries, deleted)
		if err != nil {
			return err
		}
		m.write(b, to)
		b.Queue(`update packs_objects set retired = $2, short = false, living = 0, octets = 0, first_deleted = null, last_deleted = null where key = any($1::bytea[])`,
			keyBytes(from), seconds(at))
		return nil
	})
	if err != nil {
		return fmt.Errorf("move blobs of %d objects: %w", len(from), err)
	}
	return nil
}

// moving is what becomes of entries: those that moved, at their new offsets, and those that
// are forgotten.
type moving struct {
	ids, left [][]byte
	offs      []int64
	count     count
}

// planMove fails when something would be lost.
func planMove(there, wanted []packs.Entry, deleted time.Time) (m moving, err error) {
	offs := map[filestore.ID]int64{}
	for _, e := range wanted {
		offs[e.ID] = e.Off
	}
	for _, e := range there {
		off, moves := offs[e.ID]
		switch {
		case moves:
			m.ids, m.offs = append(m.ids, e.ID[:]), append(m.offs, off)
			m.count.add(e)
		case e.Deleted.IsZero() || !e.Deleted.Before(deleted):
			return moving{}, packs.ErrChanged
		default:
			m.left = append(m.left, e.ID[:])
		}
	}
	return m, nil
}

// write makes the new object, unless a try whose answer was lost has made it.
func (m moving) write(b *pgx.Batch, to packs.Object) {
	insertObject(b, to, m.count, ` on conflict do nothing`)
	if len(m.ids) > 0 {
		b.Queue(`update packs_entries e set key = $1, off_ = m.off_ from unnest($2::bytea[], $3::bigint[]) as m (id, off_) where e.id = m.id`, to.Key[:], m.ids, m.offs)
	}
	if len(m.left) > 0 {
		b.Queue(`delete from packs_entries where id = any($1::bytea[])`, m.left)
	}
}

func (x Packs) Noted(ctx context.Context, after packs.Key, limit int) (list []packs.Object, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		objectList(b, &list, `select `+objectOf+` from packs_objects o where o.short and not o.doomed and o.key > $1 order by o.key limit $2`, after[:], limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list noted objects: %w", err)
	}
	return list, nil
}

func (x Packs) SetCopies(ctx context.Context, token packs.Token, at time.Time, key packs.Key, copies []string, short bool) error {
	err := x.under(ctx, token, nil, func(b *pgx.Batch) error {
		b.Queue(`update packs_objects set copies = $2, changed = $3, short = $4 where key = $1 and not doomed`,
			key[:], slices.Sorted(slices.Values(copies)), seconds(at), short)
		return nil
	})
	if err != nil {
		return fmt.Errorf("set copies of object %s: %w", key, err)
	}
	return nil
}

func (x Packs) Done(ctx context.Context, token packs.Token, job string, at time.Time) error {
	err := x.under(ctx, token, nil, func(b *pgx.Batch) error {
		b.Queue(`insert into packs_done (job, at) values ($1, $2) on conflict (job) do update set at = excluded.at`, job, seconds(at))
		return nil
	})
	if err != nil {
		return fmt.Errorf("note that %s was done: %w", job, err)
	}
	return nil
}

func (x Packs) LastDone(ctx context.Context, job string) (at time.Time, err error) {
	var s int64
	var found bool
	err = x.d.view(ctx, func(b *pgx.Batch) { one(b, &found, []any{&s}, `select at from packs_done where job = $1`, job) })
	if err != nil {
		return time.Time{}, fmt.Errorf("read when %s was done: %w", job, err)
	}
	if found {
		at = moment(s)
	}
	return at, nil
}
