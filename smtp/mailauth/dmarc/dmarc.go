// Package dmarc evaluates DMARC (RFC 9989): it finds the policy by the tree walk,
// checks alignment of what SPF and DKIM proved, and says what the owner of the
// domain asks for.
//
// It never knows SPF or DKIM themselves, only which domains they proved, and it
// does nothing to a mail.
package dmarc

import (
	"context"

	"sealpost/smtp/dns"
)

// Identifiers are what was proved of one mail.
type Identifiers struct {
	From string   // domain of the one From address, lower case
	SPF  string   // domain for which SPF passed, or empty
	DKIM []string // domains whose signatures passed
	// Unsure says that SPF or a DKIM check ended with temperror.
	Unsure bool
}

// Verdict is what DMARC says.
type Verdict struct {
	Result      string // none, pass, fail, temperror, permerror
	Policy      string // none, quarantine, reject: what the owner published for this name
	Disposition string // what is to be done after t=, pass and so on: none, quarantine, reject
	Domain      string // where the record was found
	Org         string // organizational domain of From
	Subdomain   bool   // From is below Domain
	SPFAligned  bool
	DKIMAligned bool
	Record      Record
	Reason      string
}

// Record is a DMARC record (RFC 9989, section 4.7).
type Record struct {
	Policy, SubPolicy, NonExistent string
	StrictDKIM, StrictSPF          bool
	Testing                        bool
	PSD                            string // y, n, u
	RUA, RUF                       []string
	FailureOptions                 []string
}

// Evaluate finds the policy for From and judges.
func Evaluate(ctx context.Context, r *dns.Resolver, ids Identifiers) Verdict { return Verdict{} }
