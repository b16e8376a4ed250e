// Package report writes and reads reports that mail servers send each other:
// DMARC aggregate reports (RFC 9990), failure reports (RFC 9991, read only) and
// SMTP TLS reports (RFC 8460). Counting is done here too, in memory and by the
// day; it keeps no addresses, only domains and numbers.
//
// It never sends anything and never knows a mailbox: who wants a report is a URI,
// and what a report says of single mails is passed over.
//
// Invariants: memory for counting is bounded, what does not fit is counted as not
// reported; a report goes only to whom its receiver agreed to (RFC 9990, section
// 4); nothing that is read is unpacked beyond its bound.
package report

import (
	"net/netip"
	"time"

	"sealpost/smtp/mailauth/dmarc"
)

// Observation is one mail that was judged, without anything that names a person.
type Observation struct {
	Time     time.Time
	IP       netip.Addr
	From     string // domain of From
	Envelope string // domain of the reverse-path, empty for <>
	DMARC    dmarc.Verdict
	// Disposition is what was done: none, quarantine, reject.
	Disposition string
	// Override and Comment say why that is not what the owner asks for: a word of
	// RFC 9990, section 3.1.6, or empty.
	Override, Comment string
	SPF               string // result word of the reverse-path, empty when there is none
	DKIM              []Signature
}

// Signature is the result of one DKIM signature.
type Signature struct {
	Domain, Selector, Result string
}
