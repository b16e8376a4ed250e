package imap

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"sealpost/account"
	"sealpost/imap/wire"
)

// receive takes up one connection. What it begins goes on in goroutines of its
// own, one at a time.
func (s *Server) receive(ctx context.Context, c net.Conn, implicitTLS bool) {
	ctx, cancel := context.WithCancel(ctx)
	x := &session{server: s, ctx: ctx, from: remote(c), log: s.Log}
	x.wire = wire.New(c, wire.Times{Read: s.Limits.Read, Write: s.Limits.Write})
	x.wire.Login = time.Now().Add(s.Limits.Login)
	context.AfterFunc(ctx, x.wire.Cut) // at the latest when cancel ends ctx
	x.gone = func() {
		cancel()
		s.left(x)
	}
	defer x.guard()
	if !s.census.entered(x.from) {
		x.wire.Refuse("too many connections", implicitTLS)
		x.leave()
		return
	}
	s.entered(x.wire)
	if implicitTLS && !x.handshake(ctx) {
		x.leave()
		return
	}
	x.greet()
	x.wire.Rest()
	go x.attend()
}

// entered makes a connection known to Shutdown.
func (s *Server) entered(w *wire.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wires[w] = struct{}{}
	if s.closing.Load() {
		w.Leave(shuttingDown)
	}
}

func (s *Server) left(x *session) {
	s.census.left(x.from, x.account)
	s.mu.Lock()
	delete(s.wires, x.wire)
	s.mu.Unlock()
	s.running.Done()
}

// remote is where a connection comes from, as far as it can be told.
func remote(c net.Conn) netip.Addr {
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	return netip.IPv4Unspecified()
}

// census counts connections: in all, by address and by account.
type census struct {
	mu       sync.Mutex
	limits   Limits
	all      int
	from     map[netip.Prefix]int
	accounts map[account.ID]int
}

func (c *census) open(l Limits) {
	c.limits = l
	c.from = map[netip.Prefix]int{}
	c.accounts = map[account.ID]int{}
}

// entered counts a connection, which left must undo whatever the answer was.
func (c *census) entered(from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all++
	c.from[place(from)]++
	return c.all <= c.limits.Connections && c.from[place(from)] <= c.limits.PerAddress
}

// signedIn counts a connection of an account, unless it has too many.
func (c *census) signedIn(a account.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts[a] >= c.limits.PerAccount {
		return false
	}
	c.accounts[a]++
	return true
}

func (c *census) signedOut(a account.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	drop(c.accounts, a)
}

func (c *census) left(from netip.Addr, a account.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	drop(c.from, place(from))
	if a != "" {
		drop(c.accounts, a)
	}
}

func drop[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] <= 0 {
		delete(counts, k)
	}
}
