package imap

// namespace is NAMESPACE (RFC 2342): one, the account's own.
func (s *session) namespace(*request) error {
	s.wire.Str(`* NAMESPACE (("" "/")) NIL NIL` + "\r\n")
	return nil
}
