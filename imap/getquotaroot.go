package imap

import "sealpost/mailstore"

// getQuotaRoot is GETQUOTAROOT (RFC 9208, section 4.1.2). The mailbox need not exist:
// its client may be about to make it.
func (s *session) getQuotaRoot(r *request) error {
	name, ok := r.Args.Box(s.wire.UTF8)
	if !ok || !r.Args.End() {
		return bad("expected GETQUOTAROOT mailbox")
	}
	name, err := mailstore.CleanName(name)
	if err != nil {
		return s.fault("find quota root", err)
	}
	usage, err := s.server.Store.Index.Usage(s.ctx, s.owner)
	if err != nil {
		return s.fault("read usage", err)
	}
	s.wire.Str("* QUOTAROOT ")
	s.wire.Box(name)
	if usage.Quota > 0 {
		s.wire.Mark(' ')
		s.wire.Text(quotaRoot)
	}
	s.wire.Line()
	if usage.Quota > 0 {
		s.writeQuota(usage)
	}
	return nil
}
