package outbound

import "sync/atomic"

// Stats are counts since the start, for metrics: of recipients, but Sessions,
// Reused and Notices.
type Stats struct {
	Sent       int64 // taken by another server, or by this one's own people
	Deferred   int64 // put off, after an attempt or before one
	Failed     int64 // given up
	Duplicates int64 // may get a mail twice: nobody knows, or could write down, that it arrived
	Sessions   int64 // opened
	Reused     int64 // mails that went over a session that was there already
	Notices    int64
}

type counters struct {
	sent, deferred, failed, duplicates, sessions, reused, notices atomic.Int64
}

// Stats is what was counted so far.
func (s *Sender) Stats() Stats {
	c := &s.counted
	return Stats{
		Sent: c.sent.Load(), Deferred: c.deferred.Load(), Failed: c.failed.Load(), Duplicates: c.duplicates.Load(),
		Sessions: c.sessions.Load(), Reused: c.reused.Load(), Notices: c.notices.Load(),
	}
}
