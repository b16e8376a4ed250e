package mailstore

import (
	"context"
	"fmt"

	"sealpost/pgp"
)

// Resealed is a message and the letters its owner's client sealed anew.
type Resealed struct {
	Mail    Mail // as it stands in the mailbox
	Letters []pgp.Letter
}

// Reseal puts messages in the place of others, durably before it returns, all or none;
// see the change of that name. Those that are gone have no UID in the events.
func (s *Store) Reseal(ctx context.Context, o Owner, box MailboxID, mails []Resealed) ([]Event, error) {
	letters := make([][]pgp.Letter, len(mails))
	for i, m := range mails {
		letters[i] = m.Letters
	}
	stored, err := s.put(ctx, o, letters)
	if err != nil {
		return nil, fmt.Errorf("store blobs: %w", err)
	}
	defer s.landed(stored)
	changes := make([]Change, len(mails))
	for i, m := range mails {
		size := pgp.ServedSize(m.Mail.Outer, m.Mail.Form, sizeOf(stored[i], pgp.KindMessage))
		changes[i] = Reseal{Box: box, UID: m.Mail.UID, Size: size, Letters: stored[i]}
	}
	events, err := s.Apply(ctx, o, changes...)
	if err != nil {
		if Refused(err) { // otherwise an entry may point at them: the sweeper will know
			s.discard(ctx, ids(stored))
		}
		return nil, fmt.Errorf("enter into index: %w", err)
	}
	return events, nil
}
