package route

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sealpost/smtp/dns"
)

// demand is what a session with one exchanger must be.
type demand struct {
	how     string // dane, mta-sts, opportunistic: what a session that meets it is
	name    string // for SNI
	encrypt bool   // without TLS there is no session
	verify  bool   // and not without a certificate that check accepts
	named   bool   // DNSSEC or MTA-STS vouches for the exchanger's name
	extend  bool   // and REQUIRETLS must be offered
	check   func(tls.ConnectionState) error
	quiet   bool      // what becomes of it is told nobody
	report  TLSResult // what is the same in all results
}

var errNotNamed = errors.New("the MTA-STS policy does not name this exchanger")

// demand finds out what the owner of p's domain, and of the exchanger, demand.
// DANE goes before MTA-STS (RFC 8461, section 2).
func (r *Router) demand(ctx context.Context, p plan, h host, wish Wish) (demand, error) {
	d := r.opportunistic(p, h)
	if wish == Lax {
		d.quiet = true
		return d, nil
	}
	base, records, err := r.tlsa(ctx, p, h)
	if err != nil {
		d.report.PolicyType = "tlsa"
		r.tell(d, "dnssec-invalid", err)
		return d, fmt.Errorf("%w: find TLSA records: %w", ErrPolicy, err)
	}
	usable := usable(records)
	switch {
	case len(usable) > 0:
		r.dane(&d, p, h, base, usable)
	case len(records) > 0: // RFC 7672, section 2.2: encrypt, though nobody can be authenticated
		unusable := d
		unusable.report.PolicyType, unusable.report.Policy = "tlsa", written(records)
		r.tell(unusable, "tlsa-invalid", errors.New("no TLSA record is usable"))
		d.encrypt = true
		fallthrough
	default:
		if err := r.sts(&d, p, h); err != nil {
			return d, err
		}
	}
	if wish == Strict {
		d.encrypt, d.verify, d.extend = true, true, true
		if !d.named {
			return d, fmt.Errorf("%w: REQUIRETLS needs an exchanger whose name is certain", ErrPolicy)
		}
	}
	return d, nil
}

// opportunistic is what holds when nobody demands anything (RFC 7435): the
// certificate is looked at all the same, for REQUIRETLS and for reports.
func (r *Router) opportunistic(p plan, h host) demand {
	d := demand{
		how:   "opportunistic",
		named: p.secure,
		check: func(s tls.ConnectionState) error { return webPKI(s, r.Roots, r.now(), h.name) },
		report: TLSResult{
			Domain: p.domain, PolicyType: "no-policy-found", MX: h.name,
		},
	}
	if _, isAddress := literal(h.name); !isAddress {
		d.name = h.name
	}
	return d
}

func (r *Router) dane(d *demand, p plan, h host, base string, records []dns.TLSA) {
	d.how, d.name = "dane", base
	d.encrypt, d.verify, d.named = true, true, true
	d.check = daneCheck{records: records, names: []string{base, h.name, p.domain}, now: r.now}.check
	d.report.PolicyType, d.report.Policy = "tlsa", written(records)
}

// sts applies the policy of the domain (RFC 8461, section 4).
func (r *Router) sts(d *demand, p plan, h host) error {
	if p.unsure != nil {
		return p.unsure
	}
	if p.policy.Mode != "enforce" && p.policy.Mode != "testing" {
		return nil
	}
	d.report.PolicyType, d.report.Policy = "sts", p.policy.lines()
	enforce := p.policy.Mode == "enforce"
	if !p.policy.names(h.name) {
		r.tell(*d, "validation-failure", errNotNamed)
		if enforce {
			return fmt.Errorf("%w: %w", ErrPolicy, errNotNamed)
		}
		return nil
	}
	d.named = true
	if enforce {
		d.how, d.encrypt, d.verify = "mta-sts", true, true
	}
	return nil
}

// webPKI verifies a certificate as browsers do.
func webPKI(s tls.ConnectionState, roots *x509.CertPool, now time.Time, name string) error {
	return verify(s.PeerCertificates, roots, now, name)
}

func verify(chain []*x509.Certificate, roots *x509.CertPool, now time.Time, name string) error {
	if len(chain) == 0 {
		return errors.New("the server showed no certificate")
	}
	if name == "" {
		return x509.HostnameError{Certificate: chain[0]}
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, DNSName: name})
	return err
}

// config makes the TLS settings of a handshake that ends when d demands it, and
// notes in *seen what check said in any case.
func (r *Router) config(d demand, seen *error) *tls.Config {
	return &tls.Config{
		ServerName:         d.name,
		MinVersion:         tls.VersionTLS12,
		Time:               r.now,
		InsecureSkipVerify: true, // VerifyConnection does it, by rules that crypto/tls does not know
		VerifyConnection: func(s tls.ConnectionState) error {
			*seen = d.check(s)
			if d.verify {
				return *seen
			}
			return nil
		},
	}
}
