package mailstore

import (
	"context"
	"errors"
	"fmt"
)

// errMoving says that an owner's mail was changed each time it was looked through.
var errMoving = errors.New("mailboxes change too often to be looked through")

// Absent leaves in mails those that stand in none of an owner's mailboxes. What is moved
// while it looks could be missed, so it looks again until nothing was changed meanwhile.
func (s *Store) Absent(ctx context.Context, o Owner, mails map[[16]byte]bool) error {
	for range 5 {
		before, err := s.Index.Modseq(ctx, o)
		if err != nil {
			return fmt.Errorf("read modseq: %w", err)
		}
		if err := s.strikeAll(ctx, o, mails); err != nil || len(mails) == 0 {
			return err
		}
		after, err := s.Index.Modseq(ctx, o)
		if err != nil {
			return fmt.Errorf("read modseq: %w", err)
		}
		if after == before {
			return nil
		}
	}
	return errMoving
}

func (s *Store) strikeAll(ctx context.Context, o Owner, mails map[[16]byte]bool) error {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return fmt.Errorf("list mailboxes: %w", err)
	}
	for _, b := range boxes {
		if err := s.strike(ctx, o, b.ID, mails); err != nil || len(mails) == 0 {
			return err
		}
	}
	return nil
}

// strike takes away from mails those in one mailbox.
func (s *Store) strike(ctx context.Context, o Owner, box MailboxID, mails map[[16]byte]bool) error {
	var uids []UID
	for e, err := range s.Index.Entries(ctx, o, box, 0) {
		if err != nil {
			return fmt.Errorf("read entries of mailbox %d: %w", box, err)
		}
		uids = append(uids, e.UID)
	}
	for m, err := range s.Index.Mails(ctx, o, box, uids) {
		if err != nil {
			return fmt.Errorf("read mails of mailbox %d: %w", box, err)
		}
		if delete(mails, m.ID); len(mails) == 0 {
			return nil
		}
	}
	return nil
}
