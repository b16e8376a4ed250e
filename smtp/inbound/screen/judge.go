package screen

import (
	"cmp"
	"context"
	"strings"

	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
)

// Judge is asked once the mail has come. What authentication says comes first: a
// mail that is refused for it is shown to no filter.
func (s *Screen) Judge(ctx context.Context, a Arrival) Decision {
	s.start()
	s.Connect(ctx, a.IP)
	var v mailauth.Verdict
	if s.Auth != nil {
		v = s.Auth.Check(ctx, mailauth.Session{IP: a.IP, Helo: a.Helo, From: a.From}, a.Header, a.Mail)
	}
	return s.weigh(ctx, a, v)
}

// weigh decides by what authentication found out and by what filters say.
func (s *Screen) weigh(ctx context.Context, a Arrival, v mailauth.Verdict) Decision {
	d := Decision{Verdict: v, Verified: verified(v)}
	if s.Auth != nil {
		d.Trace = []byte(v.AuthenticationResults(s.Authserv))
	}
	s.authenticity(&d, a)
	if d.Reply == nil {
		s.suspicion(&d, a)
		s.filters(ctx, &d, a)
	}
	if d.Reply != nil && a.exempt() {
		d.Junk, d.Reply = cmp.Or(d.Junk, "it is for postmaster or abuse, or it would have been refused: "+d.Reply.Text), nil
	}
	d.Observed = s.observe(d, a)
	if d.Reply == nil && d.Junk == "" {
		s.got(a)
	}
	return d
}

// verified says that the domain of From signed or sent it: by DMARC, or where its
// owner publishes nothing, by its very name.
func verified(v mailauth.Verdict) bool {
	if v.From == nil || v.Reject != "" {
		return false
	}
	if v.DMARC.Result != "none" {
		return v.DMARC.Result == "pass"
	}
	for _, sig := range v.DKIM {
		if sig.Result == mailauth.Pass && !sig.Testing && strings.EqualFold(sig.Domain, v.From.Domain) {
			return true
		}
	}
	return false
}

// authenticity refuses what has no author that could be shown, and what the owner
// of its author's domain wants refused. Where the DNS does not say what the owner
// wants, and nothing shows that it is theirs, the mail is to come again: a sender who
// can keep the DNS from answering must not get in by that. If it stays so, the sender's
// own queue tells them.
func (s *Screen) authenticity(d *Decision, a Arrival) {
	v := d.Verdict
	switch {
	case v.Reject != "":
		d.Reply = &Refusal{550, "5.6.0", "this mail is refused: " + plain(v.Reject, 200)}
	case s.forwarded(v): // whatever the owner asks for
	case v.DMARC.Disposition == "reject":
		d.Reply = &Refusal{550, "5.7.26", "the owner of " + plain(v.DMARC.Domain, 100) + " asks to refuse mail that fails DMARC"}
	case v.DMARC.Later:
		d.Reply = &Refusal{451, "4.7.26", "the DNS does not say whether this mail is from where it says, try again later"}
	case v.DMARC.Disposition == "quarantine":
		d.Junk = "it fails DMARC, and " + plain(v.DMARC.Domain, 100) + " asks to take such mail for junk"
	}
	if v.DMARC.Result == "temperror" {
		s.note("DMARC could not be checked", "id", a.ID, "reason", v.DMARC.Reason)
	}
}

// suspicion is what makes a mail junk before any filter saw it.
func (s *Screen) suspicion(d *Decision, a Arrival) {
	if d.Junk != "" {
		return
	}
	if zone, ok := s.blocked(a.IP); ok {
		d.Junk = "the sending server is listed at " + plain(zone, 100)
		return
	}
	v := d.Verdict
	if v.SPF.Result == mailauth.Fail && !v.SPF.Helo && !signed(v) && v.DMARC.Result != "pass" {
		d.Junk = "its sender's domain says that this server may not send for it (SPF), and nobody signed it"
	}
}

func signed(v mailauth.Verdict) bool {
	for _, sig := range v.DKIM {
		if sig.Result == mailauth.Pass {
			return true
		}
	}
	return false
}

// filters show the mail to rspamd and to the milter.
func (s *Screen) filters(ctx context.Context, d *Decision, a Arrival) {
	for _, f := range []struct {
		on  bool
		ask func(context.Context, Arrival, mailauth.Verdict) (opinion, error)
		say string
	}{{s.Rspamd != "", s.rspamd, "rspamd"}, {s.Milter != "", s.milter, "milter"}} {
		if !f.on || d.Reply != nil {
			continue
		}
		o, err := f.ask(ctx, a, d.Verdict)
		if err != nil {
			s.note("a filter could not be asked, mail is taken", "filter", f.say, "id", a.ID, "err", err)
			continue
		}
		d.Trace = append(d.Trace, o.trace...)
		d.Reply = o.reply
		d.Junk = cmp.Or(d.Junk, o.junk)
	}
}

// opinion is what a filter says.
type opinion struct {
	reply *Refusal
	junk  string
	trace []byte
}

// observe is what DMARC reports count, of mail whose owner published a policy.
func (s *Screen) observe(d Decision, a Arrival) report.Observation {
	v := d.Verdict
	if v.From == nil || v.DMARC.Domain == "" || v.DMARC.Result == "permerror" || v.DMARC.Result == "temperror" {
		return report.Observation{}
	}
	o := report.Observation{
		Time: s.now(), IP: a.IP, From: v.From.Domain, DMARC: v.DMARC,
		Disposition: v.DMARC.Disposition,
	}
	if a.From != nil {
		o.Envelope = a.From.Domain
	}
	if !v.SPF.Helo {
		o.SPF = string(v.SPF.Result)
	}
	for _, sig := range v.DKIM {
		o.DKIM = append(o.DKIM, report.Signature{Domain: sig.Domain, Selector: sig.Selector, Result: string(sig.Result)})
	}
	switch asked := v.DMARC.Disposition; {
	case asked == "none":
	case s.forwarded(v):
		o.Disposition, o.Override, o.Comment = "none", "trusted_forwarder", "arc=pass"
	case asked == "reject" && d.Reply == nil:
		o.Disposition, o.Override = "quarantine", "local_policy"
	}
	if v.DMARC.Result == "fail" && v.DMARC.Record.Testing && o.Override == "" && v.DMARC.Policy != "none" {
		o.Override = "policy_test_mode"
	}
	return o
}

// plain keeps printable ASCII, for a reply line or a reason.
func plain(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), most)]
}
