package drive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// unlinked is how long what was made of a sent mail stays when no link leads to it.
// What was cut out of a mail on arrival may belong to one that is still on its way in.
const (
	unlinked = ended
	arriving = 2 * time.Hour
)

// TidyMade removes what this server made of an owner's mail and nobody has a use for: of
// mail that arrived, when the mail is gone for good; of mail that was sent, when its links
// are. What the owner took over stays. gone takes away from mails those that are there.
func (d *Drive) TidyMade(ctx context.Context, o Owner, gone func(ctx context.Context, mails map[MailID]bool) error) (removed int, err error) {
	made, mails, err := d.made(ctx, o)
	if err != nil || len(made) == 0 {
		return 0, err
	}
	if len(mails) > 0 {
		if err := gone(ctx, mails); err != nil {
			return 0, fmt.Errorf("look for the mails of files: %w", err)
		}
	}
	for _, x := range made {
		if x.Mail != (MailID{}) && !mails[x.Mail] {
			continue
		}
		_, err := d.apply(ctx, o, Remove{Object: x.ID, Unused: true})
		switch {
		case errors.Is(err, ErrNone) || errors.Is(err, ErrNoOwner): // it was taken over, or went by itself
		case err != nil:
			return removed, err
		default:
			removed++
		}
	}
	return removed, nil
}

// made are an owner's files that this server made and that could go, and the mails that
// some of them came with.
func (d *Drive) made(ctx context.Context, o Owner) (all []Object, mails map[MailID]bool, err error) {
	const page = 1000
	now := d.Now()
	mails = map[MailID]bool{}
	for after := (ID{}); ; {
		some, err := d.Store.Objects(ctx, o, after, page, false)
		if err != nil {
			return nil, nil, fmt.Errorf("list files: %w", err)
		}
		for _, x := range some {
			switch {
			case !x.Whole:
			case x.Mail != (MailID{}) && x.Created.Before(now.Add(-arriving)):
				all, mails[x.Mail] = append(all, x), true
			case x.Request == Outgoing && x.Created.Before(now.Add(-unlinked)):
				all = append(all, x)
			}
		}
		if len(some) < page {
			return all, mails, nil
		}
		after = some[len(some)-1].ID
	}
}
