package rules

import (
	"context"
	"errors"
	"log/slog"

	"sealpost/mailstore"
)

// Deliver stores a sealed mail where the rules say, or else in d.Box, and says where
// that was. Whatever is wrong with a rule, the mail is stored.
func (o Outcome) Deliver(ctx context.Context, s *mailstore.Store, log *slog.Logger, owner mailstore.Owner, d mailstore.Delivery) (e mailstore.Event, box string, err error) {
	switch {
	case o.Trash:
		if d.Box, err = s.BoxFor(ctx, owner, `\Trash`, "Trash"); err != nil {
			return e, "", err
		}
	case o.Mailbox != "":
		d.Box = o.Mailbox
	}
	d.Make, d.Flags = true, o.Flags
	e, err = s.Deliver(ctx, owner, d)
	if mailstore.Refused(err) && !errors.Is(err, mailstore.ErrOverQuota) && (o.Mailbox != "" || o.Trash || o.Flags != nil) {
		log.Warn("a rule could not be obeyed", "account", string(owner), "error", err)
		d.Box, d.Flags = mailstore.Inbox, nil
		e, err = s.Deliver(ctx, owner, d)
	}
	return e, d.Box, err
}

// Follow does what leaves the house for a mail that is stored as e, and marks it where
// it was to be forwarded and was not.
func (r *Room) Follow(ctx context.Context, s *mailstore.Store, m Mail, o Outcome, e mailstore.Event) {
	if !r.Act(ctx, m, o) {
		return
	}
	mark := mailstore.SetFlags{Box: e.Box, UIDs: e.UIDs, Op: mailstore.Add, Flags: []string{NotForwarded}}
	if _, err := s.Apply(ctx, mailstore.Owner(m.Account), mark); err != nil {
		r.Log.Warn("a mail is not marked as not forwarded", "account", string(m.Account), "error", err)
	}
}
