package outbound

import (
	"context"
	"errors"

	"sealpost/smtp"
	"sealpost/smtp/outbound/route"
)

// tries is how many sessions one delivery may use: a kept one may be dead, and a
// server may want the rest in another.
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
	todo := d.who
	for n := range tries {
		sess, reused, err := d.session(ctx, n == 0)
		if err != nil {
			d.notOpened(ctx, err)
			return
		}
		rest, again, err := d.over(ctx, sess, reused, todo)
		if len(rest) == 0 || d.cut(ctx) {
			return
		}
		if todo = rest; !again || n == tries-1 {
			d.broke(ctx, err)
			return
		}
	}
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
	out, err := sess.Send(ctx, e, d.content)
	whole = err == nil
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
