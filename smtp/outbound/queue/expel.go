package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Somebody may be writing to a row at this moment: it is asked for again.
const (
	asking    = 50
	pauseToGo = 20 * time.Millisecond
)

// Expel removes every mail of an account, for good, and returns how many. Mails in
// a sender's hands go too: their leases end, and what is written of them later
// fails with ErrNoSuch. Nobody is told.
func (q *Queue) Expel(ctx context.Context, account string) (n int, err error) {
	group := q.group(account)
	for r, err := range q.rows(ctx) {
		if err != nil {
			return n, err
		}
		if r.Group != group {
			continue
		}
		if err := q.expel(ctx, r); err != nil {
			return n, fmt.Errorf("remove mail %s: %w", r.ID, err)
		}
		n++
	}
	return n, nil
}

func (q *Queue) expel(ctx context.Context, r Row) error {
	for n := 1; ; n++ {
		err := q.Store.Delete(ctx, r.ID, r.Fence)
		if err == nil {
			q.drop(ctx, r)
		}
		if err == nil || errors.Is(err, ErrNoSuch) {
			return nil
		}
		if !errors.Is(err, ErrLease) || n == asking {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauseToGo):
		}
		if r, err = q.Store.Get(ctx, r.ID); err != nil {
			if errors.Is(err, ErrNoSuch) {
				return nil
			}
			return err
		}
	}
}
