package imap

// setQuota is SETQUOTA (RFC 9208, section 4.1.3), which is the operator's to ask for,
// elsewhere: there is no QUOTASET.
func (s *session) setQuota(r *request) error {
	p := &r.Args
	_, ok := p.Astring()
	ok = ok && p.Space() && p.List(func() bool {
		_, named := p.Atom()
		spaced := p.Space()
		_, limited := p.Number()
		return named && spaced && limited
	})
	if !ok || !p.End() {
		return bad("expected SETQUOTA root (resource limit ...)")
	}
	return no("NOPERM", "quotas are set by the server's operator")
}
