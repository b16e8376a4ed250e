package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore/packs"
)

// leasePacks is the row of leases that stands for the work on remote blobs.
const leasePacks = "packs"

// A lease ends by the clock of the database, which is one for all nodes. clock_timestamp is
// the moment after the row's lock was got, and not when its transaction began.
const (
	takeLease = `insert into leases as l (job, token, until) values ($1, 1, clock_timestamp() + $2::bigint * interval '1 microsecond')
		on conflict (job) do update set token = l.token + 1, until = clock_timestamp() + $2::bigint * interval '1 microsecond'
		where l.until <= clock_timestamp() returning l.token`
	renewLease = `update leases set until = clock_timestamp() + $3::bigint * interval '1 microsecond' where job = $1 and token = $2 returning token`
	endLease   = `update leases set until = clock_timestamp() where job = $1 and token = $2 returning token`
	// Whoever takes or renews the lease waits until the transaction that holds this lock has ended.
	holdLease = `select token from leases where job = $1 for update`
)

// under is transact while a lease is held: its row is locked from before anything is read until
// all is written, so that the next holder begins when that is over.
func (x Packs) under(ctx context.Context, token packs.Token, first func(*pgx.Batch), then func(*pgx.Batch) error) error {
	var last packs.Token
	var found bool
	return x.transact(ctx, func(b *pgx.Batch) {
		one(b, &found, []any{&last}, holdLease, leasePacks)
		if first != nil {
			first(b)
		}
	}, func(b *pgx.Batch) error {
		if !found || last != token {
			return packs.ErrFenced
		}
		return then(b)
	})
}

// lease runs one of the statements, and says whether there was a row for it.
func (x Packs) lease(ctx context.Context, sql string, args ...any) (token packs.Token, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	err = again(ctx, func() error {
		return x.d.with(ctx, func(c *pgxpool.Conn) error {
			b := &pgx.Batch{}
			one(b, &found, []any{&token}, sql, args...)
			return c.SendBatch(ctx, b).Close()
		})
	})
	return token, found, err
}

// Lease that was taken over a connection that broke then is held by nobody until it ends.
func (x Packs) Lease(ctx context.Context, d time.Duration) (packs.Token, error) {
	token, found, err := x.lease(ctx, takeLease, leasePacks, d.Microseconds())
	if err == nil && !found {
		err = packs.ErrHeld
	}
	if err != nil {
		return 0, fmt.Errorf("take lease of packs: %w", err)
	}
	return token, nil
}

func (x Packs) Renew(ctx context.Context, token packs.Token, d time.Duration) error {
	_, found, err := x.lease(ctx, renewLease, leasePacks, int64(token), d.Microseconds())
	if err == nil && !found {
		err = packs.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("renew lease of packs: %w", err)
	}
	return nil
}

func (x Packs) Release(ctx context.Context, token packs.Token) error {
	if _, _, err := x.lease(ctx, endLease, leasePacks, int64(token)); err != nil {
		return fmt.Errorf("give lease of packs back: %w", err)
	}
	return nil
}
