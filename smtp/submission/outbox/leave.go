package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/dsn"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/submission"
)

const (
	recording = 10 * time.Second // to write down what became of a mail
	goodbye   = 20 * time.Second // for mails that are leaving when the server stops
)

// Run submits what is due until ctx ends, and ends what it began.
func (b *Box) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for i := range workers {
		wg.Go(func() { errs[i] = b.work(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (b *Box) work(ctx context.Context) error {
	for {
		l, err := b.Queue.Take(ctx)
		switch {
		case ctx.Err() != nil:
			if l != nil {
				l.Release(context.WithoutCancel(ctx))
			}
			return nil
		case err != nil:
			b.Log.Error("the outbox cannot be read", "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second):
			}
			continue
		}
		b.leave(ctx, l)
	}
}

// leave submits one mail. The end of ctx gives it a little longer, and never stops it
// before what became of it is written down.
func (b *Box) leave(ctx context.Context, l *queue.Lease) {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), perMail)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(goodbye, cancel) })()
	m := l.Mail
	err := b.depart(own, l)
	own, done := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer done()
	if err := b.settle(own, l, err); err != nil {
		b.Log.Error("what became of a mail of the outbox was not written down", "mail", string(m.ID), "error", err)
		l.Release(own)
	}
	b.changed(m.Account)
}

// depart hands a mail to submission. Before the first copy of it is made it is marked,
// so that nobody takes it back after a crash.
func (b *Box) depart(ctx context.Context, l *queue.Lease) (err error) {
	defer func() {
		if v := recover(); v != nil {
			b.Log.Error("submitting panicked", "mail", string(l.Mail.ID), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	content, err := l.Content(ctx)
	if err != nil {
		return err
	}
	defer content.Close()
	n := noteOf(l.Mail)
	if n.Encrypted {
		if closed, err := b.encrypted(content); err != nil || !closed {
			return errors.Join(err, ErrReadable)
		}
	}
	e := l.Mail.Envelope
	e.Hold = time.Time{}
	for _, s := range l.Mail.Recipient {
		e.To = append(e.To, s.Recipient)
	}
	who := smtp.Identity{Account: l.Mail.Account, Password: n.Password, OwnSent: n.OwnSent}
	_, err = b.Submit.Depart(ctx, peer(who), e, content, func(ctx context.Context) error {
		n.Leaving = true
		return l.Mark(ctx, n.String())
	})
	return err
}

// settle writes down what became of a mail.
func (b *Box) settle(ctx context.Context, l *queue.Lease, err error) error {
	if err == nil {
		b.Log.Info("mail left the outbox", "mail", string(l.Mail.ID))
		return b.over(ctx, l)
	}
	var reply *smtp.Reply
	final := errors.As(err, &reply) && reply.Code/100 == 5
	if errors.Is(err, ErrReadable) { // its bytes changed since it was put here
		reply, final = &smtp.Reply{Code: 554, Enhanced: "5.7.5", Text: "the mail was to be encrypted, and is not"}, true
	}
	if reply == nil {
		b.Log.Warn("mail stays in the outbox", "mail", string(l.Mail.ID), "error", err)
		reply = &smtp.Reply{Code: 451, Enhanced: "4.3.0", Text: "a fault of this server"}
	}
	if !final && b.Now().Before(l.Mail.Expires) {
		return b.later(ctx, l, *reply)
	}
	if err := b.tell(ctx, l, err, *reply); err != nil {
		return errors.Join(err, b.later(ctx, l, *reply)) // a notice that cannot be stored now comes later
	}
	b.Log.Info("mail of the outbox was refused", "mail", string(l.Mail.ID), "reply", reply.Enhanced)
	return b.over(ctx, l)
}

// over ends what a mail was in the outbox for: its name first, so that a crash in between
// has it asked for once more, and not done.
func (b *Box) over(ctx context.Context, l *queue.Lease) error {
	if err := b.settled(ctx, l.Mail); err != nil {
		b.Log.Warn("a sending is not remembered", "mail", string(l.Mail.ID), "error", err) // it is out: that counts more
	}
	return l.Done(ctx)
}

// later gives a mail back, to be tried again.
func (b *Box) later(ctx context.Context, l *queue.Lease, r smtp.Reply) error {
	n := 1
	if len(l.Mail.Recipient) > 0 {
		n = l.Mail.Recipient[0].Attempts + 1
	}
	next := b.Now().Add(queue.Backoff(n))
	for i := range l.Mail.Recipient {
		s := &l.Mail.Recipient[i]
		s.Attempts, s.Next, s.Last = n, next, r
	}
	return l.Save(ctx)
}

// tell leaves a notice in the sender's INBOX, sealed to them like any mail. It names
// the mail by its Message-ID; its sender has the text.
func (b *Box) tell(ctx context.Context, l *queue.Lease, err error, r smtp.Reply) error {
	m := l.Mail
	if m.Envelope.From == nil {
		return nil
	}
	var only *submission.Refused
	errors.As(err, &only)
	n := dsn.Notice{
		Hostname: b.Hostname, From: mail.Address{Local: "MAILER-DAEMON", Domain: b.Hostname}, To: *m.Envelope.From,
		Arrived: m.Created, Now: b.Now(),
	}
	for _, s := range m.Recipient {
		one := dsn.Recipient{Address: s.Address, ORcpt: s.ORcpt, Action: dsn.Failed, Reply: r}
		if r.Code/100 == 4 {
			one.Status = "5.4.7" // RFC 3463: it was tried for as long as it may be
		}
		if only != nil && only.To != s.Address {
			one.Reply = smtp.Reply{Text: "another recipient was refused, so it was sent to nobody"}
			one.Status = "5.0.0"
		}
		n.Recipients = append(n.Recipients, one)
	}
	if c, err := l.Content(ctx); err == nil {
		n.MessageID = messageID(c)
		c.Close()
	}
	text, err := n.Write()
	if err != nil {
		b.Log.Warn("no notice can be written", "mail", string(m.ID), "error", err)
		return nil
	}
	err = smtp.HandIn(ctx, b.Local, smtp.Peer{User: &smtp.Identity{}, Extended: true}, n.To, bytes.NewReader(text), n.UTF8())
	var told *smtp.Reply
	switch {
	case errors.As(err, &told) && told.Code/100 == 5: // there is no such mailbox any more
		b.Log.Warn("a notice was refused", "mail", string(m.ID), "reply", told.Enhanced)
	case err != nil:
		return fmt.Errorf("hand in a notice: %w", err)
	}
	return nil
}

func messageID(m mail.Bytes) string {
	h, err := mail.ReadHeader(m, 0, maxHeader)
	if err != nil {
		return ""
	}
	f, _ := h.Get("Message-ID")
	return f.Value()
}
