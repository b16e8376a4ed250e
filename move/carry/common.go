package carry

import (
	"context"
	"errors"
	"fmt"

	"sealpost/account/signin"
)

// Common carries what is the server's own and no account's: former addresses of accounts that are gone,
// values, policies of others, and invitations. It may be done again.
func Common(ctx context.Context, from, to *End) error {
	sums, err := from.Rows.Former(ctx)
	if err != nil {
		return fmt.Errorf("read former addresses: %w", err)
	}
	b := &Batch{}
	for _, sum := range sums {
		b.Former = append(b.Former, Former{sum})
	}
	if b.Sealed, err = from.Rows.Sealed(ctx, ""); err != nil {
		return fmt.Errorf("read what is known: %w", err)
	}
	if err := to.Rows.Write(ctx, "", b); err != nil {
		return fmt.Errorf("write what is known: %w", err)
	}
	return invitations(ctx, from, to)
}

func invitations(ctx context.Context, from, to *End) error {
	all, err := from.SignIns.Invitations(ctx)
	if err != nil {
		return fmt.Errorf("read invitations: %w", err)
	}
	for _, i := range all {
		if _, err := to.SignIns.Invitation(ctx, i.Token); !errors.Is(err, signin.ErrNone) {
			if err != nil {
				return err
			}
			continue
		}
		if err := to.SignIns.Invite(ctx, i); err != nil {
			return fmt.Errorf("write invitation: %w", err)
		}
	}
	return nil
}
