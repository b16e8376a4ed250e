package imap

// noop is NOOP and CHECK (RFC 9051, section 6.1.2; RFC 3501, section 6.4.1): a
// moment at which what is new can be told.
func (s *session) noop(r *request) error {
	if !r.Args.End() {
		return bad("expected nothing behind " + r.Name)
	}
	return nil
}

// logout is LOGOUT (RFC 9051, section 6.1.3).
func (s *session) logout(r *request) error {
	r.answered = true
	s.wire.Str("* BYE until next time\r\n")
	s.wire.Reply(r.Tag, "OK", "", "LOGOUT completed")
	s.wire.End()
	return nil
}
