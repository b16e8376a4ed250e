package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/packs"
)

// The work on remote blobs has a lease as other jobs have.
func (x Packs) tidier() Lease { return x.d.Lease("packs") }

func (x Packs) under(ctx context.Context, token packs.Token, first func(*pgx.Batch), then func(*pgx.Batch) error) error {
	return x.tidier().under(ctx, token, first, then)
}

// Lease takes the lease of who tidies up.
func (x Packs) Lease(ctx context.Context, d time.Duration) (packs.Token, error) {
	return x.tidier().Lease(ctx, d)
}

// Renew holds it for that long from now.
func (x Packs) Renew(ctx context.Context, token packs.Token, d time.Duration) error {
	return x.tidier().Renew(ctx, token, d)
}

// Release gives it back.
func (x Packs) Release(ctx context.Context, token packs.Token) error {
	return x.tidier().Release(ctx, token)
}
