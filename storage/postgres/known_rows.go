package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/kept"
	"sealpost/pgp/discover"
	"sealpost/smtp/outbound/route"
)

// Peers is the database as pgp/discover sees it.
func (x *Known) Peers() discover.Peers { return discover.Keep(sealedRows{x}) }

// Policies is the database as smtp/outbound/route sees it.
func (x *Known) Policies() route.PolicyStore { return route.Keep(sealedRows{x}, x.d.o.Now) }

// Papers are those of the database.
func (x *Known) Papers() kept.Papers { return kept.Papers{Rows: sealedRows{x}} }

// Values are those of the database, some of which several nodes write.
type Values struct {
	kept.Values
	known *Known
}

// Values are those of the database.
func (x *Known) Values() Values { return Values{kept.Values{Rows: sealedRows{x}}, x} }

// sealedRows is the database as filestore/kept sees it: a table is a kind.
type sealedRows struct{ known *Known }

func (x sealedRows) Name(purpose, value string) []byte { return x.known.name(purpose, value) }

func (x sealedRows) Damaged(in kept.Table, key []byte) error {
	return damaged("sealed", in, fmt.Sprintf("%x", key))
}

func (x sealedRows) Get(ctx context.Context, in kept.Table, purpose string, key []byte) ([]byte, error) {
	return x.known.read(ctx, string(in), purpose, key)
}

func (x sealedRows) Under(ctx context.Context, in kept.Table, purpose string, prefix []byte) (keys, octets [][]byte, err error) {
	names, rows, err := x.known.rows(ctx, string(in), prefix)
	for i, row := range rows {
		plain, err := x.known.unseal(string(in), purpose, names[i], row)
		if err != nil {
			x.known.d.o.Log.Error("what is known of others is damaged", "error", err)
			continue
		}
		keys, octets = append(keys, names[i]), append(octets, plain)
	}
	return keys, octets, err
}

func (x sealedRows) Has(ctx context.Context, in kept.Table, key, prefix []byte) (there bool, n int, err error) {
	err = x.known.d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select exists (select from sealed where kind = $1 and key = $4), (select count(*) from sealed where `+underPrefix+`)`,
			string(in), nonNil(prefix), after(prefix), key).QueryRow(func(row pgx.Row) error { return row.Scan(&there, &n) })
	})
	return there, n, err
}

func (x sealedRows) Put(ctx context.Context, in kept.Table, purpose string, key, octets []byte) error {
	return x.known.put(ctx, string(in), purpose, key, octets)
}

func (x sealedRows) Delete(ctx context.Context, in kept.Table, keys ...[]byte) error {
	return x.known.delete(ctx, string(in), keys...)
}

func (x sealedRows) DeleteUnder(ctx context.Context, in kept.Table, prefix []byte) error {
	return x.known.d.write(ctx, `delete from sealed where `+underPrefix, string(in), nonNil(prefix), after(prefix))
}
