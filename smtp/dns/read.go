package dns

import (
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

const (
	maxChain   = 16  // CNAMEs after each other
	maxRecords = 256 // of one answer; more are not looked at
	maxTTL     = time.Hour
	maxAbsent  = 5 * time.Minute // RFC 2308, section 5 allows hours; people repair their zones while waiting
)

// found is one answer as it is remembered. Its records are never changed.
type found struct {
	records   []dns.RR
	authentic bool
	name      string // target form
	until     time.Time
	size      int   // bytes on the wire
	err       error // ErrNotFound, wrapped, or nil
}

func (f found) left(now time.Time) time.Duration { return max(f.until.Sub(now), 0) }

// read says what a reply means. An error is a server that could not tell.
func read(m *dns.Msg, trust bool, now time.Time) (found, error) {
	if m.Truncated || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return found{}, fmt.Errorf("%w: %s", errRefused, dns.RcodeToString[m.Rcode])
	}
	q := m.Question[0]
	name, ttl, err := follow(m.Answer, lower(q.Name), q.Qtype)
	if err != nil {
		return found{}, err
	}
	f := found{name: target(name), authentic: trust && m.AuthenticatedData, size: m.Len()}
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Rrtype == q.Qtype && h.Class == q.Qclass && lower(h.Name) == name && len(f.records) < maxRecords {
			f.records = append(f.records, rr)
			ttl = min(ttl, seconds(h.Ttl))
		}
	}
	if len(f.records) > 0 && m.Rcode == dns.RcodeSuccess {
		f.until = now.Add(ttl)
		return f, nil
	}
	f.records = nil
	soa, known := absence(m.Ns)
	if !known && lame(m) {
		return found{}, fmt.Errorf("%w: referral", errRefused)
	}
	f.until = now.Add(min(ttl, soa))
	f.err = failed(q.Qtype, ErrNotFound, errors.New(dns.RcodeToString[m.Rcode]))
	return f, nil
}

// follow walks the aliases that begin at name, as the resolver returned them, and
// returns the last name and the least TTL of the way.
func follow(answer []dns.RR, name string, qtype uint16) (string, time.Duration, error) {
	ttl := maxTTL
	if qtype == dns.TypeCNAME {
		return name, ttl, nil
	}
	alias := map[string]*dns.CNAME{}
	for _, rr := range answer {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET {
			alias[lower(c.Hdr.Name)] = c
		}
	}
	for range maxChain {
		c := alias[name]
		if c == nil {
			return name, ttl, nil
		}
		name, ttl = lower(c.Target), min(ttl, seconds(c.Hdr.Ttl))
	}
	return "", 0, fmt.Errorf("%w: aliases without end", errRefused)
}

// absence is how long absence may be remembered: the lesser of the SOA's TTL and
// its last field (RFC 2308, section 5); without a SOA not at all.
func absence(ns []dns.RR) (time.Duration, bool) {
	for _, rr := range ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl), maxAbsent), true
		}
	}
	return 0, false
}

// lame says whether m points elsewhere instead of answering: a server that does
// not recurse (RFC 2308, section 2.2.1). That is no absence.
func lame(m *dns.Msg) bool {
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeNS {
			return !m.RecursionAvailable && !m.Authoritative
		}
	}
	return false
}

func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 { // RFC 2181, section 8
		return 0
	}
	return time.Duration(ttl) * time.Second
}
