package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/nodekey"
)

// ErrOtherKey says that the database was sealed under another node key than this node has.
var ErrOtherKey = errors.New("sealed under another node key: all nodes need the key that the first one had")

// Kinds of sealed rows beside the tables of filestore/kept, and what their sealings are for.
const (
	kindMark   = "mark"
	kindSecret = "secret"

	purposeMark   = "key of a file"
	purposeSecret = "secret"
)

// Known is what the server learned of others and was told to remember: sealed under the
// node key. Who has the database alone learns neither whose a row is nor what it is about.
type Known struct {
	d   *DB
	key *nodekey.Key
}

// Known fails with ErrOtherKey when k is not the key of the first node that asked.
func (d *DB) Known(ctx context.Context, k *nodekey.Key) (*Known, error) {
	x := &Known{d, k}
	if err := x.checkKey(ctx); err != nil {
		return nil, fmt.Errorf("open what is known of others: %w", err)
	}
	return x, nil
}

// checkKey leaves a mark of the key where there is none: of nodes that do so at once the first
// one's stays, and the others look at it.
func (x *Known) checkKey(ctx context.Context) error {
	err := x.d.write(ctx, `insert into sealed (kind, key, row_) values ($1, '', $2) on conflict do nothing`,
		kindMark, x.key.Seal(purposeMark, kindMark, nil))
	if err != nil {
		return err
	}
	row, err := x.row(ctx, kindMark, nil)
	if err != nil {
		return err
	}
	if _, err := x.key.Open(purposeMark, kindMark, row); err != nil {
		return ErrOtherKey
	}
	return nil
}

// name is the pseudonym of what must not stand in a key.
func (x *Known) name(purpose, value string) []byte {
	n := x.key.Pseudonym(purpose, value)
	return n[:]
}

func (x *Known) unseal(kind, purpose string, key, row []byte) ([]byte, error) {
	plain, err := x.key.Open(purpose, string(key), row)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", damaged("sealed", kind, fmt.Sprintf("%x", key)), err)
	}
	return plain, nil
}

// row is a row as it lies there, or nil.
func (x *Known) row(ctx context.Context, kind string, key []byte) (row []byte, err error) {
	var found bool
	err = x.d.view(ctx, func(b *pgx.Batch) {
		row = nil
		one(b, &found, []any{&row}, `select row_ from sealed where kind = $1 and key = $2`, kind, nonNil(key))
	})
	return row, err
}

// nonNil is a key as a parameter: nil would be null.
func nonNil(key []byte) []byte { return append([]byte{}, key...) }

// read returns the octets of a row, or nil.
func (x *Known) read(ctx context.Context, kind, purpose string, key []byte) ([]byte, error) {
	row, err := x.row(ctx, kind, key)
	if err != nil || row == nil {
		return nil, err
	}
	return x.unseal(kind, purpose, key, row)
}

// Keys that begin with prefix are from it up to what after says, which is longer than any.
const underPrefix = `kind = $1 and key >= $2 and key < $3`

// after is the first key that does not begin with prefix, which ends with a pseudonym: that all
// its octets are 255 happens to nobody.
func after(prefix []byte) []byte {
	end := prefix
	for len(end) > 0 && end[len(end)-1] == 0xff { // bytes.TrimRight would take other octets for it
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return bytes.Repeat([]byte{0xff}, 64)
	}
	end = nonNil(end)
	end[len(end)-1]++
	return end
}

// rows are those below prefix as they lie there, with their keys.
func (x *Known) rows(ctx context.Context, kind string, prefix []byte) (keys, rows [][]byte, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		keys, rows = nil, nil
		b.Queue(`select key, row_ from sealed where `+underPrefix, kind, nonNil(prefix), after(prefix)).Query(func(found pgx.Rows) error {
			var key, row []byte
			_, err := pgx.ForEachRow(found, []any{&key, &row}, func() error {
				keys, rows = append(keys, key), append(rows, row)
				return nil
			})
			return err
		})
	})
	return keys, rows, err
}

// put seals a row in the place of what was there; nil removes it.
func (x *Known) put(ctx context.Context, kind, purpose string, key, plain []byte) error {
	if plain == nil {
		return x.delete(ctx, kind, key)
	}
	return x.d.write(ctx, `insert into sealed (kind, key, row_) values ($1, $2, $3) on conflict (kind, key) do update set row_ = excluded.row_`,
		kind, key, x.key.Seal(purpose, string(key), plain))
}

func (x *Known) delete(ctx context.Context, kind string, keys ...[]byte) error {
	return x.d.write(ctx, `delete from sealed where kind = $1 and key = any($2::bytea[])`, kind, keys)
}
