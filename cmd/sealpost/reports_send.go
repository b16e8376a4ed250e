package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/filestore/lease"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/mailauth/report"
)

// author is who reports. Its address is the postmaster's: there is always one, and a
// reader may ask.
func (r *reports) author() report.Author {
	home := r.home()
	return report.Author{
		Org: home, Domain: home, From: mail.Address{Local: "postmaster", Domain: home}, Generator: "sealpost " + version(),
	}
}

// sendDue sends every report whose day is over, and says how many are left for
// later.
func (r *reports) sendDue(ctx context.Context, c counts, now time.Time) (left int) {
	w := r.author()
	var judged []report.Due
	var session []report.TLSDue
	for _, d := range c.judged.Due(now) {
		err := r.sendAggregate(ctx, w, d, now)
		if left += r.settle(ctx, "dmarc", err); err == nil {
			judged = append(judged, d)
		}
		if errors.Is(err, lease.ErrFenced) {
			return left
		}
	}
	for _, d := range c.session.Due(now) {
		err := r.sendTLS(ctx, w, d, now)
		if left += r.settle(ctx, "tls", err); err == nil {
			session = append(session, d)
		}
		if errors.Is(err, lease.ErrFenced) {
			return left
		}
	}
	_, err := r.gather(ctx, func(c counts) {
		for _, d := range judged {
			c.judged.Done(d)
		}
		for _, d := range session {
			c.session.Done(d)
		}
	})
	r.forget(now)
	if err = errors.Join(err, r.note(ctx)); err != nil && ctx.Err() == nil { // nobody gets them twice
		r.log.Error("reports that were sent are still counted", "error", err)
	}
	return left
}

// settle notes that something was done for a report, or says why it is left.
func (r *reports) settle(ctx context.Context, kind string, err error) (left int) {
	if err == nil {
		r.changed.Store(true)
		return 0
	}
	if ctx.Err() == nil {
		r.log.Warn("a report waits", "kind", kind, "cause", smtp.Cause(err))
	}
	return 1
}

// sendAggregate sends a report to all who agreed to have it. An error is one that
// may pass.
func (r *reports) sendAggregate(ctx context.Context, w report.Author, d report.Due, now time.Time) error {
	readers, err := report.Destinations(ctx, r.dns, d.Report.Policy.Domain, d.RUA)
	if err != nil {
		return err
	}
	for _, to := range readers {
		err := r.once(ctx, fmt.Sprint("dmarc ", d.Report.Policy.Domain, d.Report.Begin.Unix(), to.Key()), "dmarc", d.Report.Begin, func() error {
			m, err := w.Aggregate(d, to, now)
			if err != nil {
				return final{err}
			}
			return r.mail(ctx, m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sendTLS sends a report by mail and by HTTPS, as its reader wants it.
func (r *reports) sendTLS(ctx context.Context, w report.Author, d report.TLSDue, now time.Time) error {
	if r.idle(d) {
		return nil
	}
	wish, err := report.TLSDestinations(ctx, r.dns, d.Domain)
	if err != nil {
		return err
	}
	name := fmt.Sprint("tls ", d.Domain, d.Report.Range.Start.Unix())
	for _, to := range wish.Mail {
		err := r.once(ctx, name+to.Key(), "tls", d.Report.Range.Start, func() error {
			m, err := w.TLS(d, to, now)
			if err != nil {
				return final{err}
			}
			return r.mail(ctx, m)
		})
		if err != nil {
			return err
		}
	}
	for _, url := range wish.HTTP {
		if err := r.once(ctx, name+url, "tls", d.Report.Range.Start, func() error { return w.Post(ctx, r.http, url, d) }); err != nil {
			return err
		}
	}
	return nil
}

// final is an error that no other try mends.
type final struct{ error }

// once does something for one reader, and notes it before: whoever goes on when this node
// does not, does not do it again. What can never be done is logged and over.
func (r *reports) once(ctx context.Context, of, kind string, day time.Time, send func() error) error {
	name := toldName(of)
	if r.sent.Told[name] != "" {
		return nil
	}
	r.sent.Told[name] = day.UTC().Format(time.DateOnly)
	if err := r.note(ctx); err != nil {
		delete(r.sent.Told, name)
		return err
	}
	err := send()
	var never final
	var refused *smtp.Reply
	switch {
	case err == nil:
		r.counted.sent(kind)
	case errors.As(err, &never), errors.As(err, &refused) && refused.Code/100 == 5:
		r.log.Warn("a report cannot be sent", "kind", kind, "cause", smtp.Cause(err))
	default:
		delete(r.sent.Told, name) // which is written down with the next one, or at the end
		return err
	}
	return nil
}

// mail sends a report. Nobody hears when it cannot be delivered.
func (r *reports) mail(ctx context.Context, m report.Message) error {
	e := smtp.Envelope{
		From: &m.From, To: []smtp.Recipient{{Address: m.To, Notify: []string{"NEVER"}}},
		UTF8: !isASCII(m.From.Local + m.To.Local),
	}
	if err := r.post(ctx, e, bytes.NewReader(m.Bytes)); err != nil {
		return err
	}
	r.sent.Wrote[r.now().UTC().Format(time.DateOnly)+" "+m.To.Domain]++
	return nil
}

// idle says that a domain got nothing on that day but reports of ours. To report on
// these would have two servers write to each other for ever.
func (r *reports) idle(d report.TLSDue) bool {
	n := int64(0)
	for _, p := range d.Report.Policies {
		n += p.Summary.Successes + p.Summary.Failures
	}
	return n <= r.sent.Wrote[d.Report.Range.Start.UTC().Format(time.DateOnly)+" "+d.Domain]
}

func isASCII(s string) bool {
	for _, c := range []byte(s) {
		if c > '~' {
			return false
		}
	}
	return true
}
