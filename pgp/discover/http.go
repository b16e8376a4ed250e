package discover

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

var (
	errPrivate  = errors.New("no public address")
	errRedirect = errors.New("redirected to another host")
	errScheme   = errors.New("not https")
)

const maxRedirects = 3

// Lookup finds the addresses of a host. Its error is a *net.DNSError where the DNS
// did not answer, or said that there are none.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// NewHTTP is a client that reaches no private, loopback or link-local address
// (unless allow says so, for tests; nil: never), speaks TLS 1.2 or later only,
// follows no redirect to another host, and is bounded in time. Names are resolved by
// lookup; nil: as the system does.
func NewHTTP(lookup Lookup, allow func(ip string) bool) *http.Client {
	return guard{lookup: lookup, allow: allow}.client()
}

// Dialer dials as NewHTTP's client does: what else must reach no private address uses
// it too.
func Dialer(lookup Lookup, allow func(ip string) bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	g := guard{lookup: lookup, allow: allow}
	g.furnish()
	return g.dialContext
}

// guard is a dialer that looks at addresses after the names were resolved, and dials
// those it looked at, so that no second answer of the DNS counts (ATTACKS B08).
type guard struct {
	allow  func(ip string) bool
	lookup Lookup                                                               // nil: the system's
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: the system's
	tls    *tls.Config                                                          // nil: the system's roots
}

// furnish fills in what the system has.
func (g *guard) furnish() {
	if g.lookup == nil {
		g.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if g.dial == nil {
		g.dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
}

func (g guard) client() *http.Client {
	g.furnish()
	config := g.tls.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return &http.Client{
		Timeout:       maxLookup,
		CheckRedirect: checkRedirect,
		Transport: httpsOnly{&http.Transport{
			DialContext:            g.dialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  8 * time.Second,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        perHost,
			MaxIdleConns:           16,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		}},
	}
}

// httpsOnly refuses plain HTTP whoever asks for it.
type httpsOnly struct{ *http.Transport }

func (h httpsOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errScheme
	}
	return h.Transport.RoundTrip(r)
}

// checkRedirect allows another place on the same host and port.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || r.URL.Host != via[0].URL.Host || r.URL.Scheme != "https" {
		return errRedirect
	}
	return nil
}

func (g guard) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = errPrivate
	for _, ip := range ips {
		if !g.reachable(ip) {
			continue
		}
		conn, failed := g.dial(ctx, network, net.JoinHostPort(ip.Unmap().String(), port))
		if failed == nil {
			return conn, nil
		}
		err = fmt.Errorf("dial: %w", failed)
	}
	return nil, err
}

func (g guard) reachable(ip netip.Addr) bool {
	return public(ip) || g.allow != nil && g.allow(ip.Unmap().String())
}

// public says that an address is of the open internet. IPv4 in any of its IPv6 forms
// counts as what it hides.
func public(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) { // RFC 6052
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	ip = ip.Unmap()
	if ip.Is6() && !netip.MustParsePrefix("2000::/3").Contains(ip) {
		return false // loopback, link-local, ULA, multicast and what is not assigned
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// special are the blocks that IANA's registries of special-purpose addresses (RFC
// 6890) do not have for everybody's use, beside those netip knows. 169.254.169.254
// is link-local.
func special() [16]netip.Prefix {
	p := netip.MustParsePrefix
	return [...]netip.Prefix{
		p("0.0.0.0/8"), p("100.64.0.0/10"), p("192.0.0.0/24"), p("192.0.2.0/24"), p("192.31.196.0/24"),
		p("192.52.193.0/24"), p("192.88.99.0/24"), p("192.175.48.0/24"), p("198.18.0.0/15"), p("198.51.100.0/24"),
		p("203.0.113.0/24"), p("240.0.0.0/4"),
		p("2001::/23"), p("2001:db8::/32"), p("2002::/16"), p("3fff::/20"),
	}
}
