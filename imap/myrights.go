package imap

// myRights is MYRIGHTS (RFC 4314, section 3.5): all that LIST-MYRIGHTS tells, for one
// mailbox. There is no more of ACL, for nobody shares a mailbox.
func (s *session) myRights(r *request) error {
	name, ok := r.Args.Box(s.wire.UTF8)
	if !ok || !r.Args.End() {
		return bad("expected MYRIGHTS mailbox")
	}
	box, err := s.mailbox(name)
	if err != nil {
		return s.fault("tell rights", err)
	}
	s.writeRights(box.Name)
	return nil
}
