// Package route finds where mail for a domain goes and how the connection must be
// protected: MX (RFC 5321, section 5.1, RFC 7505), DANE (RFC 7672), MTA-STS (RFC
// 8461), and opens it.
//
// It never knows a mail.
//
// Invariants: a policy that cannot be met is a deferral, never a weaker delivery;
// a DNS failure is temporary; addresses of this server itself are not dialled.
package route

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/dns"
)

var (
	// ErrNoMail says that the domain takes no mail: no such domain, or a null MX. Permanent.
	ErrNoMail = errors.New("the domain takes no mail")
	// ErrPolicy says that DANE or MTA-STS or REQUIRETLS could not be met. Temporary.
	ErrPolicy = errors.New("the connection cannot be protected as its domain demands")
	// ErrNoRequireTLS says that an exchanger does not offer REQUIRETLS. It comes with ErrPolicy.
	ErrNoRequireTLS = errors.New("the server does not offer REQUIRETLS")
	// ErrLoop says that all its exchangers are this server. Permanent.
	ErrLoop = errors.New("mail for the domain comes back to this server")
)

// Router opens sessions. Its fields are set once, before use.
type Router struct {
	DNS      *dns.Resolver
	Hostname string // ours
	Self     func(ip net.IP) bool
	Port     int // 0: 25
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Policies PolicyStore    // MTA-STS cache; nil: in memory only
	Smart    *Smarthost     // everything goes there; nil: to the MX
	Roots    *x509.CertPool // who is believed of WebPKI, for MTA-STS and smarthosts; nil: those of the machine
	Results  func(TLSResult)
	Now      func() time.Time
	Timeout  time.Duration // of one attempt: dial, greeting, TLS; 0: 3 min

	known known
}

// Smarthost is a relay that takes all mail.
type Smarthost struct {
	Address        string // host:port
	Implicit       bool   // TLS from the first byte
	User, Password string
}

// LogValue hides the password.
func (s Smarthost) LogValue() slog.Value { return slog.StringValue("[smarthost]") }

// PolicyStore keeps MTA-STS policies over a restart; nil entries are unknown ones.
type PolicyStore interface {
	Policy(ctx context.Context, domain string) (Policy, error) // zero: none kept
	KeepPolicy(ctx context.Context, p Policy) error
}

// Policy is an MTA-STS policy as it was fetched (RFC 8461, section 3.2).
type Policy struct {
	Domain, ID, Mode string // Mode: enforce, testing, none
	MX               []string
	Fetched, Expires time.Time
}

// TLSResult is one session's outcome for TLS-RPT (RFC 8460): result type words of
// section 4.3, "" for success. What kept a session from being opened, or a policy
// from being fetched, is one too; MX is then empty where none was asked.
type TLSResult struct {
	Domain     string   // of the policy, A-labels
	PolicyType string   // tlsa, sts, no-policy-found
	Policy     []string // as section 4.4 wants it: lines of the policy, or TLSA records
	MX         string
	MXAddress  string
	Result     string
	Detail     string // of our making or the TLS library's: no address, no mailbox
}

// Session is an open session with one exchanger of a domain. It may be kept and
// used again for every domain with the same Destination.
type Session struct {
	*smtp.Client
	Domain   string
	Host     string
	Address  net.Addr
	Verified bool   // the certificate was verified, by DANE or MTA-STS or WebPKI
	How      string // dane, mta-sts, opportunistic, plain, smarthost
	// RequireTLS says that mail with REQUIRETLS may be sent: the exchanger's name
	// came by DNSSEC or MTA-STS, its certificate was verified, and it offers the
	// extension (RFC 8689, section 4.2.1).
	RequireTLS bool
}

// Failure is what went wrong with one exchanger. Its text does not name it.
type Failure struct {
	Host    string
	Address netip.Addr // zero: none was found, or none was tried
	Err     error      // wraps *smtp.Refused where the server said no
}

func (f *Failure) Error() string {
	s := f.Err.Error() // of a stranger's making where it quotes a certificate
	return "open a session: " + s[:min(len(s), 300)]
}
func (f *Failure) Unwrap() error { return f.Err }

// Wish is what a mail asks of its way itself.
type Wish int

const (
	Usual  Wish = iota // what the receiver's domain demands, or TLS where there is TLS
	Strict             // REQUIRETLS (RFC 8689)
	// Lax is "TLS-Required: No" (RFC 8689, section 5): better without TLS than not at
	// all, whatever the domain demands. Its sessions are in no report, since reports
	// of what is broken go this way (RFC 8460, section 3).
	Lax
)

// errNoOther says that nothing is left beside what is to be skipped.
var errNoOther = errors.New("there is no other exchanger")

// Open connects to the best exchanger that answers and meets every policy, and is none
// of skip. The error says whether it is permanent (ErrNoMail, ErrLoop); every other one
// is temporary, and wraps a *Failure where an exchanger was found. ctx is for the
// opening only.
func (r *Router) Open(ctx context.Context, domain string, wish Wish, skip ...string) (*Session, error) {
	if r.Smart != nil && len(skip) == 0 {
		return r.openSmart(ctx, domain, wish)
	}
	if r.Smart != nil {
		return nil, errNoOther
	}
	p, err := r.plan(ctx, domain)
	if err != nil {
		return nil, err
	}
	if p = p.without(skip); len(p.hosts) == 0 {
		return nil, errNoOther
	}
	return r.try(ctx, p, wish)
}

// Destination is the key under which sessions to a domain may be shared: domains
// with the same exchangers and the same duties have the same. It names nobody.
func (r *Router) Destination(ctx context.Context, domain string) (string, error) {
	if r.Smart != nil {
		return "smarthost", nil
	}
	p, err := r.plan(ctx, domain)
	if err != nil {
		return "", err
	}
	return p.key(), nil
}

func (r *Router) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Router) timeout() time.Duration { return cmp.Or(max(r.Timeout, 0), 3*time.Minute) }
func (r *Router) port() int              { return cmp.Or(r.Port, 25) }
