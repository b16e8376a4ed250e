package imap

import (
	"errors"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mailstore"
)

// Copy is COPY (RFC 9051, section 6.4.7) with COPYUID (RFC 4315).
func (s *session) Copy(set goimap.NumSet, dest string) (*goimap.CopyData, error) {
	to, err := s.target(dest)
	if err != nil {
		return nil, s.fault("copy", err)
	}
	uids := s.box.uids(s.places(set))
	if len(uids) == 0 {
		return nil, nil
	}
	e, err := s.apply(mailstore.Copy{From: s.box.id, To: to.ID, UIDs: uids})
	if err != nil {
		return nil, s.fault("copy", err)
	}
	return copied(e), nil
}

// Move is MOVE (RFC 6851). The expunges are told by the look behind it.
func (s *session) Move(w *imapserver.MoveWriter, set goimap.NumSet, dest string) error {
	if err := s.writable(); err != nil {
		return err
	}
	to, err := s.target(dest)
	if err != nil {
		return s.fault("move", err)
	}
	uids := s.box.uids(s.places(set))
	if len(uids) == 0 {
		return nil
	}
	e, err := s.apply(mailstore.Move{From: s.box.id, To: to.ID, UIDs: uids})
	if err != nil {
		return s.fault("move", err)
	}
	if data := copied(e); data != nil {
		return w.WriteCopyData(data)
	}
	return nil
}

// target finds the mailbox to put messages into; a client may make a missing
// one and try again.
func (s *session) target(name string) (mailstore.Mailbox, error) {
	box, err := s.mailbox(name)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return box, no(goimap.ResponseCodeTryCreate, "no such mailbox")
	}
	return box, err
}

// copied says which UIDs came from which: both sets are ascending, for the
// order of UIDs is kept.
func copied(e mailstore.Event) *goimap.CopyData {
	if len(e.UIDs) == 0 {
		return nil
	}
	return &goimap.CopyData{UIDValidity: e.Valid, SourceUIDs: uidSet(e.Sources), DestUIDs: uidSet(e.UIDs)}
}
