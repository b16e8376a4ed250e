package submission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// errOwnKey says that the sender's own key cannot be sealed to.
var errOwnKey = errors.New("the sender's key cannot be sealed to")

// sentCopy is a mail sealed to its sender, on its way into a mailbox of theirs.
type sentCopy struct {
	owner  mailstore.Owner
	sealed pgp.Sealed
	time   time.Time
}

// sealSent seals what the sender wrote, blind copies and all and with no trace, and
// makes sure there is room for it before anything leaves.
func (t *transaction) sealSent(ctx context.Context, d *draft) (*sentCopy, error) {
	return t.sealOwn(ctx, d.kept(), d.time, false)
}

// sealOwn seals a text to the sender; hidden keeps its subject inside at every level.
func (t *transaction) sealOwn(ctx context.Context, text mail.Bytes, now time.Time, hidden bool) (*sentCopy, error) {
	to, err := t.h.Book.Recipient(ctx, t.who.Account)
	switch {
	case errors.Is(err, pgp.ErrNoKey), errors.Is(err, pgp.ErrRevoked):
		return nil, fmt.Errorf("account %s: %w", t.who.ID, errors.Join(errOwnKey, err))
	case err != nil:
		return nil, err
	}
	if hidden && to.Level == pgp.Open {
		to.Level = pgp.Baseline
	}
	s, err := pgp.Seal(ctx, pgp.Mail{Bytes: text, Gist: mail.Look(ctx, text, t.h.look()), Time: now}, to)
	if err != nil {
		return nil, fmt.Errorf("seal to account %s: %w", t.who.ID, err)
	}
	c := &sentCopy{mailstore.Owner(t.who.ID), s, now}
	return c, t.h.afford(ctx, c)
}

func (h *Handler) afford(ctx context.Context, c *sentCopy) error {
	u, err := h.Store.Index.Usage(ctx, c.owner)
	if err != nil {
		return fmt.Errorf("read usage of account %s: %w", c.owner, err)
	}
	for _, l := range c.sealed.Letters() {
		u.Bytes += l.Size()
	}
	if u.Quota > 0 && u.Bytes > u.Quota {
		return mailstore.ErrOverQuota
	}
	return nil
}

// keep stores a Sent copy where its owner keeps such, read.
func (h *Handler) keep(ctx context.Context, c *sentCopy) error {
	name, err := h.Store.BoxFor(ctx, c.owner, `\Sent`, "Sent")
	if err != nil {
		return err
	}
	_, err = h.deliver(ctx, c, name, mailstore.Seen)
	return err
}

func (h *Handler) deliver(ctx context.Context, c *sentCopy, box string, flags ...string) (mailstore.Event, error) {
	e, err := h.Store.Deliver(ctx, c.owner, mailstore.Delivery{
		Box: box, Make: true, Sealed: c.sealed, Flags: flags, Received: c.time,
	})
	if err != nil {
		return e, fmt.Errorf("deliver to account %s: %w", c.owner, err)
	}
	return e, nil
}
