package imap

import "sealpost/mailstore"

// expunge is EXPUNGE and UID EXPUNGE (RFC 9051, sections 6.4.3 and 6.4.9). What
// went is told by the look behind it.
func (s *session) expunge(r *request) error {
	if err := s.writable(); err != nil {
		return err
	}
	change := mailstore.Expunge{Box: s.box.id, OnlyDeleted: true}
	if r.UID {
		spans, err := s.places(&r.Args, true)
		if err != nil || !r.Args.End() {
			return bad("expected UID EXPUNGE set")
		}
		change.UIDs = s.box.uids(spans)
		if len(change.UIDs) == 0 { // nil would be all
			return nil
		}
	} else if !r.Args.End() {
		return bad("EXPUNGE takes no argument")
	}
	e, err := s.apply(change)
	if err == nil {
		r.went = e.Modseq > 0
	}
	return s.fault("expunge", err)
}
