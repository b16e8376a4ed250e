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

// settle tells the sender, then writes down what became of the mail, even when the
// attempt was cut short: a crash between gives two notices, not none.
func (a *attempt) settle(ctx context.Context) {
	o := a.judge()
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	err := a.notify(telling, o.tell)
	cancel()
	if err != nil {
		a.Log.Error("sender of a mail could not be told", "mail", a.id(), "error", err)
		a.untold(&o)
	}
	a.counted.failed.Add(int64(len(o.failed)))
	a.save(ctx, o)
}

// judge applies the results to the recipients' states.
func (a *attempt) judge() outcome {
	var o outcome
	a.reprieve()
	old := !a.now.Before(a.lease.Mail.Expires)
	for i, st := range a.before {
		r := a.results[i]
		a.note(&st, r)
		switch {
		case r.fate == done:
			o.done++
			a.arrived(&o, st, r)
		case r.fate == failed && st.Last.Code/100 == 5:
			a.giveUp(&o, st, "")
		case r.fate == failed, (r.fate == later || r.resting) && old:
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

const (
	// overslept is how much later than planned an attempt is none to give up after:
	// no retry is put off for that long.
	overslept = 5 * time.Hour
	// another is how long a mail has then.
	another = 4 * time.Hour
)

// reprieve gives a mail more time that expired while nobody looked at it, because the
// server was off or its clock jumped: what fails now may be that clock, or a network
// that is not up yet.
func (a *attempt) reprieve() {
	m := &a.lease.Mail
	for i, st := range a.before {
		if a.due(i) && !st.Failed && !a.now.Before(m.Expires) && a.now.Sub(st.Next) >= overslept {
			m.Expires, a.spared = a.now.Add(another), true
		}
	}
}

// note writes what was said into a recipient's state, and when it is next tried.
func (a *attempt) note(st *queue.State, r result) {
	if r.said.Code != 0 && (r.fate != untouched || st.Last.Code == 0) {
		st.Last, st.Server = r.said.Reply, r.said.server
	}
	switch {
	case r.fate == later:
		a.again(st)
	case r.fate == untouched && !r.next.IsZero():
		st.Next = r.next
	default:
		return
	}
	if end := a.lease.Mail.Expires; st.Next.After(end) && end.After(a.now) {
		st.Next = end // one last attempt
	}
}

// again counts an attempt and says when the next is.
func (a *attempt) again(st *queue.State) {
	st.Attempts++
	st.Next = a.now.Add(queue.Backoff(st.Attempts))
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
	if a.now.Sub(start) < a.Delay || a.spared { // that it is late may be the clock's fault
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

// inVain is how long after a mail expired its sender can still be told. One whose
// mailbox is full or whose key is gone for so long hears nothing.
const inVain = 5 * 24 * time.Hour

// untold takes back what must not happen before the sender knows: who failed is not
// tried any more, and told of at the next attempts.
func (a *attempt) untold(o *outcome) {
	if a.now.Sub(a.lease.Mail.Expires) > inVain {
		a.Log.Error("sender of a mail was never told that it failed", "mail", a.id())
		return
	}
	for _, i := range o.delayed {
		o.left[i].Delayed = false
	}
	o.putOff += len(o.failed)
	for _, st := range o.failed {
		st.Failed = true
		a.again(&st)
		o.left = append(o.left, st)
	}
	o.failed = nil
}

// bare is the least that must be written down: who has the mail. Everybody else
// is tried again.
func (a *attempt) bare() outcome {
	var o outcome
	for i, st := range a.before {
		if a.results[i].fate == done {
			o.done++
			continue
		}
		a.again(&st)
		o.left = append(o.left, st)
		o.putOff++
	}
	return o
}

// pauseToSave is the first pause between tries to write an outcome, longPause the
// last.
const pauseToSave = 300 * time.Millisecond

// save writes the outcome down and ends the lease. A disk that fails keeps it here
// until it does not any more: the mail would go out again, and so would others.
func (a *attempt) save(ctx context.Context, o outcome) {
	if o.done > 0 || a.doubt.Load() {
		a.lease.Mail.Given = true
	}
	m := a.lease.Mail
	m.Recipient = a.before
	a.lease.Mail.Recipient = o.left
	write := a.lease.Save
	if len(o.left) == 0 {
		write = a.lease.Done
	}
	err := record(ctx, write)
	for pause := pauseToSave; err != nil && !ended(err) && ctx.Err() == nil; pause = min(2*pause, longPause) {
		a.Log.Warn("what became of a mail cannot be written down", "mail", a.id(), "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		err = record(ctx, write)
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

// record has its time even when Run ends.
func record(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	return write(ctx)
}
