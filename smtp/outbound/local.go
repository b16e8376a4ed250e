package outbound

import (
	"context"
	"errors"
	"io"
	"net"

	"sealpost/mail"
	"sealpost/smtp"
)

// self is the peer that this server is to itself.
func (s *Sender) self() smtp.Peer {
	return smtp.Peer{Addr: &net.TCPAddr{IP: net.IPv6loopback}, Helo: s.Hostname, Extended: true, User: &smtp.Identity{}}
}

// inside delivers to people of this server: their domain may have become ours
// after the mail was queued.
func (d *delivery) inside(ctx context.Context) {
	e := d.lease.Mail.Envelope
	t, err := d.Local.Begin(ctx, d.self(), e.From, smtp.MailOptions{Size: d.content.Size(), UTF8: e.UTF8, EightBit: e.EightBit, EnvID: e.EnvID, Ret: e.Ret})
	if err != nil {
		d.restLocal(ctx, err)
		return
	}
	defer t.Close()
	some := false
	for _, i := range d.who {
		r := d.lease.Mail.Recipient[i]
		err := t.Rcpt(ctx, r.Address, smtp.RcptOptions{Notify: r.Notify, ORcpt: r.ORcpt})
		if err != nil && !d.cut(ctx) {
			d.results[i] = inHouse(nil, err)
		}
		some = some || err == nil
	}
	if !some {
		return
	}
	reply, err := t.Data(ctx, whole(d.content))
	if err != nil {
		d.doubt.Store(true)
		d.restLocal(ctx, err)
		return
	}
	d.rest(inHouse(reply, nil))
}

func (d *delivery) restLocal(ctx context.Context, err error) {
	if !d.cut(ctx) {
		d.rest(inHouse(nil, err))
	}
}

// whole reads a mail from its beginning.
func whole(m mail.Bytes) io.Reader { return io.NewSectionReader(m, 0, m.Size()) }

// inHouse is the result of a local delivery. A fault of ours is temporary.
func inHouse(reply *smtp.Reply, err error) result {
	var told *smtp.Reply
	switch {
	case err != nil && errors.As(err, &told):
		f := later
		if told.Code/100 == 5 {
			f = failed
		}
		return result{fate: f, said: said{Reply: *told}}
	case err != nil:
		return result{fate: later, said: said{Reply: replyFault}}
	case reply != nil && reply.Code/100 != 2:
		return inHouse(nil, reply)
	}
	return result{fate: done, local: true}
}
