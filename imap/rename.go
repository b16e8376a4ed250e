package imap

import (
	"strings"

	"sealpost/mailstore"
)

// rename is RENAME (RFC 9051, section 6.3.6).
func (s *session) rename(r *request) error {
	p := &r.Args
	from, ok1 := p.Box(s.wire.UTF8)
	ok2 := p.Space()
	to, ok3 := p.Box(s.wire.UTF8)
	if !ok1 || !ok2 || !ok3 || !p.End() {
		return bad("expected RENAME mailbox mailbox")
	}
	if strings.ContainsAny(to, "*%") {
		return s.fault("rename", mailstore.ErrName)
	}
	e, err := s.apply(mailstore.Rename{From: from, To: to})
	switch {
	case err != nil:
	case strings.EqualFold(from, mailstore.Inbox): // it stays, and its mail is in a new mailbox
		s.watch.created(to, e)
		s.put(e)
		_ = s.fault("copy metadata", s.copyNotes(e.Box)) // logged there; the mail has moved
	default:
		s.watch.renamed(from, to)
	}
	return s.fault("rename", err)
}

// copyNotes puts what stands beside INBOX beside the mailbox that its mail went to, too
// (RFC 5464, section 4.1).
func (s *session) copyNotes(to mailstore.MailboxID) error {
	inbox, err := s.mailbox(mailstore.Inbox)
	if err != nil {
		return err
	}
	all, _, err := s.noted(inbox.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	_, err = s.apply(mailstore.Note{Box: to, Now: s.sealEntries(to, all)})
	return err
}
