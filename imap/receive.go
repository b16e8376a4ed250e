package imap

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"

	"sealpost/account"
)

// receive brings one connection through the lobby and hands it to imapserver,
// whose goroutine then owns it until it closes.
func (s *Server) receive(ctx context.Context, c net.Conn, implicitTLS bool) {
	ctx, cancel := context.WithCancel(ctx)
	from := remote(c)
	w := newWire(s, c)
	var entered account.ID
	leave := sync.OnceFunc(func() {
		cancel()
		s.census.left(from, entered)
		s.mu.Lock()
		delete(s.wires, w)
		s.mu.Unlock()
		s.running.Done()
	})
	w.ended = leave
	defer func() {
		if v := recover(); v != nil {
			s.Log.Error("panic before sign-in", "stack", string(debug.Stack()))
			w.Close()
		}
	}()
	context.AfterFunc(ctx, w.cut) // at the latest when leave ends ctx

	if !s.census.entered(from) {
		w.refuse("too many connections", implicitTLS)
		return
	}
	s.mu.Lock()
	s.wires[w] = struct{}{}
	s.mu.Unlock()
	l := &lobby{server: s, wire: w, from: from}
	if implicitTLS && !l.handshake(ctx) {
		w.Close()
		return
	}
	guest, ok := l.serve(ctx)
	if !ok {
		w.Close()
		return
	}
	entered = guest.account.ID
	d := newDesk(ctx, s, w, guest)
	s.inner.Serve(&single{conn: d}) // returns at once; the desk's Close ends it all
}

// remote is where a connection comes from, as far as it can be told.
func remote(c net.Conn) netip.Addr {
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	return netip.IPv4Unspecified()
}

// single is a listener of one connection: the one way into imapserver.
type single struct{ conn net.Conn }

func (l *single) Accept() (net.Conn, error) {
	c := l.conn
	if c == nil {
		return nil, net.ErrClosed
	}
	l.conn = nil
	return c, nil
}

func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return &net.TCPAddr{} }

// mark stands for where a connection comes from: an IPv4 address or an IPv6 /64.
func (l *lobby) mark() string {
	if l.server.Mark == nil {
		return ""
	}
	if l.from.Is4() {
		return l.server.Mark(l.from.String())
	}
	return l.server.Mark(place(l.from).String())
}

// handshake starts TLS on the connection.
func (l *lobby) handshake(ctx context.Context) bool {
	if l.server.TLS == nil {
		return false
	}
	ctx, cancel := context.WithDeadline(ctx, l.wire.login)
	defer cancel()
	c := tls.Server(l.wire.Conn, l.server.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		l.server.Log.Debug("TLS handshake failed", "from", l.mark())
		return false
	}
	l.wire.secure(c)
	l.tls = true
	return true
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

// place is what counts as one address: an IPv4 address or an IPv6 /64.
func place(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
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
