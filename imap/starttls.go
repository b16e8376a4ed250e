package imap

// startTLS is STARTTLS (RFC 9051, section 6.2.1). Anything that was sent behind
// the command without waiting is an attack or a bug, and ends it all.
func (s *session) startTLS(r *request) error {
	switch {
	case s.tls:
		return bad("TLS is on already")
	case s.server.TLS == nil:
		return no("", "TLS is not available")
	case s.wire.Buffered():
		return s.wire.Goodbye("nothing may follow STARTTLS")
	}
	r.answered = true
	s.wire.Reply(r.Tag, "OK", "", "begin TLS now")
	if s.wire.Flush() != nil || !s.handshake(s.ctx) {
		s.wire.End()
	}
	return nil
}
