package dns

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// lookup asks for one type and turns its records into ours.
func lookup[T dns.RR, R any](ctx context.Context, r *Resolver, name string, qtype uint16, turn func(T) (R, bool)) (Answer[R], error) {
	got, err := r.ask(ctx, name, qtype)
	a := Answer[R]{Authentic: got.authentic, TTL: got.left(r.now()), Name: got.name}
	if err != nil {
		return a, err
	}
	for _, rr := range got.records {
		if t, ok := rr.(T); ok {
			if v, ok := turn(t); ok {
				a.Records = append(a.Records, v)
			}
		}
	}
	if len(a.Records) == 0 { // records that say nothing
		return a, failed(qtype, ErrNotFound, errors.New("no usable record"))
	}
	return a, nil
}

// MX asks for the mail exchangers of domain, in no order. "." is the null MX.
func (r *Resolver) MX(ctx context.Context, domain string) (Answer[MX], error) {
	return lookup(ctx, r, domain, dns.TypeMX, func(rr *dns.MX) (MX, bool) {
		return MX{Preference: rr.Preference, Host: target(rr.Mx)}, true
	})
}

// TXT asks for texts; the strings of one record are joined without a space
// (RFC 7208, section 3.3), escapes are resolved.
func (r *Resolver) TXT(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, r, name, dns.TypeTXT, func(rr *dns.TXT) (string, bool) {
		return unescape(strings.Join(rr.Txt, "")), true
	})
}

// family is what became of one of the two questions for addresses.
type family struct {
	Answer[netip.Addr]
	err error
}

// IP asks for A and AAAA together. One family that fails and one that answers is
// an answer. It is authentic when nothing in it is not.
func (r *Resolver) IP(ctx context.Context, host string) (Answer[netip.Addr], error) {
	return join(r.families(ctx, host))
}

func (r *Resolver) families(ctx context.Context, host string) (four, six family) {
	sixes := make(chan family, 1)
	go func() {
		a, err := lookup(ctx, r, host, dns.TypeAAAA, func(rr *dns.AAAA) (netip.Addr, bool) { return address(rr.AAAA) })
		sixes <- family{a, err}
	}()
	a, err := lookup(ctx, r, host, dns.TypeA, func(rr *dns.A) (netip.Addr, bool) { return address(rr.A) })
	return family{a, err}, <-sixes
}

// address unmaps, so that an IPv4 address in an AAAA record is known for what it is.
func address(b net.IP) (netip.Addr, bool) {
	ip, ok := netip.AddrFromSlice(b)
	return ip.Unmap(), ok
}

// join makes one answer of those of two families.
func join(a, b family) (Answer[netip.Addr], error) {
	all := Answer[netip.Addr]{
		Records:   slices.Concat(a.Records, b.Records),
		Authentic: a.Authentic && b.Authentic,
		TTL:       min(a.TTL, b.TTL),
		Name:      a.Name,
	}
	switch {
	case a.err == nil && errors.Is(b.err, ErrTemporary):
		return a.Answer, nil
	case b.err == nil && errors.Is(a.err, ErrTemporary):
		return b.Answer, nil
	case a.err == nil || b.err == nil:
		return all, nil
	case errors.Is(a.err, ErrTemporary):
		return all, a.err
	}
	return all, b.err
}

// PTR asks for the names of an address (RFC 1035, section 3.5).
func (r *Resolver) PTR(ctx context.Context, ip netip.Addr) (Answer[string], error) {
	name, err := dns.ReverseAddr(ip.Unmap().WithZone("").String())
	if err != nil {
		return Answer[string]{}, failed(dns.TypePTR, ErrNotFound, err)
	}
	return lookup(ctx, r, name, dns.TypePTR, func(rr *dns.PTR) (string, bool) { return target(rr.Ptr), true })
}

// TLSA asks for the TLSA records of a name such as _25._tcp.mx.example. Whether
// they may be used is for the caller to say: only those that are Authentic.
func (r *Resolver) TLSA(ctx context.Context, name string) (Answer[TLSA], error) {
	return lookup(ctx, r, name, dns.TypeTLSA, func(rr *dns.TLSA) (TLSA, bool) {
		data, err := hex.DecodeString(rr.Certificate)
		return TLSA{Usage: rr.Usage, Selector: rr.Selector, Matching: rr.MatchingType, Data: data}, err == nil
	})
}

// CNAME asks whether name itself is an alias, and does not follow it.
func (r *Resolver) CNAME(ctx context.Context, name string) (Answer[string], error) {
	return lookup(ctx, r, name, dns.TypeCNAME, func(rr *dns.CNAME) (string, bool) { return target(rr.Target), true })
}

func (r *Resolver) SRV(ctx context.Context, name string) (Answer[SRV], error) {
	return lookup(ctx, r, name, dns.TypeSRV, func(rr *dns.SRV) (SRV, bool) {
		return SRV{Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port, Target: target(rr.Target)}, true
	})
}

func (r *Resolver) CAA(ctx context.Context, name string) (Answer[CAA], error) {
	return lookup(ctx, r, name, dns.TypeCAA, func(rr *dns.CAA) (CAA, bool) {
		return CAA{Flag: rr.Flag, Tag: strings.ToLower(rr.Tag), Value: unescape(rr.Value)}, true
	})
}
