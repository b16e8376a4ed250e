package main

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"sealpost/smtp/inbound"
)

// arrivals are the ways in, by who brings the mail.
type arrivals struct {
	world  *inbound.Handler // other servers
	people *inbound.Handler // who signed in, to others of this server
	server *inbound.Handler // this server itself: notices
}

// each calls do for every way in, always in the same order.
func (a arrivals) each(do func(from string, s inbound.Stats)) {
	do("world", a.world.Stats())
	do("people", a.people.Stats())
	do("server", a.server.Stats())
}

func (s *server) measureInbound(_ context.Context, e *exposition) {
	e.family("sealpost_inbound_received_total", "counter", "Mails that came whole.")
	s.arrivals.each(func(from string, n inbound.Stats) { e.count(n.Received, "from", from) })
	e.family("sealpost_inbound_stored_total", "counter", "Mails that were sealed and stored for all their recipients.")
	s.arrivals.each(func(from string, n inbound.Stats) {
		e.count(n.Stored-n.Junk, "from", from, "box", "inbox")
		e.count(n.Junk, "from", from, "box", "junk")
	})
	e.family("sealpost_inbound_copies_total", "counter", "Copies that were stored, one for each account.")
	s.arrivals.each(func(from string, n inbound.Stats) { e.count(n.Copies, "from", from) })
	e.family("sealpost_inbound_stored_bytes_total", "counter", "Sealed bytes of these copies.")
	s.arrivals.each(func(from string, n inbound.Stats) { e.count(n.Octets, "from", from) })
	e.family("sealpost_inbound_refused_total", "counter", "Recipients and mails that were refused, for ever (5xx) or for now (4xx), by why.")
	s.arrivals.each(func(from string, n inbound.Stats) {
		for _, r := range slices.SortedFunc(maps.Keys(n.Refused), compareRefused) {
			e.count(n.Refused[r], "from", from, "class", r.Class, "reply", map[bool]string{true: "4xx", false: "5xx"}[r.Later])
		}
	})
	s.measureJudged(e)
	s.measureSealing(e)
}

func compareRefused(a, b inbound.Refused) int {
	if a.Class == b.Class && a.Later != b.Later {
		return map[bool]int{true: -1, false: 1}[a.Later]
	}
	return cmp.Compare(a.Class, b.Class)
}

// measureJudged tells what authentication found out about mail of other servers.
func (s *server) measureJudged(e *exposition) {
	n := s.arrivals.world.Stats()
	e.family("sealpost_inbound_judged_total", "counter", "Results of checking mail of other servers (DKIM: of each signature).")
	for _, check := range []struct {
		name string
		by   map[string]int64
	}{{"dkim", n.DKIM}, {"dmarc", n.DMARC}, {"spf", n.SPF}} {
		for _, result := range slices.Sorted(maps.Keys(check.by)) {
			e.count(check.by[result], "check", check.name, "result", result)
		}
	}
}

func (s *server) measureSealing(e *exposition) {
	var all inbound.Spread
	s.arrivals.each(func(_ string, n inbound.Stats) {
		all.Sum += n.Sealing.Sum
		for i, c := range n.Sealing.Counts {
			all.Counts[i] += c
		}
	})
	e.family("sealpost_seal_seconds", "histogram", "Time to seal one copy.")
	total := int64(0)
	for i, c := range all.Counts {
		total += c
		upTo := "+Inf"
		if i < len(inbound.SpreadBounds) {
			upTo = number(inbound.SpreadBounds[i].Seconds())
		}
		e.suffixed("_bucket", float64(total), "le", upTo)
	}
	e.suffixed("_sum", all.Sum.Seconds())
	e.suffixed("_count", float64(total))
}

func (s *server) measureSubmission(_ context.Context, e *exposition) {
	n := s.outgoingMail.Stats()
	e.family("sealpost_submission_mails_total", "counter", "Mails of people who signed in: accepted, or refused for ever or for now (a recipient that is refused counts too).")
	e.count(n.Accepted, "result", "accepted")
	e.count(n.Refused, "result", "refused")
	e.count(n.PutOff, "result", "put_off")
	e.family("sealpost_submission_recipients_total", "counter", "Recipients of accepted mails.")
	e.count(n.Local, "to", "local")
	e.count(n.Remote, "to", "remote")
	e.one("sealpost_submission_encrypted_total", "counter", "Recipients elsewhere to whom mail was encrypted here.", float64(n.Encrypted))
	e.one("sealpost_system_mails_total", "counter", "Mails that this server wrote: reports, notices about keys.", float64(n.System))
	in := s.throttle.SignIns()
	e.family("sealpost_signins_total", "counter", "Sign-ins at IMAP and submission: good, with a wrong user or password, slowed down, or not checked by a fault of ours.")
	e.count(in.Good, "result", "good")
	e.count(in.Wrong, "result", "wrong")
	e.count(in.Slowed, "result", "slowed")
	e.count(in.Faulted, "result", "fault")
}

func (s *server) measureQueue(ctx context.Context, e *exposition) {
	if d, err := s.queue.Depth(ctx); err == nil {
		e.family("sealpost_queue_mails", "gauge", "Mails that wait to leave: all, those that are due now, those that are held.")
		e.count(int64(d.Mails), "state", "all")
		e.count(int64(d.Due), "state", "due")
		e.count(int64(d.Held), "state", "held")
		e.one("sealpost_queue_bytes", "gauge", "Sealed bytes of their texts.", float64(d.Bytes))
		e.one("sealpost_queue_late_seconds", "gauge", "For how long the mail that was due first has been due: it grows when nothing is sent.", d.Late.Seconds())
	}
	n := s.sender.Stats()
	e.family("sealpost_outbound_recipients_total", "counter", "Recipients by what became of an attempt; a duplicate may get a mail twice.")
	e.count(n.Sent, "result", "sent")
	e.count(n.Deferred, "result", "deferred")
	e.count(n.Failed, "result", "failed")
	e.count(n.Duplicates+s.interrupted(), "result", "duplicate")
	e.family("sealpost_outbound_sessions_total", "counter", "Sessions with other servers that were opened, and mails for which one was used again.")
	e.count(n.Sessions, "how", "opened")
	e.count(n.Reused, "how", "reused")
	e.one("sealpost_outbound_notices_total", "counter", "Notices to senders: delivered, delayed, failed.", float64(n.Notices))
}
