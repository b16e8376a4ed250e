package imap

import (
	"errors"

	"sealpost/mailstore"
)

// close is CLOSE (RFC 9051, section 6.4.1): what is marked \Deleted goes,
// silently, and not from a mailbox that is open for reading only.
func (s *session) close(r *request) error {
	if !r.Args.End() {
		return bad("CLOSE takes no argument")
	}
	if !s.box.readOnly && !s.box.dead {
		_, err := s.apply(mailstore.Expunge{Box: s.box.id, OnlyDeleted: true})
		if err != nil && !errors.Is(err, mailstore.ErrNoMailbox) { // deleted by another: closed is closed
			return s.fault("close", err)
		}
	}
	s.deselect()
	return nil
}

// unselect is UNSELECT (RFC 3691).
func (s *session) unselect(r *request) error {
	if !r.Args.End() {
		return bad("UNSELECT takes no argument")
	}
	s.deselect()
	return nil
}
