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
	"context"
	"errors"
	"net"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/dns"
)

var (
	// ErrNoMail says that the domain takes no mail: no such domain, or a null MX. Permanent.
	ErrNoMail = errors.New("the domain takes no mail")
	// ErrPolicy says that DANE or MTA-STS or REQUIRETLS could not be met. Temporary.
	ErrPolicy = errors.New("the connection cannot be protected as its domain demands")
	// ErrLoop says that all its exchangers are this server. Permanent.
	ErrLoop = errors.New("mail for the domain comes back to this server")
)

// Router opens sessions. Its fields are set once, before use.
type Router struct {
	DNS      *dns.Resolver
	Hostname string // ours
	Self     func(ip net.IP) bool
	Port     int // 25, but in tests
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Policies PolicyStore // MTA-STS cache
	Smart    *Smarthost  // everything goes there; nil: to the MX
	Results  func(TLSResult)
	Now      func() time.Time
}

// Smarthost is a relay that takes all mail.
type Smarthost struct {
	Address        string // host:port
	Implicit       bool   // TLS from the first byte
	User, Password string
}

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
// section 4.3, "" for success.
type TLSResult struct {
	Domain     string // of the policy
	PolicyType string // tlsa, sts, no-policy-found
	Policy     []string
	MX         string
	MXAddress  string
	Result     string
	Detail     string
}

// Session is an open session with one exchanger of a domain.
type Session struct {
	*smtp.Client
	Domain   string
	Host     string
	Address  net.Addr
	Verified bool   // the certificate was verified, by DANE or MTA-STS or WebPKI
	How      string // dane, mta-sts, opportunistic, plain
}

// Open connects to the best exchanger that answers and meets every policy. require
// is REQUIRETLS (RFC 8689). The error says whether it is permanent (ErrNoMail,
// ErrLoop); every other one is temporary.
func (r *Router) Open(ctx context.Context, domain string, require bool) (*Session, error) {
	return nil, errNotBuilt
}

// Destination is the key under which sessions to a domain may be shared: domains
// with the same exchangers and the same duties have the same.
func (r *Router) Destination(ctx context.Context, domain string) (string, error) {
	return "", errNotBuilt
}

var errNotBuilt = errors.New("route: not built yet")
