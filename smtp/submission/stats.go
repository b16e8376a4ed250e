package submission

import "sync/atomic"

// Stats are counts since the start, for metrics: of mails, but Local, Remote and
// Encrypted, which are of recipients. Mail of the server itself is System only.
type Stats struct {
	Accepted int64
	Refused  int64 // 5xx: a sender, a recipient or a mail
	PutOff   int64 // 4xx: the client will come again
	Local    int64 // people of this server
	Remote   int64 // of mails that were queued
	// Encrypted are those of Remote to whom a mail was encrypted here.
	Encrypted int64
	System    int64
}

type counters struct {
	accepted, refused, putOff, local, remote, encrypted, system atomic.Int64
}

// Stats is what was counted so far.
func (h *Handler) Stats() Stats {
	c := &h.counted
	return Stats{
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), PutOff: c.putOff.Load(),
		Local: c.local.Load(), Remote: c.remote.Load(), Encrypted: c.encrypted.Load(), System: c.system.Load(),
	}
}

// accept counts a mail all of whose copies are made.
func (c *counters) accept(t *transaction) {
	if t.who.ID == "" {
		c.system.Add(1)
		return
	}
	c.accepted.Add(1)
	c.local.Add(int64(len(t.local)))
	c.remote.Add(int64(len(t.remote)))
}
