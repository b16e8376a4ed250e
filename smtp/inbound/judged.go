package inbound

import (
	"context"
	"net/netip"

	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/inbound/screen"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
)

// screened says whether a stranger brings this mail. Who signed in was judged
// there.
func (t *transaction) screened() bool { return t.h.Screen != nil && t.peer.User == nil }

func (t *transaction) ip() netip.Addr {
	ap, _ := netip.ParseAddrPort(t.peer.Addr.String())
	return ap.Addr().Unmap().WithZone("")
}

var errSplit = &smtp.Reply{Code: 452, Enhanced: "4.5.3", Text: "too many recipients, send the rest in another mail"}

// welcome asks the screen about one more recipient, whether it exists or not, so
// that nobody learns that from what the screen says. Those whose mail is never
// refused get it in a transaction of their own: one reply at its end is for all.
func (t *transaction) welcome(ctx context.Context, to mail.Address) error {
	if !t.screened() || !t.h.Book.Local(to.Domain) {
		return nil
	}
	a := screen.Arrival{IP: t.ip(), Helo: t.peer.Helo, TLS: t.peer.TLS != nil, From: t.from}
	for _, r := range t.to {
		if screen.Exempt(r.address) != screen.Exempt(to) {
			return errSplit
		}
		a.To = append(a.To, r.address)
	}
	a.To = append(a.To, to)
	if r := t.h.Screen.Sender(ctx, a); r != nil {
		t.h.counted.refuse(objection(r), (*smtp.Reply)(r))
		return (*smtp.Reply)(r)
	}
	return nil
}

// judge asks the screen about the mail. A reply refuses it.
func (t *transaction) judge(ctx context.Context, a *arrival) *smtp.Reply {
	if !t.screened() {
		return nil
	}
	in := screen.Arrival{
		ID: a.id, IP: t.ip(), Helo: t.peer.Helo, TLS: t.peer.TLS != nil, From: t.from,
		Header: a.gist.Header, Mail: a.mail,
	}
	in.To = t.addresses()
	a.judge = t.h.Screen.Judge(ctx, in)
	t.h.counted.judge(a.judge)
	if r := a.judge.Reply; r != nil {
		t.h.Log.Info("mail refused", "id", a.id, "reply", r.Enhanced)
		t.h.Mark.Tell(ctx, t.h.Log, "refused", a.id, t.from, t.addresses()...)
		if r.Code/100 == 5 {
			t.report(a)
		}
		return (*smtp.Reply)(r)
	}
	return nil
}

// report tells of a mail whose fate is final: one that comes again is counted then.
// A report that was proved to be its sender's is not reported on: two servers would
// write to each other for ever.
func (t *transaction) report(a *arrival) {
	proved := a.judge.Verdict.DMARC.Result == "pass" && report.Received(a.gist.Header)
	if t.h.Report != nil && a.judge.Observed.DMARC.Domain != "" && !proved {
		t.h.Report(a.judge.Observed)
	}
}

// afterwards tells those who want to know of a mail that was stored.
func (t *transaction) afterwards(ctx context.Context, a *arrival) {
	t.report(a)
	v := a.judge.Verdict
	if !t.screened() || a.judge.Junk != "" || v.DMARC.Result != "pass" || v.From == nil {
		return
	}
	if t.h.Received != nil && report.Received(a.gist.Header) {
		t.h.Received(ctx, t.addresses(), v, a.gist.Header, a.mail)
	}
	if _, list := a.gist.Header.Get("List-Id"); list || t.h.Learn == nil {
		return
	}
	for _, r := range t.to {
		t.h.Learn(ctx, string(r.account), *v.From, a.gist.Header, a.gist.Date)
	}
}

// letter is the mail as it is sealed for one recipient.
func (t *transaction) letter(a *arrival, to recipient, c *lighter) pgp.Mail {
	m := pgp.Mail{Bytes: a.mail, Gist: a.gist, Trace: t.trace(a, to), Time: a.time, Authserv: t.h.Hostname}
	if c != nil {
		c.into(&m)
	}
	if !t.screened() {
		return m
	}
	if id := t.h.Screen.Authserv; id != "" {
		m.Authserv = id
	}
	m.Junk, m.Verdict = a.judge.Junk, short(a.judge)
	return m
}

// short is what a card tells of a verdict.
func short(d screen.Decision) pgp.Verdict {
	v := d.Verdict
	s := pgp.Verdict{DMARC: v.DMARC.Result, SPF: string(v.SPF.Result), Verified: d.Verified}
	for _, sig := range v.DKIM {
		if s.DKIM == "" || sig.Result == mailauth.Pass {
			s.DKIM = string(sig.Result)
		}
	}
	return s
}
