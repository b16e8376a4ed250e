package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// attempt is one try of a transaction. unsure says that an earlier one was sent a commit
// that was not answered: attempt finds out what became of it. It has ended as soon as
// this one has locked a row that both write.
type attempt func(ctx context.Context, tx pgx.Tx, unsure bool) error

// refusal is what an attempt was refused for, and no reason to try again.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// alter makes attempts until one is committed or refused. It is for rows beside the
// index, that are written one at a time; who began is served even if they give up.
func (d *DB) alter(ctx context.Context, do attempt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.Patience)
	defer cancel()
	var refused refusal
	unsure := false
	err := again(ctx, func() error {
		sent := false
		err := d.with(ctx, func(c *pgxpool.Conn) error {
			return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
				err := do(ctx, tx, unsure)
				sent = err == nil
				return err
			})
		})
		if errors.As(err, &refused) {
			return nil
		}
		unsure = unsure || sent && (broken(err) || errors.Is(err, context.DeadlineExceeded))
		return err
	})
	switch {
	case refused.error != nil:
		return refused.error
	case err != nil && unsure:
		return fmt.Errorf("%w: %w", ErrUnsettled, err)
	}
	return err
}

// keyFits says whether a text of so many octets at most can be a key.
func keyFits(key string, most int) bool {
	return key != "" && len(key) <= most && utf8.ValidString(key) && !strings.ContainsRune(key, 0)
}
