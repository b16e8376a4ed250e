package submission

import (
	"context"
	"errors"
	"fmt"

	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/copies"
	"sealpost/smtp/outbound/queue"
)

// errand is a mail with all that is still to do: what an earlier try has done is
// left out.
type errand struct {
	t       *transaction
	d       *draft
	marks   *copies.Copies
	local   []neighbour
	letters []letter
	sent    *sentCopy // nil: the client keeps its own, or has it
	done    []string  // copies that are made
	handed  bool      // it was begun to make them: an error does not say that there is none
}

// Names of copies, for those that are remembered.
func (n neighbour) copy() string         { return "local " + string(n.account) }
func remoteName(r smtp.Recipient) string { return "remote " + r.Address.Key() }

const sentName = "sent"

// send does everything that can refuse the mail before anything leaves, then hands
// it to people of this server, to the queue, and last to the sender's Sent mailbox.
// SMTP has one reply for all: when something fails the client will come again, and
// what was done is remembered, so that nobody gets two.
func (t *transaction) send(ctx context.Context, d *draft) error {
	e := &errand{t: t, d: d, marks: t.h.finished.Of(string(t.who.ID), d.raw, d.time)}
	d.added = missing(d.header, d.author, d.time)
	d.trace = t.h.received(d.id, protocol(t.peer, t.opts.UTF8), d.time)
	d.autocrypt = t.autocrypt(ctx, d)
	remote := e.left()
	var err error
	if e.letters, err = t.plan(ctx, d, remote); err != nil {
		return err
	}
	t.link(ctx, d, e.letters)
	defer e.unlink(ctx)
	if t.who.fileSent && !e.marks.Done(sentName) {
		if e.sent, err = t.sealSent(ctx, d); err != nil {
			return err
		}
	}
	undo, err := t.count(len(remote), d.time)
	if err != nil {
		return err
	}
	if t.leaving != nil {
		if err := t.leaving(ctx); err != nil {
			undo(len(remote))
			return fmt.Errorf("begin to leave: %w", err)
		}
	}
	e.handed = true
	err = e.hand(ctx)
	e.settle(err, remote, undo)
	return err
}

// left finds out who has no copy yet.
func (e *errand) left() (remote []smtp.Recipient) {
	for _, n := range e.t.local {
		if !e.marks.Done(n.copy()) {
			e.local = append(e.local, n)
		}
	}
	for _, r := range e.t.remote {
		if !e.marks.Done(remoteName(r)) {
			remote = append(remote, r)
		}
	}
	return remote
}

// settle remembers what was done of a mail that failed and gives back what it counted
// for nothing; a mail that went to all is forgotten.
func (e *errand) settle(err error, remote []smtp.Recipient, undo func(int)) {
	if err == nil {
		e.marks.Forget(e.all()...)
		return
	}
	e.marks.Keep(e.done...)
	reached := make(map[string]bool)
	for _, name := range e.done {
		reached[name] = true
	}
	n := 0
	for _, r := range remote {
		if !reached[remoteName(r)] {
			n++
		}
	}
	undo(n)
}

func (e *errand) all() []string {
	names := []string{sentName}
	for _, n := range e.t.local {
		names = append(names, n.copy())
	}
	for _, r := range e.t.remote {
		names = append(names, remoteName(r))
	}
	return names
}

// hand makes the copies, one kind after the other.
func (e *errand) hand(ctx context.Context) error {
	if err := e.handLocal(ctx); err != nil {
		return fmt.Errorf("hand to people of this server: %w", err)
	}
	e.d.note = e.note()
	for _, l := range e.letters {
		if err := e.t.post(ctx, e.d, l); err != nil {
			return fmt.Errorf("put into queue: %w", err)
		}
		for _, r := range l.to {
			e.done = append(e.done, remoteName(r))
		}
	}
	if e.sent == nil {
		return nil
	}
	if err := e.t.h.keep(ctx, e.sent); err != nil {
		return fmt.Errorf("keep the Sent copy: %w", err)
	}
	e.done = append(e.done, sentName)
	return nil
}

// handLocal gives each neighbour theirs; who fails does not keep it from the others.
func (e *errand) handLocal(ctx context.Context) error {
	if len(e.local) == 0 {
		return nil
	}
	text := join(e.d.trace, e.d.leaving())
	errs := e.t.h.each(len(e.local), func(i int) error {
		_, err := e.local[i].in.Data(ctx, reader(text))
		return err
	})
	for i, err := range errs {
		if err == nil {
			e.done = append(e.done, e.local[i].copy())
		}
	}
	return worst(errs)
}

// worst is the first error that another try may mend, or else the first.
func worst(errs []error) (first error) {
	for _, err := range errs {
		if err != nil && replyFor(err).Code/100 == 4 {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// post queues one letter. Our trace stays outside of what is encrypted: it is for the
// servers on the way.
func (t *transaction) post(ctx context.Context, d *draft, l letter) error {
	text := d.leaving()
	if l.certs != nil {
		s := t.h.newSpool(2*d.raw.Size() + 1<<20) // armor, padding, header twice
		defer s.Close()
		if err := pgp.Encrypt(ctx, s, text, l.certs, false); err != nil {
			return err
		}
		text = join(s)
	}
	return t.put(ctx, d, l, join(d.trace, text))
}

// put queues a text that is ready to leave. In a strict queue, where it lives in
// memory, the notice that it was lost is stored first.
func (t *transaction) put(ctx context.Context, d *draft, l letter, text mail.Bytes) error {
	utf8, eight, err := d.needs(text, l.certs != nil)
	if err != nil {
		return err
	}
	m := queue.Mail{Envelope: t.envelope(d, l, utf8, eight), Account: string(t.who.ID), Created: d.time, Sign: d.author.Domain, Note: d.note}
	for _, r := range l.to {
		m.Recipient = append(m.Recipient, queue.State{Recipient: r})
	}
	if t.h.Queue.Strict && t.who.ID != "" {
		if m.Outbox, err = t.notice(ctx, d, l); err != nil {
			return fmt.Errorf("keep a notice: %w", err)
		}
	}
	id, err := t.h.Queue.Put(ctx, m, text)
	if err != nil {
		return errors.Join(err, t.h.expunge(context.WithoutCancel(ctx), m))
	}
	if l.certs != nil {
		t.h.counted.encrypted.Add(int64(len(l.to)))
	}
	t.h.Log.Info("mail queued", "id", d.id, "queue", string(id), "recipients", len(l.to), "encrypted", l.certs != nil)
	var to []mail.Address
	for _, r := range l.to {
		to = append(to, r.Address)
	}
	t.h.Mark.Tell(ctx, t.h.Log, "queued", d.id, t.from, to...)
	return nil
}

func (t *transaction) envelope(d *draft, l letter, utf8, eight bool) smtp.Envelope {
	utf8 = utf8 || t.from != nil && !ascii(t.from.Local)
	for _, r := range l.to {
		utf8 = utf8 || !ascii(r.Address.Local)
	}
	return smtp.Envelope{
		From: t.from, UTF8: utf8, EightBit: eight,
		RequireTLS: t.opts.RequireTLS, AnyTLS: !t.opts.RequireTLS && anyTLS(d.header),
		EnvID: t.opts.EnvID, Ret: t.opts.Ret, Hold: t.opts.Hold,
	}
}
