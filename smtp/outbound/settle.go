package outbound

import (
	"context"
	"errors"
	"slices"
	"time"

	"sealpost/smtp/outbound/dsn"
	"sealpost/smtp/outbound/queue"
)

// expired is RFC 3463's word for a mail that was tried for long enough.
const expired = "4.4.7"

// outcome is what an attempt leaves: who is still to be tried, and what the
// sender hears.
type outcome struct {
	left    []queue.State
	failed  []queue.State // given up; in left again if their sender cannot be told
	tell    []dsn.Recipient
	delayed []int // of left: told now that they are late
	done    int
	putOff  int // of left: those that were due
}

// settle tells the sender, then writes down what became of the mail: a crash
// between gives two notices, not none.
func (a *attempt) settle(ctx context.Context) {
	o := a.judge()
	if err := a.notify(ctx, o.tell); err != nil {
		a.Log.Error("sender of a mail could not be told", "mail", a.id(), "error", err)
		a.untold(&o)
	}
	a.counted.failed.Add(int64(len(o.failed)))
	a.save(ctx, o)
}

// judge applies the results to the recipients' states.
func (a *attempt) judge() outcome {
	var o outcome
	for i, st := range a.lease.Mail.Recipient {
		r := a.results[i]
		a.note(&st, r)
		switch {
		case r.fate == done:
			o.done++
			a.arrived(&o, st, r)
		case r.fate == failed:
			a.giveUp(&o, st, "")
		case (r.fate == later || r.resting) && a.old(a.lease.Mail.Recipient[i]):
			a.giveUp(&o, st, a.tooLate(st))
		default:
			o.left = append(o.left, st)
			if a.due(i) {
				o.putOff++
			}
		}
	}
	a.late(&o)
	return o
}

// tooLate is the status of a mail that was tried for long enough. One that wants
// TLS says that it was for want of that (RFC 8689, section 4.2.1).
func (a *attempt) tooLate(st queue.State) string {
	if a.lease.Mail.Envelope.RequireTLS {
		switch st.Last.Enhanced {
		case "4.7.10":
			return "5.7.10"
		case "4.7.30":
			return "5.7.30"
		}
	}
	return expired
}

// overslept is how much later than planned an attempt is none to give up after: no
// retry is put off for that long.
const overslept = 5 * time.Hour

// old says whether a recipient, as it was before this attempt, was tried for long
// enough. One that nobody looked at when it was due, because the server was off or
// its clock jumped, is tried once more: what failed now may be that clock, or a
// network that is not up yet.
func (a *attempt) old(before queue.State) bool {
	return !a.now.Before(a.lease.Mail.Expires) && a.now.Sub(before.Next) < overslept
}

// note writes what was said into a recipient's state, and when it is next tried.
func (a *attempt) note(st *queue.State, r result) {
	if r.said.Code != 0 && (r.fate != untouched || st.Last.Code == 0) {
		st.Last, st.Server = r.said.Reply, r.said.server
	}
	switch {
	case r.fate == later:
		st.Attempts++
		st.Next = a.now.Add(queue.Backoff(st.Attempts))
	case r.fate == untouched && !r.next.IsZero():
		st.Next = r.next
	default:
		return
	}
	if end := a.lease.Mail.Expires; st.Next.After(end) && end.After(a.now) {
		st.Next = end // one last attempt
	}
}

// arrived tells of success who asked for that. A server farther on that offers
// DSN does it itself (RFC 3461, section 5.2.3).
func (a *attempt) arrived(o *outcome, st queue.State, r result) {
	switch {
	case !wants(st.Notify, "SUCCESS"):
	case r.local:
		o.tell = append(o.tell, notice(st, dsn.Delivered, ""))
	case r.relayed:
		o.tell = append(o.tell, notice(st, dsn.Relayed, ""))
	}
}

func (a *attempt) giveUp(o *outcome, st queue.State, status string) {
	o.failed = append(o.failed, st)
	if wants(st.Notify, "FAILURE") {
		o.tell = append(o.tell, notice(st, dsn.Failed, status))
	}
}

// late tells once of all who wait, when they have waited for long.
func (a *attempt) late(o *outcome) {
	m := a.lease.Mail
	start := m.Created
	if m.Envelope.Hold.After(start) {
		start = m.Envelope.Hold
	}
	if a.now.Sub(start) < a.Delay || !a.now.Before(m.Expires) { // it will soon be told of as failed
		return
	}
	for i := range o.left {
		st := &o.left[i]
		if st.Delayed || st.Last.Code == 0 || !wants(st.Notify, "DELAY") {
			continue
		}
		st.Delayed = true
		o.delayed = append(o.delayed, i)
		o.tell = append(o.tell, notice(*st, dsn.Delayed, ""))
	}
}

// wants says whether a sender wants to hear of something (RFC 3461, section 4.1).
// One who said nothing hears of failures and delays.
func wants(notify []string, what string) bool {
	if len(notify) == 0 {
		return what != "SUCCESS"
	}
	return slices.Contains(notify, what)
}

func notice(st queue.State, action dsn.Action, status string) dsn.Recipient {
	return dsn.Recipient{Address: st.Address, ORcpt: st.ORcpt, Action: action, Reply: st.Last, Server: st.Server, Status: status}
}

// untold takes back what must not happen before the sender knows.
func (a *attempt) untold(o *outcome) {
	for _, i := range o.delayed {
		o.left[i].Delayed = false
	}
	o.putOff += len(o.failed)
	for _, st := range o.failed {
		st.Attempts++
		st.Next = a.now.Add(queue.Backoff(st.Attempts))
		o.left = append(o.left, st)
	}
	o.failed = nil
}

// bare is the least that must be written down: who has the mail. Everybody else
// is tried again.
func (a *attempt) bare() outcome {
	var o outcome
	for i, st := range a.lease.Mail.Recipient {
		if a.results[i].fate == done {
			o.done++
			continue
		}
		st.Attempts++
		st.Next = a.now.Add(queue.Backoff(st.Attempts))
		o.left = append(o.left, st)
		o.putOff++
	}
	return o
}

// saving is how often the outcome is written, if it cannot be, and pauseToSave
// the first pause between.
const (
	saving      = 3
	pauseToSave = 300 * time.Millisecond
)

// save writes the outcome down and ends the lease.
func (a *attempt) save(ctx context.Context, o outcome) {
	m := a.lease.Mail // as it was
	a.lease.Mail.Recipient = o.left
	write := a.lease.Save
	if len(o.left) == 0 {
		write = a.lease.Done
	}
	err := write(ctx)
	for n := 1; err != nil && n < saving && !ended(err); n++ {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(n) * pauseToSave):
		}
		err = write(ctx)
	}
	a.counted.sent.Add(int64(o.done))
	a.counted.deferred.Add(int64(o.putOff))
	if errors.Is(err, queue.ErrNoSuch) {
		a.Log.Info("a mail was taken out of the queue while it was sent", "mail", a.id())
		return
	}
	if err != nil {
		a.counted.duplicates.Add(int64(o.done))
		a.Log.Error("what became of a mail was not written down", "mail", a.id(), "done", o.done, "error", err)
		return
	}
	a.Log.Info("mail attempted", "mail", a.id(), "sent", o.done, "failed", len(o.failed), "left", len(o.left))
	if len(o.left) == 0 && a.Sent != nil {
		a.guard(func() { a.Sent(ctx, m) }, nil) // the mail is gone, whatever happens there
	}
}
