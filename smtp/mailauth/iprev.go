package mailauth

import (
	"context"
	"errors"
	"net/netip"

	"sealpost/smtp/dns"
)

// maxNames is how many names of one address are looked up in turn (RFC 8601,
// section 3, asks for a bound).
const maxNames = 5

// iprev finds a name of the client that leads back to it.
func (c *Checker) iprev(ctx context.Context, ip netip.Addr) IPRev {
	r := IPRev{IP: ip.Unmap()}
	names, err := c.DNS.PTR(ctx, r.IP)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		r.Result = PermError
		return r
	case err != nil:
		r.Result = TempError
		return r
	}
	r.Result = Fail
	for _, name := range names.Records[:min(len(names.Records), maxNames)] {
		switch found, err := c.leadsTo(ctx, name, r.IP); {
		case found:
			r.Result, r.Name = Pass, name
			return r
		case err != nil:
			r.Result = TempError
		}
	}
	return r
}

// leadsTo says that ip is an address of name. The error is a failure of the DNS.
func (c *Checker) leadsTo(ctx context.Context, name string, ip netip.Addr) (bool, error) {
	a, err := c.DNS.IP(ctx, name)
	for _, found := range a.Records {
		if found.Unmap() == ip {
			return true, nil
		}
	}
	if errors.Is(err, dns.ErrNotFound) {
		return false, nil
	}
	return false, err
}
