// Package dmarc evaluates DMARC (RFC 9989): it finds the policy by the tree walk,
// checks alignment of what SPF and DKIM proved, and says what the owner of the
// domain asks for.
//
// It never knows SPF or DKIM themselves, only which domains they proved, and it
// does nothing to a mail.
//
// Invariants: a walk asks at most eight questions; several records at one name
// are none; a DNS failure is temperror, never fail and never pass.
package dmarc

import (
	"context"
	"errors"

	"sealpost/smtp/dns"
)

// Identifiers are what was proved of one mail.
type Identifiers struct {
	From string   // domain of the one From address, lower case
	SPF  string   // domain of the reverse-path for which SPF passed, or empty
	DKIM []string // domains whose signatures passed
	// Unsure says that SPF or a DKIM check ended with temperror.
	Unsure bool
	// Doubtful are the domains of those checks, where they are known. A sender
	// chooses what it signs with: only a domain that could align excuses a mail.
	Doubtful []string
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
	// Later says of a temperror that an answer could have condemned the mail.
	Later bool
}

// Record is a DMARC record (RFC 9989, section 4.7).
type Record struct {
	Policy, SubPolicy, NonExistent string // SubPolicy and NonExistent are empty where the owner says nothing
	StrictDKIM, StrictSPF          bool
	Testing                        bool
	PSD                            string // y, n, u
	RUA, RUF                       []string
	FailureOptions                 []string
	Broken                         bool // p is missing, or one of p, sp, np is no policy: all are none
}

// Evaluate finds the policy for From and judges. What fails in the DNS gives
// temperror, for which Disposition is none (section 5.3.6 leaves it to the receiver).
func Evaluate(ctx context.Context, r *dns.Resolver, ids Identifiers) Verdict {
	from, ok := canonical(ids.From)
	if !ok {
		return none("From has no domain name")
	}
	w := &walker{dns: r, known: make(map[string]answer)}
	v, err := w.discover(ctx, from)
	switch {
	case err != nil:
		return temporary(v, !proved(from, ids), "the DNS failed on the way to a policy")
	case v.Domain == "":
		return none("no record")
	case v.Record.Broken && len(v.Record.RUA) == 0:
		v.Result, v.Policy, v.Disposition, v.Reason = "permerror", "none", "none", "the record has no usable policy"
		return v
	}
	return w.judge(ctx, v, from, ids)
}

func none(reason string) Verdict {
	return Verdict{Result: "none", Policy: "none", Disposition: "none", Reason: reason}
}

func temporary(v Verdict, later bool, reason string) Verdict {
	v.Result, v.Disposition, v.Reason, v.Later = "temperror", "none", reason, later
	return v
}

// discover finds the record that applies (section 4.10.1): that of From, of its
// organizational domain, or of its public suffix. Domain stays empty without one.
func (w *walker) discover(ctx context.Context, from string) (Verdict, error) {
	all, err := w.walk(ctx, from)
	if err != nil && (len(all) == 0 || all[0].domain != from) {
		return Verdict{Policy: "none"}, err
	}
	if len(all) == 0 {
		return Verdict{}, nil
	}
	v := Verdict{Org: organization(from, all)}
	if err != nil {
		v.Org = "" // the policy is known, who is aligned is not
	}
	at := applies(from, v.Org, all)
	v.Domain, v.Record, v.Subdomain = at.domain, at.record, at.domain != from
	v.Policy, err = w.policy(ctx, from, v)
	return v, err
}

// applies picks one of the records of a walk. A record between From and its
// organizational domain is nobody's policy.
func applies(from, org string, all []found) found {
	if all[0].domain == from {
		return all[0]
	}
	for _, f := range all {
		if f.domain == org {
			return f
		}
	}
	return all[len(all)-1] // the walk ended at a public suffix
}

// policy is p, sp or np. Whether From exists is asked only where it matters.
func (w *walker) policy(ctx context.Context, from string, v Verdict) (string, error) {
	rec := v.Record
	if !v.Subdomain {
		return rec.Policy, nil
	}
	exists := rec.Policy
	if rec.SubPolicy != "" {
		exists = rec.SubPolicy
	}
	if rec.NonExistent == "" || rec.NonExistent == exists {
		return exists, nil
	}
	there, err := w.exists(ctx, from)
	if err != nil || there {
		return exists, err
	}
	return rec.NonExistent, nil
}

// exists says whether name has an address or takes mail. RFC 9989 asks for
// NXDOMAIN (section 3.2.13), RFC 9091 for this, which is also what servers that
// deny their names' existence with NODATA mean.
func (w *walker) exists(ctx context.Context, name string) (bool, error) {
	_, err := w.dns.IP(ctx, name)
	if errors.Is(err, dns.ErrNotFound) {
		_, err = w.dns.MX(ctx, name)
	}
	if errors.Is(err, dns.ErrNotFound) {
		_, err = w.dns.TXT(ctx, name)
	}
	if errors.Is(err, dns.ErrNotFound) {
		return false, nil
	}
	return true, err
}
