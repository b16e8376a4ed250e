package inbound

import (
	"context"

	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/mailauth"
)

// file stores a sealed copy where the screen and its owner's rules say, and then does
// what else the rules ask for. Whatever is wrong with a rule, the copy is stored.
func (t *transaction) file(ctx context.Context, a *arrival, to recipient, sealed pgp.Sealed, c *lighter) error {
	m, out := t.sort(ctx, a, to, sealed.Class())
	d := mailstore.Delivery{Box: mailstore.Inbox, Sealed: sealed, Received: a.time}
	if c != nil {
		d.ID = c.mail
	}
	owner := mailstore.Owner(to.account)
	if a.judge.Junk != "" {
		var err error
		if d.Box, err = t.h.Store.BoxFor(ctx, owner, `\Junk`, "Junk"); err != nil {
			return err
		}
	}
	e, box, err := out.Deliver(ctx, t.h.Store, t.h.Log, owner, d)
	if err != nil {
		return err
	}
	if t.h.Stored != nil && box == mailstore.Inbox {
		t.h.Stored(string(to.account))
	}
	if t.h.Rules != nil {
		t.h.Rules.Follow(ctx, t.h.Store, m, out, e)
	}
	return nil
}

// sort asks the recipient's rules. Junk is junk, whatever they say: nothing of it leaves.
func (t *transaction) sort(ctx context.Context, a *arrival, to recipient, c pgp.Class) (rules.Mail, rules.Outcome) {
	m := rules.Mail{Account: to.account, Bytes: a.mail, Gist: a.gist, Class: c, From: t.from, To: to.address, Proved: t.proved(a)}
	if t.h.Rules == nil || a.judge.Junk != "" {
		return m, rules.Outcome{}
	}
	return m, t.h.Rules.Decide(ctx, m)
}

// proved says that a mail came from where its reverse-path says, as far as anybody
// judged it. Answers to others would go to who has nothing to do with it.
func (t *transaction) proved(a *arrival) bool {
	if !t.screened() {
		return true
	}
	v := a.judge.Verdict
	return t.from != nil && (v.SPF.Result == mailauth.Pass || v.DMARC.Result == "pass" && v.From != nil && v.From.Domain == t.from.Domain)
}
