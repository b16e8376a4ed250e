package imap

import "sealpost/mailstore"

// move is MOVE (RFC 6851). The expunges are told by the look behind it.
func (s *session) move(r *request) error {
	if err := s.writable(); err != nil {
		return err
	}
	to, uids, err := s.copyArgs(r)
	if err != nil || len(uids) == 0 {
		return s.fault("move", err)
	}
	e, err := s.apply(mailstore.Move{From: s.box.id, To: to.ID, UIDs: uids})
	if err != nil {
		return s.fault("move", err)
	}
	s.put(e)
	if code := copied(e); code != "" {
		s.wire.Str("* OK [" + code + "] moved\r\n")
	}
	r.went = e.Modseq > 0
	return nil
}
