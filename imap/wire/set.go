package wire

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Star is "*" in a set: the highest number there is.
const Star = 0

// Range is a run of numbers, its ends in any order.
type Range struct{ Start, Stop uint32 }

// Set is a sequence set (RFC 9051, section 9). It is never counted out:
// "1:4294967295" is one range.
type Set struct {
	Ranges []Range
	Saved  bool // it is "$" (RFC 5182)
}

// Set reads a sequence set, or "$".
func (p *Parser) Set() (Set, bool) {
	if p.Special("$") {
		return Set{Saved: true}, true
	}
	before := p.rest
	var s Set
	for {
		r, ok := p.span()
		if !ok {
			p.rest = before
			return Set{}, false
		}
		s.Ranges = append(s.Ranges, r)
		if !p.Special(",") {
			return s, true
		}
	}
}

func (p *Parser) span() (r Range, ok bool) {
	if r.Start, ok = p.setNumber(); !ok {
		return r, false
	}
	r.Stop = r.Start
	if p.Special(":") {
		r.Stop, ok = p.setNumber()
	}
	return r, ok
}

func (p *Parser) setNumber() (uint32, bool) {
	if p.Special("*") {
		return Star, true
	}
	n, ok := p.Number()
	if !ok || n < 1 || n > 1<<32-1 {
		return 0, false
	}
	return uint32(n), true
}

// Runs gathers n ascending numbers as a set.
func (c *Conn) Runs(n int, number func(int) uint32) {
	runs(n, number, func(s string) { c.Str(s) })
}

// WriteRuns writes n ascending numbers as a set.
func WriteRuns(b *strings.Builder, n int, number func(int) uint32) {
	runs(n, number, func(s string) { b.WriteString(s) })
}

func runs(n int, number func(int) uint32, write func(string)) {
	for i := 0; i < n; {
		first := number(i)
		last := first
		for i++; i < n && number(i) == last+1; i++ {
			last++
		}
		write(strconv.FormatUint(uint64(first), 10))
		if last > first {
			write(":" + strconv.FormatUint(uint64(last), 10))
		}
		if i < n {
			write(",")
		}
	}
}

// Ranges gathers ranges as a set.
func (c *Conn) Ranges(ranges []Range) {
	for i, r := range ranges {
		if i > 0 {
			c.Mark(',')
		}
		c.Num(uint64(r.Start))
		if r.Stop > r.Start {
			c.Mark(':')
			c.Num(uint64(r.Stop))
		}
	}
}

// Ordered gives the ranges of a set ascending and apart from each other, up to
// last, which is what "*" stands for.
func (s Set) Ordered(last uint32) (out []Range) {
	sorted := make([]Range, 0, len(s.Ranges))
	for _, r := range s.Ranges {
		if r.Start == Star {
			r.Start = last
		}
		if r.Stop == Star {
			r.Stop = last
		}
		if r.Start > r.Stop {
			r.Start, r.Stop = r.Stop, r.Start
		}
		if r.Stop = min(r.Stop, last); r.Start <= r.Stop && r.Start > 0 {
			sorted = append(sorted, r)
		}
	}
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	for _, r := range sorted {
		if n := len(out); n > 0 && uint64(r.Start) <= uint64(out[n-1].Stop)+1 {
			out[n-1].Stop = max(out[n-1].Stop, r.Stop)
			continue
		}
		out = append(out, r)
	}
	return out
}
