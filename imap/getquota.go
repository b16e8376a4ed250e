package imap

import "sealpost/mailstore"

// quotaRoot is the one there is: an account, all of its mailboxes and its files.
const quotaRoot = ""

// getQuota is GETQUOTA (RFC 9208, section 4.1.1). An account without a limit has
// no quota root.
func (s *session) getQuota(r *request) error {
	root, ok := r.Args.Astring()
	if !ok || !r.Args.End() {
		return bad("expected GETQUOTA root")
	}
	usage, err := s.server.Store.Index.Usage(s.ctx, s.owner)
	if err != nil {
		return s.fault("read usage", err)
	}
	if root != quotaRoot || usage.Quota == 0 {
		return no("NONEXISTENT", "no such quota root")
	}
	s.writeQuota(usage)
	return nil
}

// writeQuota tells usage and limit in units of 1,024 octets (RFC 9208, section 5.1).
// Messages are counted and have no limit, so they are no resource here.
func (s *session) writeQuota(u mailstore.Usage) {
	w := s.wire
	w.Str("* QUOTA ")
	w.Text(quotaRoot)
	w.Str(" (STORAGE ")
	w.Num(uint64((u.Bytes + 1023) / 1024))
	w.Mark(' ')
	w.Num(uint64(u.Quota / 1024))
	w.Str(")\r\n")
}
