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

// rate takes one mail from the allowance of a client and of the domain it sends
// for, and says whether there was one.
func (s *Screen) rate(a Arrival) bool {
	ok := s.take(s.mark("address", netOf(a.IP, false)), s.Rates.PerAddress)
	if a.From != nil {
		ok = s.take(s.mark("domain", a.From.Domain), s.Rates.PerDomain) && ok
	}
	return ok
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
