package submission

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/dsn"
)

// arrived tells the sender, who asked for that, which people of this server have the
// mail (RFC 3461, section 4.1): no other server will. The mail is there in any case,
// so what fails is logged.
func (t *transaction) arrived(ctx context.Context, d *draft) {
	var told []dsn.Recipient
	for _, n := range t.local {
		if slices.Contains(n.wish.Notify, "SUCCESS") {
			told = append(told, dsn.Recipient{Address: n.wish.Address, ORcpt: n.wish.ORcpt, Action: dsn.Delivered})
		}
	}
	if t.from == nil || len(told) == 0 {
		return
	}
	if err := t.notify(ctx, d, told); err != nil {
		t.h.Log.Warn("a sender was not told that a mail arrived", "id", d.id, "err", err)
	}
}

func (t *transaction) notify(ctx context.Context, d *draft, told []dsn.Recipient) error {
	n := dsn.Notice{
		Hostname: t.h.Hostname, From: mail.Address{Local: "MAILER-DAEMON", Domain: t.h.Hostname}, To: *t.from,
		EnvID: t.opts.EnvID, MessageID: d.messageID(), Arrived: d.time, Recipients: told, Now: t.h.Now(),
	}
	text, err := n.Write()
	if err != nil {
		return fmt.Errorf("write notice: %w", err)
	}
	err = smtp.HandIn(ctx, t.h.Local, smtp.Peer{User: &smtp.Identity{}, Extended: true}, n.To, bytes.NewReader(text), n.UTF8())
	if err != nil {
		return fmt.Errorf("hand in a notice: %w", err)
	}
	return nil
}

// messageID is the mail's own, or the one it was given.
func (d *draft) messageID() string {
	f, has := d.header.Get("Message-ID")
	if h, err := mail.ReadHeader(bytes.NewReader(d.added), 0, maxHeader); !has && err == nil {
		f, _ = h.Get("Message-ID")
	}
	return f.Value()
}
