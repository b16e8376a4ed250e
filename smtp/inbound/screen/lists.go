package screen

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"sealpost/smtp/dns"
)

const (
	listTime  = 3 * time.Second
	listFresh = 10 * time.Minute
)

// listing is what lists say of a client.
type listing struct {
	block, allow bool
	reason       string // of the first list that blocks, as it says itself
	at           time.Time
}

// Connect asks the DNS lists about a client, for no longer than three seconds, and
// remembers what they said. Nothing is refused for it. A list that fails, that is
// late or that has enough questions of ours says nothing.
func (s *Screen) Connect(ctx context.Context, ip netip.Addr) {
	s.start()
	if s.DNS == nil || len(s.Block)+len(s.Allow) == 0 || !ip.IsValid() || ip.IsLoopback() || ip.IsPrivate() {
		return
	}
	k := s.mark("listed", ip.Unmap().WithZone("").String())
	if l, ok := s.listed.get(k); ok && s.now().Sub(l.at) < listFresh {
		return
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	default:
		return
	}
	l := s.ask(ctx, ip)
	s.listed.update(k, func(listing, bool) listing { return l })
}

// ask asks all lists at the same time.
func (s *Screen) ask(ctx context.Context, ip netip.Addr) listing {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	zones := append(append([]string{}, s.Block...), s.Allow...)
	found := make([]dns.Listing, len(zones))
	var wg sync.WaitGroup
	for i, z := range zones {
		wg.Go(func() {
			l, err := s.DNS.Listed(ctx, z, ip)
			switch {
			case err != nil:
				s.note("a DNS list does not answer", "zone", z, "err", err)
			case l.Refused:
				s.note("a DNS list does not serve us", "zone", z)
			default:
				found[i] = l
			}
		})
	}
	wg.Wait()
	l := listing{at: s.now()}
	for i, f := range found {
		switch {
		case !f.Listed():
		case i >= len(s.Block):
			l.allow = true
		case !l.block:
			l.block, l.reason = true, zones[i]
		}
	}
	return l
}

func (s *Screen) listing(ip netip.Addr) listing {
	l, _ := s.listed.get(s.mark("listed", ip.Unmap().WithZone("").String()))
	if s.now().Sub(l.at) >= listFresh {
		return listing{}
	}
	return l
}

// allowed and blocked are what the lists said. A client on both is allowed.
func (s *Screen) allowed(ip netip.Addr) bool { return s.listing(ip).allow }

func (s *Screen) blocked(ip netip.Addr) (zone string, ok bool) {
	l := s.listing(ip)
	return l.reason, l.block && !l.allow
}
