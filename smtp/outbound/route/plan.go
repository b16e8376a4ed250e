package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"sealpost/smtp/dns"
)

// maxHosts is how many exchangers of one domain are looked at, the best ones.
const maxHosts = 10

// plan is where mail for a domain goes, and what its owner demands.
type plan struct {
	domain string // A-labels, or an address literal
	hosts  []host // best first
	secure bool   // DNSSEC vouches for their names
	policy Policy // MTA-STS; zero: none
	unsure error  // why nobody knows policy; DANE may make up for it
}

// host is one exchanger.
type host struct {
	name       string
	preference uint16
	addrs      dns.Answer[netip.Addr]
	err        error // why it has no address
}

func (r *Router) plan(ctx context.Context, domain string) (plan, error) {
	if ip, ok := literal(domain); ok {
		return r.planLiteral(domain, ip)
	}
	domain, err := dns.Normal(domain)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrNoMail, err)
	}
	p, err := r.exchangers(ctx, domain)
	if err != nil {
		return plan{}, err
	}
	p.policy, p.unsure = r.policy(ctx, domain)
	return p, nil
}

// without is the plan but for some exchangers.
func (p plan) without(skip []string) plan {
	p.hosts = slices.DeleteFunc(slices.Clone(p.hosts), func(h host) bool { return slices.Contains(skip, h.name) })
	return p
}

// literal reads [192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321, section 4.1.3).
func literal(domain string) (netip.Addr, bool) {
	if !strings.HasPrefix(domain, "[") || !strings.HasSuffix(domain, "]") {
		return netip.Addr{}, false
	}
	text := domain[1 : len(domain)-1]
	if len(text) > 5 && strings.EqualFold(text[:5], "IPv6:") {
		text = text[5:]
	}
	ip, err := netip.ParseAddr(text)
	return ip.Unmap(), err == nil && ip.Zone() == ""
}

func (r *Router) planLiteral(domain string, ip netip.Addr) (plan, error) {
	if r.self(ip) {
		return plan{}, ErrLoop
	}
	h := host{name: domain, addrs: dns.Answer[netip.Addr]{Records: []netip.Addr{ip}, Name: domain}}
	return plan{domain: domain, hosts: []host{h}}, nil
}

// exchangers finds the hosts that take mail for domain, in the order in which
// they are to be tried (RFC 5321, section 5.1).
func (r *Router) exchangers(ctx context.Context, domain string) (plan, error) {
	p := plan{domain: domain}
	mx, err := r.DNS.MX(ctx, domain)
	p.secure = mx.Authentic
	implicit := errors.Is(err, dns.ErrNotFound)
	switch {
	case implicit:
		p.hosts = []host{{name: domain}}
	case err != nil:
		return plan{}, fmt.Errorf("find exchangers: %w", err)
	default:
		if p.hosts = ranked(mx.Records); len(p.hosts) == 0 {
			return plan{}, fmt.Errorf("%w: null MX", ErrNoMail)
		}
	}
	r.resolve(ctx, p.hosts)
	if implicit && p.hosts[0].err != nil {
		if errors.Is(p.hosts[0].err, dns.ErrNotFound) {
			return plan{}, fmt.Errorf("%w: it has neither an exchanger nor an address", ErrNoMail)
		}
		return plan{}, fmt.Errorf("find exchangers: %w", p.hosts[0].err)
	}
	if p.hosts = r.better(p.hosts); len(p.hosts) == 0 {
		return plan{}, ErrLoop
	}
	return p, nil
}

// ranked sorts by preference, equals at random, and leaves the null MX out
// (RFC 7505): beside others it says nothing.
func ranked(records []dns.MX) []host {
	var hosts []host
	for _, m := range records {
		if m.Host != "." {
			hosts = append(hosts, host{name: m.Host, preference: m.Preference})
		}
	}
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b host) int { return int(a.preference) - int(b.preference) })
	return hosts[:min(len(hosts), maxHosts)]
}

// resolve asks for all addresses at once: whether one of them is ours must be
// known before the first is tried.
func (r *Router) resolve(ctx context.Context, hosts []host) {
	var all sync.WaitGroup
	for i := range hosts {
		all.Go(func() { hosts[i].addrs, hosts[i].err = r.DNS.IP(ctx, hosts[i].name) })
	}
	all.Wait()
}

// better leaves those that are preferred to this server, or all when it is not
// among them (RFC 5321, section 5.1): the others would send the mail back here.
func (r *Router) better(hosts []host) []host {
	for _, h := range hosts { // sorted: the first of ours is the best
		if r.own(h) {
			return slices.DeleteFunc(hosts, func(o host) bool { return o.preference >= h.preference })
		}
	}
	return hosts
}

func (r *Router) own(h host) bool {
	return strings.EqualFold(h.name, strings.TrimSuffix(r.Hostname, ".")) || slices.ContainsFunc(h.addrs.Records, r.self)
}

// self says whether a connection to ip would end here. The unspecified address
// does, on most systems.
func (r *Router) self(ip netip.Addr) bool {
	return ip.IsUnspecified() || r.Self != nil && r.Self(ip.AsSlice())
}

// key digests all that decides how a session is opened. Where DANE may hold, the
// domain itself is a name that the certificate may have.
func (p plan) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%t %q %t", p.secure, p.policy.Mode, p.unsure == nil)
	if p.secure {
		fmt.Fprintf(h, " %q", p.domain)
	}
	hosts := slices.Clone(p.hosts)
	slices.SortFunc(hosts, func(a, b host) int {
		if a.preference != b.preference {
			return int(a.preference) - int(b.preference)
		}
		return strings.Compare(a.name, b.name)
	})
	for _, o := range hosts {
		fmt.Fprintf(h, " %d %q %t", o.preference, o.name, p.policy.names(o.name))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
