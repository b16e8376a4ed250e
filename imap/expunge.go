package imap

import (
	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mailstore"
)

// Expunge is EXPUNGE, UID EXPUNGE and the beginning of CLOSE (RFC 9051,
// sections 6.4.3, 6.4.9 and 6.4.1). What went is told by the look behind it,
// and by CLOSE not at all.
func (s *session) Expunge(_ *imapserver.ExpungeWriter, set *goimap.UIDSet) error {
	if s.box.readOnly && s.command == "CLOSE" {
		return nil
	}
	if err := s.writable(); err != nil {
		return err
	}
	change := mailstore.Expunge{Box: s.box.id, OnlyDeleted: true}
	if set != nil {
		change.UIDs = s.box.uids(s.places(*set))
		if len(change.UIDs) == 0 { // nil would be all
			return nil
		}
	}
	_, err := s.apply(change)
	return s.fault("expunge", err)
}
