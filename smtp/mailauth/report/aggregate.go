package report

import (
	"net/netip"
	"time"
)

// Aggregate is one DMARC aggregate report (RFC 9990), written or read. Of one that
// was read the addresses of its sender are not kept.
type Aggregate struct {
	Org        string // who reports
	ID         string
	Begin, End time.Time // the period, in seconds
	Policy     Published
	Rows       []Row
	More       int // there are more rows than were read, at least so many
	Errors     []string
}

// Published is the policy that a report is about.
type Published struct {
	Domain                         string
	Policy, SubPolicy, NonExistent string // none, quarantine, reject; the last two may be empty
	StrictDKIM, StrictSPF, Testing bool
	FailureOptions                 string
}

// Row is a number of mails that came from one address and fared alike.
type Row struct {
	IP                      netip.Addr
	Count                   int64
	Disposition             string // none, pass, quarantine, reject
	DKIMAligned, SPFAligned bool
	Override, Comment       string // why another disposition than the owner asks for; empty: no reason
	From, Envelope          string // domains
	DKIM                    []Signature
	SPF                     []SPFResult
}

// SPFResult is the result of one SPF check.
type SPFResult struct {
	Domain, Scope, Result string
}

// Total is the number of mails, and of those that passed DMARC.
func (a Aggregate) Total() (all, passed int64) {
	for _, r := range a.Rows {
		all += r.Count
		if r.DKIMAligned || r.SPFAligned {
			passed += r.Count
		}
	}
	return all, passed
}
