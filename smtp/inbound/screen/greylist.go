package screen

import (
	"context"
	"time"

	"sealpost/smtp/mailauth/spf"
)

const (
	greyWait   = 5 * time.Minute
	greyForget = 36 * 24 * time.Hour
	greySPF    = 5 * time.Second
	greyRetry  = 48 * time.Hour // who comes back later than this begins anew
)

// triplet is a network, a sender and a recipient that were seen together (RFC
// 6647).
type triplet struct {
	first, last time.Time
	passed      bool
}

// greylisted says whether a mail may come now: its sender waited once, or need not
// wait. What is lost at a restart costs a wait.
func (s *Screen) greylisted(ctx context.Context, a Arrival) bool {
	from := "<>"
	if a.From != nil {
		from = a.From.Key()
	}
	now := s.now()
	to := a.To[len(a.To)-1].Key()
	triplet := s.mark("grey", netOf(a.IP, true), from, to)
	if s.waited(triplet, now) {
		return true
	}
	s.waits.Used(triplet, 1)
	if at, ok := s.known.get(s.sender(a)); ok && now.Sub(time.Unix(at, 0)) < greyForget {
		return true
	}
	return s.allowed(a.IP) || s.provenBySPF(ctx, a)
}

// provenBySPF says that the sender's domain names the client as a server of its
// own, which will try again anyway. The mail is checked again when it has come.
func (s *Screen) provenBySPF(ctx context.Context, a Arrival) bool {
	if s.DNS == nil || a.From == nil || !a.IP.IsValid() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, greySPF)
	defer cancel()
	result, _ := spf.Check(ctx, s.DNS.ForSPF(), a.IP, a.Helo, a.From.Local, a.From.Domain)
	return result == "pass"
}

// waited notes that a triplet came, and says whether it may pass.
func (s *Screen) waited(k mark, now time.Time) (ok bool) {
	s.grey.update(k, func(t triplet, seen bool) triplet {
		switch age := now.Sub(t.last); {
		case !seen, age < 0, t.passed && age >= greyForget, !t.passed && now.Sub(t.first) >= greyRetry:
			t = triplet{first: now}
		case now.Sub(t.first) >= greyWait:
			t.passed = true
		}
		t.last = now
		ok = t.passed
		return t
	})
	return ok
}

// sender is a network and the domain it sends for.
func (s *Screen) sender(a Arrival) mark {
	domain := "<>" + a.Helo
	if a.From != nil {
		domain = a.From.Domain
	}
	return s.mark("sender", netOf(a.IP, true), domain)
}

// got remembers a sender whose mail was taken, and not as junk.
func (s *Screen) got(a Arrival) {
	if s.Greylist {
		now, m := s.now().Unix(), s.sender(a)
		last, there := s.known.get(m)
		s.known.update(m, func(int64, bool) int64 { return now })
		if !there || now-last >= int64(knownAgain/time.Second) {
			s.proven.Used(m, 1)
		}
	}
}
