package outbound

import (
	"context"
	"fmt"

	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

var replyDropped = smtp.Reply{Code: 554, Enhanced: "5.7.0", Text: "the operator of this server took the mail out of its queue"}

// Drop takes a mail out of the queue for an operator; with tell its sender hears of it,
// unless they want to hear nothing. It fails with queue.ErrNoSuch or queue.ErrBusy, and
// does nothing when the sender cannot be told at this moment. The end of ctx does not
// stop it halfway: what a sender was told is dropped must not be sent.
func (s *Sender) Drop(ctx context.Context, id queue.ID, tell bool) (told bool, err error) {
	s.once.Do(s.build)
	lease, err := s.Queue.Drop(ctx, id)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	m := lease.Mail
	if tell {
		told, err = s.tellOfDrop(ctx, lease)
	}
	if err == nil {
		err = lease.Done(ctx)
	}
	if err != nil {
		lease.Release(ctx)
		return told, fmt.Errorf("drop mail %s: %w", id, err)
	}
	s.counted.failed.Add(int64(len(m.Recipient)))
	if s.Sent != nil {
		s.Sent(ctx, m)
	}
	return told, nil
}

// tellOfDrop says whether there was anybody to tell.
func (s *Sender) tellOfDrop(ctx context.Context, lease *queue.Lease) (bool, error) {
	a := &attempt{Sender: s, lease: lease, now: s.Now()}
	if c, err := lease.Content(ctx); err == nil { // without it the notice names no Message-ID
		a.content = c
		defer c.Close()
	}
	var o outcome
	for _, st := range lease.Mail.Recipient {
		st.Last, st.Server = replyDropped, ""
		a.giveUp(&o, st, "")
	}
	if err := a.notify(ctx, o.tell); err != nil {
		return false, err
	}
	return lease.Mail.Envelope.From != nil && len(o.tell) > 0, nil
}
