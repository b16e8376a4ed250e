package imap

import (
	"strings"

	"sealpost/mailstore"
)

// remove is DELETE (RFC 9051, section 6.3.5). What has mailboxes below it
// stays: they would lose the name they are listed under.
func (s *session) remove(r *request) error {
	name, ok := r.Args.Box(s.wire.UTF8)
	if !ok || !r.Args.End() {
		return bad("expected DELETE mailbox")
	}
	box, err := s.mailbox(name)
	if err != nil {
		return s.fault("delete", err)
	}
	if box.Name == mailstore.Inbox { // whatever stands below it
		return s.fault("delete", mailstore.ErrInbox)
	}
	boxes, err := s.server.Store.Index.Mailboxes(s.ctx, s.owner)
	if err != nil {
		return s.fault("delete", err)
	}
	for _, b := range boxes {
		if strings.HasPrefix(b.Name, box.Name+delimiter) {
			return no("HASCHILDREN", "delete the mailboxes below it first")
		}
	}
	if _, err = s.apply(mailstore.Remove{Name: name}); err == nil {
		s.watch.removed(box.ID)
	}
	return s.fault("delete", err)
}
