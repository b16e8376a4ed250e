package screen

import (
	"math"
	"time"
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
	if !s.take(s.mark("address", netOf(a.IP, false)), s.Rates.PerAddress) {
		return false
	}
	return a.From == nil || s.take(s.mark("domain", netOf(a.IP, true), a.From.Domain), s.Rates.PerDomain)
}

func (s *Screen) take(k mark, hourly int) (ok bool) {
	if hourly <= 0 {
		return true
	}
	now, most := s.now(), float64(hourly)
	s.rates.update(k, func(b bucket, known bool) bucket {
		if !known {
			b = bucket{most, now}
		}
		passed := max(now.Sub(b.at), 0) // clocks jump
		b = bucket{math.Min(most, b.left+most*passed.Hours()), now}
		if ok = b.left >= 1; ok {
			b.left--
		}
		return b
	})
	return ok
}
