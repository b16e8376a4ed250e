package outbound

import (
	"context"
	"errors"
	"slices"

	"sealpost/smtp"
	"sealpost/smtp/outbound/route"
)

// tries is how many sessions one delivery may use: a kept one may be dead, a server
// may want the rest in another, and one that does not work may have a neighbour.
const tries = 3

// outside sends to another server.
func (d *delivery) outside(ctx context.Context) {
	d.hosts.forgive(d.key, d.Queue.Asked())
	if w := d.hosts.enter(ctx, d.key, d.Now()); !w.until.IsZero() {
		if !d.cut(ctx) {
			d.rest(result{fate: untouched, next: w.until, resting: w.resting, said: w.why})
		}
		return
	}
	defer func() { d.hosts.leave(d.key, d.Now()) }()
	if err := d.signed(); err != nil {
		d.Log.Error("a mail cannot be signed", "mail", d.id(), "error", err)
		d.rest(result{fate: later, said: said{Reply: replyFault}})
		return
	}
	d.exchange(ctx)
}

// exchange goes through sessions until everybody has an answer that is worth keeping.
// An exchanger that broke off, or puts off, may have a neighbour that does not (RFC
// 5321, section 5.1).
func (d *delivery) exchange(ctx context.Context) {
	var broken error
	var skip []string // exchangers that had their chance
	todo := d.who
	for n := range tries {
		sess, reused, err := d.session(ctx, n == 0, skip)
		if err != nil && skip == nil {
			d.notOpened(ctx, err)
			return
		}
		if err != nil {
			break
		}
		var rest []int
		var again bool
		if rest, again, broken = d.over(ctx, sess, reused, todo); d.cut(ctx) {
			return
		}
		if todo = rest; len(rest) == 0 || !again {
			skip = append(skip, sess.Host)
			todo = d.open()
		}
		if len(todo) == 0 {
			return
		}
	}
	if slices.ContainsFunc(d.who, d.unanswered) {
		d.broke(ctx, broken)
	}
}

func (d *delivery) unanswered(i int) bool { return d.results[i] == (result{}) }

// open are those who have no answer, or were put off by the other server.
func (d *delivery) open() (who []int) {
	for _, i := range d.who {
		if r := d.results[i]; d.unanswered(i) || r.fate == later && r.said.server != "" {
			who = append(who, i)
		}
	}
	return who
}

// over sends to some recipients over one session, and returns those who have no
// result: again says that another session may do better.
func (d *delivery) over(ctx context.Context, sess *route.Session, reused bool, todo []int) (rest []int, again bool, err error) {
	whole := false
	defer func() {
		if whole {
			d.hosts.put(d.key, sess)
		} else {
			sess.Close()
		}
	}()
	e := d.lease.Mail.Envelope
	e.To = nil
	for _, i := range todo {
		e.To = append(e.To, d.lease.Mail.Recipient[i].Recipient)
	}
	out, err := sess.Send(ctx, e, d.text)
	whole = err == nil
	if out.Unsure {
		d.doubt.Store(true)
	}
	rest, heard := d.record(out, sess.Host, todo, reused && err != nil)
	if heard {
		d.hosts.works(d.key)
	}
	return rest, reused || heard, err
}

// record notes what was said to whom. A kept session that ends with 421 has said
// nothing about the mail. heard says that the server decided about somebody.
func (d *delivery) record(out smtp.Outcome, server string, todo []int, ended bool) (rest []int, heard bool) {
	for n, i := range todo {
		r := said{out.Recipients[n], server}
		switch {
		case r.Code == 0, ended && r.Code == 421:
			rest = append(rest, i)
			continue
		case out.Own[n]:
			r.server = ""
		default:
			heard = true
		}
		if out.Unsure && out.Own[n] && r.Code/100 == 4 {
			d.counted.duplicates.Add(1)
		}
		d.results[i] = result{fate: fateOf(r.Code), said: r, relayed: !out.Relayed}
	}
	return rest, heard
}

func fateOf(code int) fate {
	switch code / 100 {
	case 2:
		return done
	case 5:
		return failed
	}
	return later
}

// notOpened puts off all who wait for a session that there is not.
func (d *delivery) notOpened(ctx context.Context, err error) {
	if d.cut(ctx) {
		return
	}
	d.Log.Info("no session for a mail", "mail", d.id(), "cause", smtp.Cause(err))
	r, permanent := explain(err)
	var refused *smtp.Refused
	switch {
	case permanent: // what holds for the mail holds for the destination, and nothing is learnt
	case errors.As(err, &refused) && d.hosts.crowded(d.key):
		d.rest(result{fate: untouched, next: d.hosts.busyUntil(d.Now()).until})
	default:
		d.hosts.fails(d.key, d.Now(), r)
	}
	d.lost(ctx, err)
}

// broke puts off all whose session ended before anything was said about them.
func (d *delivery) broke(ctx context.Context, err error) {
	r := said{Reply: replyBroke}
	d.Log.Info("a session broke", "mail", d.id(), "cause", smtp.Cause(err))
	d.hosts.fails(d.key, d.Now(), r)
	d.rest(result{fate: later, said: r})
}
