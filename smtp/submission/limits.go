package submission

import (
	"cmp"
	"fmt"
	"time"

	"sealpost/account/limit"
	"sealpost/smtp"
)

// Limits are outbound limits, in recipients that are not of this server. Zero: none.
type Limits struct {
	Hour, Day    int           // of one account
	PasswordHour int           // of one app password
	WarmUp       time.Duration // an account younger than this has a tenth
}

// Share has other nodes count what is sent here, and counts what they do. It is called once,
// before use.
func (h *Handler) Share(l *limit.Ledger) {
	h.sending.share(l, h.Now, time.Hour, 24*time.Hour)
}

// bounds are the limits that t's account and app password have now.
func (t *transaction) bounds() []bound {
	if t.who.ID == "" {
		return nil
	}
	l, id := t.h.Limits, string(t.who.ID)
	young := t.h.Now().Sub(t.who.Created) < l.WarmUp
	var all []bound
	add := func(name string, most int, span time.Duration) {
		if most > 0 && young {
			most = max(1, most/10)
		}
		if most > 0 {
			all = append(all, bound{name, most, span})
		}
	}
	add("hour "+id, l.Hour, time.Hour)
	add("day "+id, l.Day, 24*time.Hour)
	if t.who.device != "" {
		add("password "+id+" "+t.who.device, cmp.Or(t.who.perHour, l.PasswordHour), time.Hour)
	}
	return all
}

// room says whether n recipients may be written to now.
func (t *transaction) room(n int) error {
	now, bounds := t.h.Now(), t.bounds()
	if err := atMost(bounds, n); err != nil {
		return err
	}
	return limited(t.h.sending.room(bounds, n, now), now)
}

// count counts n recipients, or says why they are too many.
func (t *transaction) count(n int, now time.Time) (undo func(int), err error) {
	undo, when := t.h.sending.take(t.bounds(), n, now)
	return undo, limited(when, now)
}

// atMost refuses a number of recipients that no waiting makes possible.
func atMost(bounds []bound, n int) error {
	for _, b := range bounds {
		if n > b.most {
			return &smtp.Reply{Code: 452, Enhanced: "4.5.3", Text: fmt.Sprintf("you may write to %d recipients in %s; send the rest later", b.most, minutes(b.span))}
		}
	}
	return nil
}

// limited is nil for a time that is zero, and else says when to come again.
func limited(when, now time.Time) error {
	if when.IsZero() {
		return nil
	}
	wait := max(when.Sub(now), 0).Truncate(time.Minute) + time.Minute
	return &smtp.Reply{Code: 450, Enhanced: "4.7.1",
		Text: fmt.Sprintf("you have reached the number of recipients you may write to; try again in %s", minutes(wait))}
}

// minutes writes a time to wait for a person.
func minutes(d time.Duration) string {
	h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d h %d min", h, m)
}
