package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// Packs is the database as an engine of remote blobs sees it. What an object holds is counted
// in its row: whoever changes entries changes the counts in the same transaction, and
// holds the entries' locks before it takes those of objects.
type Packs struct{ d *DB }

var (
	_ packs.Index  = Packs{}
	_ packs.Leases = Packs{}
)

// Packs is the index of remote blobs, and the lease of who tidies up.
func (d *DB) Packs() Packs { return Packs{d} }

// Store makes the store's name and secret when it is first asked, by whatever node.
func (x Packs) Store(ctx context.Context) (packs.Store, error) {
	s, found, err := x.store(ctx)
	if err == nil && !found {
		var id [16]byte
		var secret [32]byte
		rand.Read(id[:])
		rand.Read(secret[:])
		err = x.d.write(ctx, `insert into packs_store (id, secret) values ($1, $2) on conflict do nothing`, id[:], secret[:])
		if err == nil { // what stands there, whoever put it
			s, found, err = x.store(ctx)
		}
	}
	if err == nil && !found {
		err = damaged("packs_store")
	}
	if err != nil {
		return packs.Store{}, fmt.Errorf("read store of packs: %w", err)
	}
	return s, nil
}

func (x Packs) store(ctx context.Context) (s packs.Store, found bool, err error) {
	var id, secret []byte
	err = x.d.view(ctx, func(b *pgx.Batch) { one(b, &found, []any{&id, &secret}, `select id, secret from packs_store`) })
	if err != nil || !found {
		return s, false, err
	}
	if len(id) != len(s.ID) || len(secret) != len(s.Secret) {
		return s, false, damaged("packs_store")
	}
	return packs.Store{ID: [16]byte(id), Secret: packs.Secret(secret)}, true, nil
}

// Add is one round trip. Keys are never given twice, so what stands there after a connection
// broke is what was written over it.
func (x Packs) Add(ctx context.Context, objects []packs.Object, entries []packs.Entry) error {
	counts, err := countAdded(objects, entries)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || len(objects) == 0 {
		return err
	}
	var unsure bool
	var twice error
	err = again(ctx, func() error {
		twice = nil
		err := x.d.with(ctx, func(c *pgxpool.Conn) error {
			b := &pgx.Batch{}
			b.Queue("begin")
			for _, o := range objects {
				insertObject(b, o, counts[o.Key], "")
			}
			insertEntries(b, entries)
			b.Queue("commit")
			err := c.SendBatch(ctx, b).Close()
			if err != nil {
				c.Exec(ctx, "rollback") // if that fails the connection is not used again
			}
			return err
		})
		if code(err) == codeUnique { // not a race, but a refusal
			twice = quiet(err)
			return nil
		}
		unsure = unsure || broken(err)
		return err
	})
	if err == nil && twice != nil && unsure {
		var there []packs.Object
		if there, err = x.Lookup(ctx, objectKeys(objects)); err == nil && len(there) == len(objects) {
			return nil
		}
	}
	if err = errors.Join(err, twice); err != nil {
		return fmt.Errorf("add %d objects: %w", len(objects), err)
	}
	return nil
}

// Find answers in one round trip, however many there are.
func (x Packs) Find(ctx context.Context, ids []filestore.ID) ([]packs.Found, error) {
	found := make([]packs.Found, len(ids))
	err := x.d.view(ctx, func(b *pgx.Batch) {
		clear(found)
		b.Queue(`select i.n, `+entryOf+`, `+objectOf+` from unnest($1::bytea[]) with ordinality as i (id, n)
			join packs_entries e on e.id = i.id join packs_objects o on o.key = e.key where e.deleted is null`, blobIDs(ids)).Query(func(rows pgx.Rows) error {
			var n int
			var e blobRow
			var o objectRow
			_, err := pgx.ForEachRow(rows, slices.Concat([]any{&n}, e.scan(), o.scan()), func() (err error) {
				f := &found[n-1]
				if f.Entry, err = e.entry(); err == nil {
					f.Object, err = o.object()
				}
				return err
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find %d blobs: %w", len(ids), err)
	}
	return found, nil
}

// Delete marks the entries, and then what it marked is counted at the objects in which they
// lie by then: one that is being moved is waited for.
func (x Packs) Delete(ctx context.Context, at time.Time, ids []filestore.ID) error {
	if len(ids) == 0 {
		return ctx.Err()
	}
	gone := map[packs.Key]count{}
	err := x.d.transact(ctx, func(b *pgx.Batch) {
		clear(gone)
		b.Queue(`with marked as materialized (select id from packs_entries where id = any($1::bytea[]) and deleted is null order by id for update)
			update packs_entries e set deleted = $2 from marked m where e.id = m.id returning e.key, e.size`, blobIDs(ids), seconds(at)).Query(func(rows pgx.Rows) error {
			var key []byte
			var size int64
			_, err := pgx.ForEachRow(rows, []any{&key, &size}, func() error {
				if len(key) != len(packs.Key{}) {
					return damaged("packs_entries")
				}
				n := gone[packs.Key(key)]
				gone[packs.Key(key)] = count{living: n.living + 1, octets: n.octets + size}
				return nil
			})
			return err
		})
	}, func(b *pgx.Batch) error {
		countDeleted(b, at, gone)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete %d blobs: %w", len(ids), err)
	}
	return nil
}

// packRows is how many rows a page of a list has: of blobs or of objects.
const packRows = 2048

// All reads pages by id, and holds no connection while they are looked at.
func (x Packs) All(ctx context.Context, space byte) iter.Seq2[filestore.Info, error] {
	first, end := []byte{space}, []byte{space, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
	return pagewise("list blobs", func(after []byte) (page []filestore.Info, last []byte, err error) {
		if len(after) == 0 {
			after = first
		}
		err = x.d.view(ctx, func(b *pgx.Batch) {
			page = nil
			b.Queue(`select `+entryOf+` from packs_entries e where e.id > $1 and e.id < $3 and e.deleted is null order by e.id limit $2`, after, packRows, end).Query(func(rows pgx.Rows) error {
				var row blobRow
				_, err := pgx.ForEachRow(rows, row.scan(), func() error {
					e, err := row.entry()
					page, last = append(page, filestore.Info{Ref: filestore.Ref{ID: e.ID, Size: e.Size}, Stored: e.Stored}), e.ID[:]
					return err
				})
				return err
			})
		})
		return page, last, err
	})
}

// pagewise goes through pages; last is where one ended.
func pagewise[T any](what string, read func(after []byte) (page []T, last []byte, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := []byte{}; ; {
			page, last, err := read(after)
			if err != nil {
				var none T
				yield(none, fmt.Errorf("%s: %w", what, err))
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if len(page) < packRows {
				return
			}
			after = last
		}
	}
}

func (x Packs) Note(ctx context.Context, keys []packs.Key) error {
	err := x.d.write(ctx, `update packs_objects set short = true where key = any($1::bytea[]) and not doomed and not short`, keyBytes(keys))
	if err != nil {
		return fmt.Errorf("note %d objects: %w", len(keys), err)
	}
	return nil
}
