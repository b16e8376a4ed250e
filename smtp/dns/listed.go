package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Listing is what a DNS list (RFC 5782) says of an address.
type Listing struct {
	Codes   []netip.Addr // 127.0.0.0/8, sorted; none: not listed
	Reason  string       // its TXT record, printable ASCII, at most 200 bytes
	Refused bool         // the list answered 127.255.255.x: it does not serve us, and says nothing of ip
}

// Listed says whether anything is known.
func (l Listing) Listed() bool { return len(l.Codes) > 0 }

// Listed asks the list zone, a DNSBL or a DNSWL, for ip. The error is
// ErrTemporary, and then nothing is known; absence is a Listing without codes.
func (r *Resolver) Listed(ctx context.Context, zone string, ip netip.Addr) (Listing, error) {
	name := reversed(ip) + strings.TrimPrefix(zone, ".")
	a, err := lookup(ctx, r, name, dns.TypeA, func(rr *dns.A) (netip.Addr, bool) { return address(rr.A) })
	if errors.Is(err, ErrNotFound) {
		return Listing{}, nil
	}
	if err != nil {
		return Listing{}, err
	}
	l := judge(a.Records)
	if !l.Listed() {
		return l, nil
	}
	if txt, err := r.TXT(ctx, name); err == nil { // a reason is nice to have
		l.Reason = printable(txt.Records[0])
	}
	return l, nil
}

// judge keeps the codes that mean something: others are parked domains, hijacked
// resolvers, or errors of the list.
func judge(answers []netip.Addr) (l Listing) {
	loopback, refusal := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("127.255.255.0/24")
	for _, code := range answers {
		switch {
		case refusal.Contains(code):
			l.Refused = true
		case loopback.Contains(code):
			l.Codes = append(l.Codes, code)
		}
	}
	slices.SortFunc(l.Codes, netip.Addr.Compare)
	if l.Refused {
		l.Codes = nil
	}
	return l
}

// reversed is 4.3.2.1. for 1.2.3.4, and nibbles for IPv6 (RFC 5782, sections 2.1
// and 2.4).
func reversed(ip netip.Addr) string {
	name, err := dns.ReverseAddr(ip.Unmap().WithZone("").String())
	if err != nil {
		return "invalid."
	}
	name, _ = strings.CutSuffix(name, "in-addr.arpa.")
	name, _ = strings.CutSuffix(name, "ip6.arpa.")
	return name
}

func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 200)]
}
