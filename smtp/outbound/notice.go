package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/dsn"
	"sealpost/smtp/outbound/queue"
)

// maxHeader is how much of a mail's header is looked at for its Message-ID.
const maxHeader = 256 << 10

// notify tells the sender of a mail, in one notice. Nobody hears of a notice
// (RFC 3461, section 6.1), and of nothing there is none.
func (a *attempt) notify(ctx context.Context, tell []dsn.Recipient) error {
	m := a.lease.Mail
	if m.Envelope.From == nil || len(tell) == 0 {
		return nil
	}
	n := dsn.Notice{
		Hostname: a.Hostname, From: mail.Address{Local: "MAILER-DAEMON", Domain: a.Hostname}, To: *m.Envelope.From,
		EnvID: m.Envelope.EnvID, Arrived: m.Created, Until: m.Expires, Recipients: tell, Now: a.now,
	}
	if a.content != nil {
		n.MessageID = messageID(a.content)
	}
	text, err := n.Write()
	if err != nil {
		// The sender's address cannot be written to, now or later.
		a.Log.Warn("no notice can be written", "mail", a.id(), "error", err)
		return nil
	}
	post := a.postOut
	if a.IsLocal != nil && a.IsLocal(n.To.Domain) {
		post = a.postIn
	}
	if err := post(ctx, n, text); err != nil {
		return err
	}
	a.counted.notices.Add(1)
	return nil
}

// messageID is all that is ever read of a mail here.
func messageID(m mail.Bytes) string {
	h, err := mail.ReadHeader(m, 0, maxHeader)
	if err != nil {
		return ""
	}
	f, _ := h.Get("Message-ID")
	return f.Value()
}

// postIn hands a notice to the way in, where it is sealed for its reader. A
// mailbox that is not there any more hears nothing.
func (a *attempt) postIn(ctx context.Context, n dsn.Notice, text []byte) error {
	err := smtp.HandIn(ctx, a.Local, a.self(), n.To, bytes.NewReader(text), n.UTF8())
	var told *smtp.Reply
	switch {
	case errors.As(err, &told) && told.Code/100 == 5:
		a.Log.Warn("a notice was refused", "mail", a.id(), "reply", told.Enhanced)
	case err != nil:
		return fmt.Errorf("hand in a notice: %w", err)
	}
	return nil
}

// postOut queues a notice for another server.
func (a *attempt) postOut(ctx context.Context, n dsn.Notice, text []byte) error {
	to := queue.State{Recipient: smtp.Recipient{Address: n.To, Notify: []string{"NEVER"}}}
	m := queue.Mail{Envelope: smtp.Envelope{UTF8: n.UTF8(), EightBit: n.UTF8()}, Recipient: []queue.State{to}, Sign: n.From.Domain}
	_, err := a.Queue.Put(ctx, m, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("queue a notice: %w", err)
	}
	return nil
}
