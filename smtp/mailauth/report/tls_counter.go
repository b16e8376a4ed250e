package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxTLSPolicies = 20_000 // of all days together
	maxTLSFailures = 200    // kinds of failure of one policy and day
	maxPolicyText  = 8 << 10
)

// TLSSession is the outcome of one session with an exchanger.
type TLSSession struct {
	Time       time.Time
	Domain     string   // of the policy
	PolicyType string   // tlsa, sts, no-policy-found
	Policy     []string // its lines or TLSA records
	MX         string
	IP         string // of the exchanger
	Result     string // a word of RFC 8460, section 4.3; empty: success
	Detail     string
}

// TLSCounter counts sessions by UTC day and policy domain. Its zero value is
// empty; it is safe for concurrent use.
type TLSCounter struct {
	mu     sync.Mutex
	counts map[tlsKey]*tlsCount
	lost   int64
}

// tlsKey is one policy on one day; Text are its lines.
type tlsKey struct{ Day, Domain, Type, Text string }

type tlsCount struct {
	Good   int64
	Failed map[TLSFailure]int64 // by all but Sessions
	Rest   int64                // failures of more kinds than are kept
}

// Add counts one session.
func (c *TLSCounter) Add(s TLSSession) {
	k := tlsKey{s.Time.UTC().Format(time.DateOnly), domain(s.Domain), s.PolicyType, strings.Join(s.Policy, "\n")}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.at(k)
	if n == nil {
		c.lost++
		return
	}
	if s.Result == "" {
		n.Good++
		return
	}
	n.fail(TLSFailure{Type: clean(s.Result), MX: clean(s.MX), IP: clean(s.IP), Reason: clean(s.Detail)}, 1)
}

// at finds or makes the count of a policy, within the bounds.
func (c *TLSCounter) at(k tlsKey) *tlsCount {
	if n := c.counts[k]; n != nil {
		return n
	}
	if len(c.counts) >= maxTLSPolicies || len(k.Text) > maxPolicyText || k.Domain == "" {
		return nil
	}
	if c.counts == nil {
		c.counts = make(map[tlsKey]*tlsCount)
	}
	n := &tlsCount{Failed: make(map[TLSFailure]int64)}
	c.counts[k] = n
	return n
}

func (n *tlsCount) fail(f TLSFailure, times int64) {
	if _, known := n.Failed[f]; !known && len(n.Failed) >= maxTLSFailures {
		n.Rest += times
		return
	}
	n.Failed[f] += times
}

// Lost is how many sessions were not counted for want of memory.
func (c *TLSCounter) Lost() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// TLSDue is a report whose day is over; see TLSDestinations.
type TLSDue struct {
	Report TLSReport
	Domain string
	day    string
}

// Due makes the reports of all UTC days before now's, one for each domain. They
// are counted on until Done, but for those that are too old to matter.
func (c *TLSCounter) Due(now time.Time) []TLSDue {
	today := now.UTC().Truncate(24 * time.Hour)
	c.mu.Lock()
	defer c.mu.Unlock()
	reports := make(map[[2]string]*TLSDue)
	for k, n := range c.counts {
		begin, err := time.Parse(time.DateOnly, k.Day)
		if err != nil || begin.Before(today.AddDate(0, 0, -keptDays)) {
			delete(c.counts, k)
			continue
		}
		if !begin.Before(today) {
			continue
		}
		d := reports[[2]string{k.Day, k.Domain}]
		if d == nil {
			d = &TLSDue{Domain: k.Domain, day: k.Day}
			d.Report.Range = TLSRange{begin, begin.Add(24*time.Hour - time.Second)}
			reports[[2]string{k.Day, k.Domain}] = d
		}
		d.Report.Policies = append(d.Report.Policies, n.policy(k))
	}
	var due []TLSDue
	for _, d := range reports {
		slices.SortFunc(d.Report.Policies, func(a, b TLSPolicy) int {
			return cmp.Compare(fmt.Sprint(a.Policy), fmt.Sprint(b.Policy))
		})
		due = append(due, *d)
	}
	slices.SortFunc(due, func(a, b TLSDue) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.Domain, b.Domain)) })
	return due
}

// Done forgets what was counted for a report.
func (c *TLSCounter) Done(d TLSDue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.counts {
		if k.Day == d.day && k.Domain == d.Domain {
			delete(c.counts, k)
		}
	}
}

func (n *tlsCount) policy(k tlsKey) TLSPolicy {
	p := TLSPolicy{Policy: TLSApplied{Type: k.Type, Domain: k.Domain}, Summary: TLSSummary{Successes: n.Good, Failures: n.Rest}}
	if k.Text != "" {
		p.Policy.String = strings.Split(k.Text, "\n")
	}
	for _, line := range p.Policy.String {
		if mx, ok := strings.CutPrefix(line, "mx:"); ok && k.Type == "sts" {
			p.Policy.MX = append(p.Policy.MX, strings.TrimSpace(mx))
		}
	}
	for f, times := range n.Failed {
		f.Sessions = times
		p.Summary.Failures += times
		p.Failures = append(p.Failures, f)
	}
	slices.SortFunc(p.Failures, func(a, b TLSFailure) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return p
}

type storedTLS struct {
	Version  int
	Policies []storedPolicy
}

type storedPolicy struct {
	tlsKey
	Good, Rest int64
	Failed     []TLSFailure
}

// Take is all that was counted, which is not counted here any more.
func (c *TLSCounter) Take() *TLSCounter {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := &TLSCounter{counts: c.counts}
	c.counts = nil
	return taken
}

// MarshalBinary writes all that was counted, for the caller to seal: it tells whom
// this server wrote to.
func (c *TLSCounter) MarshalBinary() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := storedTLS{Version: 1}
	for k, n := range c.counts {
		p := storedPolicy{tlsKey: k, Good: n.Good, Rest: n.Rest}
		for f, times := range n.Failed {
			f.Sessions = times
			p.Failed = append(p.Failed, f)
		}
		s.Policies = append(s.Policies, p)
	}
	return json.Marshal(s)
}

// UnmarshalBinary adds what MarshalBinary wrote, within the bounds.
func (c *TLSCounter) UnmarshalBinary(b []byte) error {
	var s storedTLS
	if len(b) > maxStored {
		return errors.New("stored counts are too large")
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Version != 1 {
		return errors.New("not the counts of a TLS report")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range s.Policies {
		n := c.at(p.tlsKey)
		if n == nil {
			c.lost += p.Good + p.Rest
			continue
		}
		n.Good += p.Good
		n.Rest += p.Rest
		for _, f := range p.Failed {
			times := f.Sessions
			f.Sessions = 0
			n.fail(f, times)
		}
	}
	return nil
}
