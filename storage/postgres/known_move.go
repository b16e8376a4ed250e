package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// keyMove is where a database says that it is moved from or to: beside the mark of its key.
var keyMove = []byte("move")

// Moving is what SetMoving left, or empty: whoever serves must not begin.
func (x *Known) Moving(ctx context.Context) (string, error) {
	row, err := x.row(ctx, kindMark, keyMove)
	if err != nil {
		return "", fmt.Errorf("read whether the database is moved: %w", err)
	}
	return string(row), nil
}

// SetMoving says what becomes of the database, or with nothing that it may be served again.
func (x *Known) SetMoving(ctx context.Context, what string) (err error) {
	if what == "" {
		err = x.delete(ctx, kindMark, keyMove)
	} else {
		err = x.d.write(ctx, `insert into sealed (kind, key, row_) values ($1, $2, $3) on conflict (kind, key) do update set row_ = excluded.row_`,
			kindMark, keyMove, []byte(what))
	}
	if err != nil {
		return fmt.Errorf("say that the database is moved: %w", err)
	}
	return nil
}

// ReplaceSecret has all nodes use another secret, of 32 octets: that of a server that moves in. None
// of them is running.
func (x *Known) ReplaceSecret(ctx context.Context, secret []byte) error {
	if len(secret) != secretSize {
		return fmt.Errorf("replace secret: it has %d octets, and has to have %d", len(secret), secretSize)
	}
	if err := x.put(ctx, kindSecret, purposeSecret, []byte{}, secret); err != nil {
		return fmt.Errorf("replace secret: %w", err)
	}
	return nil
}

// Others are how many connections other nodes have: of those that their connection string gives no
// other name. Of this node none may be opened or closed meanwhile.
func (d *DB) Others(ctx context.Context) (n int, err error) {
	err = d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select count(*) from pg_stat_activity where datname = current_database() and application_name = 'sealpost'`).
			QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	})
	if err != nil {
		return 0, fmt.Errorf("look for other nodes: %w", err)
	}
	return max(0, n-int(d.pool.Stat().TotalConns())), nil
}
