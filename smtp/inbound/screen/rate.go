package screen

import (
	"math"
	"time"

	"sealpost/account/limit"
)

// bucket holds what a sender may still send. It fills in an hour.
type bucket struct {
	left float64
	at   time.Time
}

// rate takes one mail from the allowance of a client and of the domain for which its
// network sends, and says whether there was one. Anybody may say any domain: what one
// network says of it is charged to no other.
func (s *Screen) rate(a Arrival) bool {
	if !s.take(s.perAddress, s.Rates.PerAddress, "address", netOf(a.IP, false)) {
		return false
	}
	return a.From == nil || s.take(s.perDomain, s.Rates.PerDomain, "domain", netOf(a.IP, true), a.From.Domain)
}

// take takes one mail from an allowance that other nodes take from as well.
func (s *Screen) take(shared *limit.Kind, hourly int, words ...string) (ok bool) {
	if hourly <= 0 {
		return true
	}
	m := s.mark(words...)
	s.rates.update(m, func(b bucket, known bool) bucket {
		b = b.filled(known, s.now(), hourly)
		if ok = b.left >= 1; ok {
			b.left--
		}
		return b
	})
	if ok {
		shared.Used(m, 1)
	}
	return ok
}

// filled is a bucket as it is now.
func (b bucket) filled(known bool, now time.Time, hourly int) bucket {
	most := float64(hourly)
	if !known {
		return bucket{most, now}
	}
	passed := max(now.Sub(b.at), 0) // clocks jump
	return bucket{math.Min(most, b.left+most*passed.Hours()), now}
}
