package outbound

import (
	"context"
	"fmt"

	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

var replyDropped = smtp.Reply{Code: 554, Enhanced: "5.7.0", Text: "the operator of this server took the mail out of its queue"}

// Drop takes a mail out of the queue for an operator, and tells its sender. It
// fails with queue.ErrNoSuch or queue.ErrBusy, and does nothing when the sender
// cannot be told at this moment.
func (s *Sender) Drop(ctx context.Context, id queue.ID) error {
	s.once.Do(s.build)
	lease, err := s.Queue.Drop(ctx, id)
	if err != nil {
		return err
	}
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
		lease.Release(ctx)
		return fmt.Errorf("drop mail %s: %w", id, err)
	}
	s.counted.failed.Add(int64(len(o.failed)))
	m := lease.Mail
	if err := lease.Done(ctx); err != nil {
		return fmt.Errorf("drop mail %s: %w", id, err)
	}
	if s.Sent != nil {
		s.Sent(ctx, m)
	}
	return nil
}
