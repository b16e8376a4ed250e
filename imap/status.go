package imap

import (
	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// Status is STATUS (RFC 9051, section 6.3.11).
func (s *session) Status(name string, _ *goimap.StatusOptions) (*goimap.StatusData, error) {
	box, err := s.mailbox(name)
	if err != nil {
		return nil, s.fault("status", err)
	}
	data := s.status(box)
	data.Mailbox = name // as the client spelt it
	return data, nil
}

// status is everything that can be asked; imapserver writes what was.
func (s *session) status(b mailstore.Mailbox) *goimap.StatusData {
	limit, none, unknown := s.AppendLimit(), uint32(0), int64(0)
	return &goimap.StatusData{
		Mailbox:        b.Name,
		NumMessages:    &b.Messages,
		NumRecent:      &none,
		UIDNext:        goimap.UID(b.UIDNext),
		UIDValidity:    b.UIDValidity,
		NumUnseen:      &b.Unseen,
		NumDeleted:     &b.Deleted,
		Size:           &b.Bytes,
		AppendLimit:    &limit,
		DeletedStorage: &unknown,
	}
}
