package mailauth

import (
	"context"
	"strings"
	"sync"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dkim/arc"
	"sealpost/smtp/mailauth/dmarc"
	"sealpost/smtp/mailauth/spf"
)

// judging is how long one mail may be judged when nothing else is said.
const judging = 20 * time.Second

// bound is how long that is, or as much of it as ctx leaves.
func (c *Checker) bound(ctx context.Context) time.Duration {
	most := judging
	if c.Time > 0 {
		most = c.Time
	}
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end))
	}
	return most
}

func (c *Checker) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Check judges a whole mail, h being its header as package mail read it. All that
// takes time is done side by side; what is not known when the time is over, or
// when ctx ends, is temperror. DMARC comes last and has a third of the time to
// itself: it asks the owner of From, all else whom the sender chose, and who is
// slow on purpose must not keep it from being asked.
func (c *Checker) Check(ctx context.Context, s Session, h mail.Header, m mail.Bytes) Verdict {
	whole := c.bound(ctx)
	ctx, cancel := context.WithTimeout(ctx, whole)
	defer cancel()
	first, stop := context.WithTimeout(ctx, whole*2/3)
	defer stop()
	var v Verdict
	var all sync.WaitGroup
	c.connection(first, &all, s, &v)
	all.Go(func() { c.signatures(first, h, m, &v) })
	v.From, v.Reject = author(h, m, s.From == nil)
	all.Wait()
	if v.From != nil {
		v.DMARC = dmarc.Evaluate(ctx, c.DNS, v.identifiers())
	}
	return v
}

// connection starts the checks of the client. Each writes to its own part of v.
func (c *Checker) connection(ctx context.Context, all *sync.WaitGroup, s Session, v *Verdict) {
	all.Go(func() { v.IPRev = c.iprev(ctx, s.IP) })
	if s.From == nil {
		all.Go(func() { v.SPF = c.helo(ctx, s) })
		return
	}
	all.Go(func() { v.Helo = c.helo(ctx, s) })
	all.Go(func() {
		v.SPF = SPF{Domain: s.From.Domain}
		v.SPF.ask(ctx, c, s, s.From.Local)
	})
}

// helo checks the HELO identity, postmaster@HELO (RFC 7208, section 2.3).
func (c *Checker) helo(ctx context.Context, s Session) SPF {
	r := SPF{Domain: strings.ToLower(strings.TrimSuffix(s.Helo, ".")), Helo: true}
	r.ask(ctx, c, s, "")
	return r
}

func (r *SPF) ask(ctx context.Context, c *Checker, s Session, local string) {
	result, reason := spf.Check(ctx, c.DNS.ForSPF(), s.IP, s.Helo, local, r.Domain)
	r.Result, r.Reason = Result(result), reason
}

// signatures judges DKIM and ARC: one round of questions for all keys, beside
// one reading of the body.
func (c *Checker) signatures(ctx context.Context, h mail.Header, m mail.Bytes, v *Verdict) {
	v.ARC.Result = None
	if h.Cut {
		return // nobody knows where the body starts; Reject says so
	}
	found, ignored := dkim.Read(h)
	chain := arc.Read(h)
	var keys dkim.Keys
	var all sync.WaitGroup
	all.Go(func() { keys = dkim.LookUp(ctx, c.DNS, append(dkim.Names(found), chain.Names()...)) })
	simple, relaxed := needed(found, chain)
	body, err := dkim.HashBody(m, h.End, simple, relaxed, ctx.Err)
	all.Wait()
	if err != nil {
		body = &dkim.Body{} // what was not read is temperror
	}
	for _, s := range found {
		s.Verify(h.Fields, body, keys, c.now())
		v.DKIM = append(v.DKIM, DKIM{
			Result: Result(s.Result), Domain: s.Domain, Selector: s.Selector, Algorithm: s.Algorithm,
			Identity: s.Identity, Testing: s.Testing, Reason: s.Reason, Value: s.Value,
		})
	}
	chain.Verify(h.Fields, body, keys, c.now())
	v.Ignored = ignored
	v.ARC = ARC{Result(chain.Result), chain.Sealer, chain.Count, chain.Reason, chain.Results}
}

// needed says which forms of the body any signature covers.
func needed(found []*dkim.Signature, chain *arc.Chain) (simple, relaxed bool) {
	note := func(c dkim.Canon, ok bool) {
		simple = simple || ok && c == dkim.Simple
		relaxed = relaxed || ok && c == dkim.Relaxed
	}
	for _, s := range found {
		note(s.BodyCanon())
	}
	note(chain.BodyCanon())
	return simple, relaxed
}

// identifiers are what the mail proved, for DMARC. A signature by a key in
// testing counts as others do: receivers everywhere take it, and its owner would
// lose mail by a policy of their own.
func (v *Verdict) identifiers() dmarc.Identifiers {
	ids := dmarc.Identifiers{From: v.From.Domain}
	note := func(r Result, domain string) (proved bool) {
		if r == TempError {
			ids.Unsure, ids.Doubtful = true, append(ids.Doubtful, domain)
		}
		return r == Pass
	}
	if note(v.SPF.Result, v.SPF.Domain) {
		ids.SPF = v.SPF.Domain
	}
	for _, s := range v.DKIM {
		if note(s.Result, s.Domain) {
			ids.DKIM = append(ids.DKIM, s.Domain)
		}
	}
	return ids
}
