package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// door is the listener go-smtp accepts from: it counts connections, turns away
// those over a limit, and puts a guard before the others.
type door struct {
	net.Listener
	ctx    context.Context // go-smtp's Accept loop carries none
	server *Server
}

func (d *door) Accept() (net.Conn, error) {
	for {
		raw, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := d.server.admit(d.ctx, raw); g != nil {
			return g, nil
		}
		go turnAway(raw, d.server.Hostname)
	}
}

// turnAway tells a client over the limit to come back. It neither reads nor
// waits long, so that turning away costs less than connecting.
func turnAway(raw net.Conn, hostname string) {
	defer raw.Close()
	if t, ok := raw.(*tls.Conn); ok { // a handshake is what a flood would like us to do
		t.NetConn().Close()
		return
	}
	raw.SetDeadline(time.Now().Add(2 * time.Second))
	fmt.Fprintf(raw, "421 4.7.0 %s has too many connections, try again later\r\n", hostname)
}

// admit returns the guard of a new connection, or nil when a limit is met.
func (s *Server) admit(ctx context.Context, raw net.Conn) *guard {
	network := netOf(raw.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.guards) >= s.limits.Connections || s.nets[network] >= s.limits.PerAddress {
		return nil
	}
	g := newGuard(ctx, s, raw, network)
	s.guards[g] = struct{}{}
	s.nets[network]++
	return g
}

func (s *Server) leave(g *guard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.guards, g)
	drop(s.nets, g.network)
	if g.account != "" {
		drop(s.accounts, g.account)
	}
}

func drop(counts map[string]int, name string) {
	if counts[name]--; counts[name] <= 0 {
		delete(counts, name)
	}
}

// signedIn counts a connection of an account, unless it has too many.
func (s *Server) signedIn(g *guard, account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[account] >= s.limits.PerAccount {
		return false
	}
	s.accounts[account]++
	g.account = account
	return true
}

// netOf is what counts as one peer: an IPv4 address, or the /64 of an IPv6
// address, for whoever has one address of it has them all.
func netOf(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64)
	return p.String()
}
