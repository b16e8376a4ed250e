package outbound

import (
	"context"
	"errors"

	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/outbound/route"
)

// delivery is what one destination gets of one mail.
type delivery struct {
	*attempt
	key    string // of the destination
	domain string // one of those it has
	local  bool
	err    error // why the destination is not known
	who    []int // recipients
}

// What this server says itself.
var (
	replyFault   = smtp.Reply{Code: 451, Enhanced: "4.3.0", Text: "this server had trouble with the mail"}
	replyNoMail  = smtp.Reply{Code: 556, Enhanced: "5.1.10", Text: "the domain takes no mail, or does not exist"}
	replyLoop    = smtp.Reply{Code: 554, Enhanced: "5.4.6", Text: "mail for the domain would come back to this server"}
	replyPolicy  = smtp.Reply{Code: 451, Enhanced: "4.7.10", Text: "the connection cannot be protected as the domain demands"}
	replyNoTLS   = smtp.Reply{Code: 451, Enhanced: "4.7.30", Text: "the mail may only travel under TLS, and the server does not promise that (REQUIRETLS)"}
	replyDNS     = smtp.Reply{Code: 451, Enhanced: "4.4.3", Text: "the domain could not be looked up"}
	replyNoRoute = smtp.Reply{Code: 451, Enhanced: "4.4.1", Text: "no server of the domain could be reached"}
	replyBroke   = smtp.Reply{Code: 451, Enhanced: "4.4.2", Text: "the connection to the other server broke"}
)

// group sorts the recipients that are due by destination.
func (a *attempt) group(ctx context.Context) []*delivery {
	var byDomain []*delivery
	known := map[string]*delivery{}
	for i, r := range a.lease.Mail.Recipient {
		switch {
		case !a.due(i):
			continue
		case r.Failed:
			a.results[i] = result{fate: failed}
			continue
		}
		d := known[r.Address.Domain]
		if d == nil {
			d = &delivery{attempt: a, domain: r.Address.Domain}
			known[d.domain] = d
			byDomain = append(byDomain, d)
		}
		d.who = append(d.who, i)
	}
	each(len(byDomain), func(i int) {
		d := byDomain[i]
		a.guard(func() { d.find(ctx) }, func() { d.err = errPanic })
	})
	return merge(byDomain)
}

var errPanic = errors.New("a panic was caught")

// find looks for the destination.
func (d *delivery) find(ctx context.Context) {
	if d.local = d.IsLocal != nil && d.IsLocal(d.domain); d.local {
		return
	}
	d.key, d.err = d.Router.Destination(ctx, d.domain)
	switch d.wish() { // its sessions are not those of other mail
	case route.Strict:
		d.key += " with REQUIRETLS"
	case route.Lax:
		d.key += " without TLS-Required"
	}
}

// wish is what the mail asks of its way.
func (a *attempt) wish() route.Wish {
	switch e := a.lease.Mail.Envelope; {
	case e.RequireTLS:
		return route.Strict
	case e.AnyTLS:
		return route.Lax
	}
	return route.Usual
}

// merge joins what goes to the same destination.
func merge(byDomain []*delivery) []*delivery {
	var all []*delivery
	known := map[string]*delivery{}
	for _, d := range byDomain {
		if first := known[d.key]; first != nil && d.err == nil && d.local == first.local {
			first.who = append(first.who, d.who...)
			continue
		}
		if d.err == nil {
			known[d.key] = d
		}
		all = append(all, d)
	}
	return all
}

// run sends to the destination.
func (d *delivery) run(ctx context.Context) {
	switch {
	case d.local:
		d.inside(ctx)
	case d.err != nil:
		d.lost(ctx, d.err)
	default:
		d.outside(ctx)
	}
}

// rest gives a result to those who have none yet.
func (d *delivery) rest(r result) {
	for _, i := range d.who {
		if d.results[i] == (result{}) {
			d.results[i] = r
		}
	}
}

// cut says whether this server itself ended the attempt: then those who have no
// result stay as they were. An attempt that took too long counts as one.
func (d *delivery) cut(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// lost says what an error of the router means for those who have no result.
func (d *delivery) lost(ctx context.Context, err error) {
	if d.cut(ctx) {
		return
	}
	r, permanent := explain(err)
	f := later
	if permanent {
		f = failed
	}
	d.rest(result{fate: f, said: r})
}

// explain is what an error of the router means. What nobody classified is
// temporary.
func explain(err error) (r said, permanent bool) {
	var refused *smtp.Refused
	var at *route.Failure
	switch {
	case errors.Is(err, route.ErrNoMail):
		return said{Reply: replyNoMail}, true
	case errors.Is(err, route.ErrLoop):
		return said{Reply: replyLoop}, true
	case errors.As(err, &refused) && errors.As(err, &at):
		return said{refused.Reply, at.Host}, false
	case errors.Is(err, route.ErrNoRequireTLS):
		return said{Reply: replyNoTLS}, false
	case errors.Is(err, route.ErrPolicy):
		return said{Reply: replyPolicy}, false
	case errors.Is(err, dns.ErrTemporary):
		return said{Reply: replyDNS}, false
	case errors.Is(err, errPanic):
		return said{Reply: replyFault}, false
	}
	return said{Reply: replyNoRoute}, false
}
