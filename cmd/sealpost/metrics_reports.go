package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// reportCounts are counts since the start, for metrics.
type reportCounts struct {
	mu   sync.Mutex
	tls  map[[2]string]int64 // sessions with other servers, by policy and result
	out  map[string]int64    // reports that left, by kind
	came map[string]int64
}

// mostOutcomes bounds the labels of sessions: there are three policies and some
// dozen results.
const mostOutcomes = 100

func (c *reportCounts) outcome(policy, result string) {
	if result == "" {
		result = "success"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := [2]string{policy, result}
	if _, known := c.tls[k]; !known && len(c.tls) >= mostOutcomes {
		return
	}
	c.tls[k]++
}

func (c *reportCounts) sent(kind string)     { c.add(&c.out, kind) }
func (c *reportCounts) received(kind string) { c.add(&c.came, kind) }

func (c *reportCounts) add(to *map[string]int64, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *to == nil {
		*to = map[string]int64{}
	}
	(*to)[kind]++
}

func (s *server) measureReports(_ context.Context, e *exposition) {
	c := &s.reports.counted
	c.mu.Lock()
	defer c.mu.Unlock()
	e.family("sealpost_outbound_tls_total", "counter", "Sessions with other servers by the policy of their domain and by how TLS went (words of RFC 8460).")
	byName := func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }
	for _, k := range slices.SortedFunc(maps.Keys(c.tls), byName) {
		e.count(c.tls[k], "policy", k[0], "result", k[1])
	}
	e.family("sealpost_reports_sent_total", "counter", "Reports that were sent to other domains, one for each reader.")
	for _, kind := range []string{"dmarc", "tls"} {
		e.count(c.out[kind], "kind", kind)
	}
	e.family("sealpost_reports_received_total", "counter", "Reports about domains of this server that came from others.")
	for _, kind := range []string{"dmarc", "failure", "tls"} {
		e.count(c.came[kind], "kind", kind)
	}
	e.family("sealpost_reports_lost_total", "counter", "Mails and sessions that no report tells of, for want of memory.")
	e.count(s.reports.judged.Lost(), "kind", "dmarc")
	e.count(s.reports.session.Lost(), "kind", "tls")
}
