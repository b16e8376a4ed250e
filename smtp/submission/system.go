package submission

import (
	"context"
	"fmt"

	"sealpost/mail"
	"sealpost/smtp"
)

// Refused says which recipient of a mail was not taken, and why: then nothing of it
// was sent. Its text names nobody.
type Refused struct {
	To  mail.Address
	Err error // holds a *smtp.Reply
}

func (r *Refused) Error() string { return "recipient refused: " + r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

// Submit sends a mail for who stands in p, on the same path as mail that comes by
// SMTP: other doors of this server use it. Content is CRLF lines. An Identity
// without an app password has the Sent copy filed.
func (h *Handler) Submit(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes) (*smtp.Reply, error) {
	t, err := h.begin(ctx, p, e.From, options(e, content.Size()))
	if err != nil {
		return nil, h.tell("sender refused", err)
	}
	return t.whole(ctx, e.To, content)
}

// Depart is Submit for a mail that waited elsewhere until now. leaving is called when
// nothing can refuse it any more, and before the first copy is made: until then
// nobody has anything of it, and an error of leaving keeps it so.
func (h *Handler) Depart(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes, leaving func(context.Context) error) (*smtp.Reply, error) {
	t, err := h.begin(ctx, p, e.From, options(e, content.Size()))
	if err != nil {
		return nil, h.tell("sender refused", err)
	}
	t.leaving = leaving
	return t.whole(ctx, e.To, content)
}

// Check refuses what Submit would refuse of a mail without asking anybody else: who
// it is from, whom it is for, what its header holds. It sends nothing.
func (h *Handler) Check(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes) error {
	t, err := h.begin(ctx, p, e.From, options(e, content.Size()))
	if err != nil {
		return h.tell("sender refused", err)
	}
	defer t.Close()
	for _, r := range e.To {
		if err := t.Rcpt(ctx, r.Address, smtp.RcptOptions{Notify: r.Notify, ORcpt: r.ORcpt}); err != nil {
			return &Refused{r.Address, err}
		}
	}
	d, err := h.draft(reader(content))
	if err == nil {
		defer d.raw.Close()
		err = t.judge(ctx, d)
	}
	if err != nil {
		return h.tell("mail not taken", err)
	}
	return nil
}

// System sends a mail of the server itself, such as a report: signed, not limited,
// never encrypted, its From a domain of this server. From <> is allowed.
func (h *Handler) System(ctx context.Context, e smtp.Envelope, content mail.Bytes) error {
	t, err := h.open(smtp.Peer{User: &smtp.Identity{}}, person{}, e.From, options(e, content.Size()))
	if err != nil {
		return fmt.Errorf("send a mail of this server: %w", err)
	}
	if _, err := t.whole(ctx, e.To, content); err != nil {
		return fmt.Errorf("send a mail of this server: %w", err)
	}
	return nil
}

func options(e smtp.Envelope, size int64) smtp.MailOptions {
	return smtp.MailOptions{
		Size: size, UTF8: e.UTF8, EightBit: e.EightBit, EnvID: e.EnvID, Ret: e.Ret, RequireTLS: e.RequireTLS, Hold: e.Hold,
	}
}

// whole runs a transaction from its recipients to its end.
func (t *transaction) whole(ctx context.Context, to []smtp.Recipient, content mail.Bytes) (*smtp.Reply, error) {
	defer t.Close()
	for _, r := range to {
		if err := t.Rcpt(ctx, r.Address, smtp.RcptOptions{Notify: r.Notify, ORcpt: r.ORcpt}); err != nil {
			return nil, &Refused{r.Address, err}
		}
	}
	return t.Data(ctx, reader(content))
}
