package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore/lease"
)

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

// Lease is the right to do a job that one node at a time does: a row with a token that grows.
type Lease struct {
	d   *DB
	job string
}

var _ lease.Leases = Lease{}

// Lease is that of a job. Jobs are few, and named by programs.
func (d *DB) Lease(job string) Lease { return Lease{d, job} }

// run runs one of the statements, and says whether there was a row for it.
func (l Lease) run(ctx context.Context, sql string, args ...any) (token lease.Token, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	err = again(ctx, func() error {
		return l.d.with(ctx, func(c *pgxpool.Conn) error {
			b := &pgx.Batch{}
			one(b, &found, []any{&token}, sql, args...)
			return c.SendBatch(ctx, b).Close()
		})
	})
	return token, found, err
}

// Lease that was taken over a connection that broke then is held by nobody until it ends.
func (l Lease) Lease(ctx context.Context, d time.Duration) (lease.Token, error) {
	token, found, err := l.run(ctx, takeLease, l.job, d.Microseconds())
	if err == nil && !found {
		err = lease.ErrHeld
	}
	if err != nil {
		return 0, fmt.Errorf("take lease of %s: %w", l.job, err)
	}
	return token, nil
}

// Renew holds the lease for that long from now.
func (l Lease) Renew(ctx context.Context, token lease.Token, d time.Duration) error {
	_, found, err := l.run(ctx, renewLease, l.job, int64(token), d.Microseconds())
	if err == nil && !found {
		err = lease.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("renew lease of %s: %w", l.job, err)
	}
	return nil
}

// Release gives the lease back early.
func (l Lease) Release(ctx context.Context, token lease.Token) error {
	if _, _, err := l.run(ctx, endLease, l.job, int64(token)); err != nil {
		return fmt.Errorf("give lease of %s back: %w", l.job, err)
	}
	return nil
}

// under is transact while a lease is held: its row is locked from before anything is read until
// all is written, so that the next holder begins when that is over.
func (l Lease) under(ctx context.Context, token lease.Token, first func(*pgx.Batch), then func(*pgx.Batch) error) error {
	var last lease.Token
	var found bool
	return l.d.transact(ctx, func(b *pgx.Batch) {
		one(b, &found, []any{&last}, holdLease, l.job)
		if first != nil {
			first(b)
		}
	}, func(b *pgx.Batch) error {
		if !found || last != token {
			return lease.ErrFenced
		}
		return then(b)
	})
}

// transact is a transaction of two round trips that can be done twice: first reads and
// takes locks, then writes. It fails with what then refuses, or changes nothing if that queues nothing.
func (d *DB) transact(ctx context.Context, first func(*pgx.Batch), then func(*pgx.Batch) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var refused error
	err := again(ctx, func() error {
		refused = nil
		return d.with(ctx, func(c *pgxpool.Conn) (err error) {
			sent := false
			defer func() {
				if !sent || lost(err) {
					c.Exec(ctx, "rollback") // if that fails the connection is not used again
				}
			}()
			b := &pgx.Batch{}
			b.Queue("begin")
			first(b)
			if err := c.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
			b = &pgx.Batch{}
			if refused = then(b); refused != nil || b.Len() == 0 {
				return nil
			}
			b.Queue("commit")
			sent = true
			return c.SendBatch(ctx, b).Close()
		})
	})
	if err != nil {
		return err
	}
	return refused
}
