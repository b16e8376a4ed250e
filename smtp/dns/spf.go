package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// ForSPF is the resolver with the methods and errors of net.Resolver, as
// blitiri.com.ar/go/spf wants it: absence is IsNotFound, a failure IsTemporary.
// The errors carry no name, since macros put mailboxes into names.
type ForSPF struct{ r *Resolver }

// ForSPF adapts r to the DNSResolver interface of blitiri.com.ar/go/spf.
func (r *Resolver) ForSPF() ForSPF { return ForSPF{r} }

func (s ForSPF) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := s.r.TXT(ctx, name)
	return a.Records, netError(err)
}

func (s ForSPF) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a, err := s.r.MX(ctx, name)
	var out []*net.MX
	for _, m := range a.Records {
		out = append(out, &net.MX{Host: m.Host, Pref: m.Preference})
	}
	return out, netError(err)
}

// LookupIPAddr fails when one family fails: half an answer would turn a
// temporary trouble into a lasting verdict.
func (s ForSPF) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	four, six := s.r.families(ctx, host)
	for _, err := range []error{four.err, six.err} {
		if errors.Is(err, ErrTemporary) {
			return nil, netError(err)
		}
	}
	a, err := join(four, six)
	var out []net.IPAddr
	for _, ip := range a.Records {
		out = append(out, net.IPAddr{IP: ip.AsSlice()})
	}
	return out, netError(err)
}

func (s ForSPF) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, &net.DNSError{Err: "no address", IsNotFound: true}
	}
	a, err := s.r.PTR(ctx, ip)
	return a.Records, netError(err)
}

// netError is err as net.Resolver would return it, nil for nil.
func netError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return &net.DNSError{Err: ErrNotFound.Error(), IsNotFound: true}
	}
	return &net.DNSError{Err: err.Error(), IsTemporary: true, IsTimeout: errors.Is(err, context.DeadlineExceeded)}
}
