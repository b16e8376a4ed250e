package inbound

import (
	"context"
	"errors"
	"fmt"

	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/mailauth"
)

// file stores a sealed copy where the screen and its owner's rules say, and then does
// what else the rules ask for. Whatever is wrong with a rule, the copy is stored.
func (t *transaction) file(ctx context.Context, a *arrival, to recipient, sealed pgp.Sealed) error {
	m, out := t.sort(ctx, a, to, sealed.Class())
	box, err := t.box(ctx, a, to, out)
	if err != nil {
		return err
	}
	owner := mailstore.Owner(to.account)
	d := mailstore.Delivery{Box: box, Make: true, Sealed: sealed, Flags: out.Flags, Received: a.time}
	e, err := t.h.Store.Deliver(ctx, owner, d)
	if mailstore.Refused(err) && !errors.Is(err, mailstore.ErrOverQuota) && (out.Mailbox != "" || out.Trash || out.Flags != nil) {
		t.h.Log.Warn("a rule could not be obeyed", "id", a.id, "account", string(to.account), "error", err)
		d.Box, d.Flags = mailstore.Inbox, nil
		e, err = t.h.Store.Deliver(ctx, owner, d)
	}
	if err != nil {
		return err
	}
	if t.h.Stored != nil && d.Box == mailstore.Inbox {
		t.h.Stored(string(to.account))
	}
	if t.h.Rules == nil || !t.h.Rules.Act(ctx, m, out) {
		return nil
	}
	mark := mailstore.SetFlags{Box: e.Box, UIDs: e.UIDs, Op: mailstore.Add, Flags: []string{rules.NotForwarded}}
	if _, err := t.h.Store.Apply(ctx, owner, mark); err != nil {
		t.h.Log.Warn("a mail is not marked as not forwarded", "id", a.id, "account", string(to.account), "error", err)
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

// box is where a copy goes: what rules say, INBOX, or the mailbox that its owner has
// for junk, or for what is thrown away.
func (t *transaction) box(ctx context.Context, a *arrival, to recipient, out rules.Outcome) (string, error) {
	use, name := `\Junk`, "Junk"
	switch {
	case a.judge.Junk != "":
	case out.Trash:
		use, name = `\Trash`, "Trash"
	case out.Mailbox != "":
		return out.Mailbox, nil
	default:
		return mailstore.Inbox, nil
	}
	boxes, err := t.h.Store.Index.Mailboxes(ctx, mailstore.Owner(to.account))
	if err != nil {
		return "", fmt.Errorf("find a mailbox for what is no mail to read: %w", err)
	}
	for _, b := range boxes {
		if b.Use == use {
			return b.Name, nil
		}
	}
	return name, nil
}
