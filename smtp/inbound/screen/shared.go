package screen

import (
	"time"

	"sealpost/account/limit"
)

// knownAgain is how often other nodes hear of a sender who keeps getting through.
const knownAgain = 24 * time.Hour

// share makes the marks those that all nodes make, and takes what the others tell: how much
// came, which triplets wait, who got through. Without a ledger nothing is shared.
func (s *Screen) share() {
	l := s.Shared
	if l == nil {
		return
	}
	s.perAddress = l.Kind("screen address", func(m limit.Mark, n int) { s.spend(m, s.Rates.PerAddress, n) })
	s.perDomain = l.Kind("screen domain", func(m limit.Mark, n int) { s.spend(m, s.Rates.PerDomain, n) })
	s.waits = l.Kind("screen waits", func(m limit.Mark, _ int) { s.waited(m, s.now()) })
	s.proven = l.Kind("screen known", func(m limit.Mark, _ int) {
		now := s.now().Unix()
		s.known.update(m, func(at int64, _ bool) int64 { return max(at, now) })
	})
	key := s.waits.Mark("marks of a screen")
	s.key = key[:]
}

// spend takes from an allowance what came at another node. It may owe what a few nodes hold.
func (s *Screen) spend(m mark, hourly, n int) {
	if hourly <= 0 {
		return
	}
	s.rates.update(m, func(b bucket, known bool) bucket {
		b = b.filled(known, s.now(), hourly)
		b.left = max(b.left-float64(n), float64(-limit.Debt*hourly))
		return b
	})
}
