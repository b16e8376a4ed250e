package imap

import (
	"context"
	"crypto/tls"
	"net/netip"

	"sealpost/account"
)

const (
	// lobbyErrors are the refused commands, lobbyTries the wrong passwords,
	// after which a connection is closed.
	lobbyErrors = 10
	lobbyTries  = 5
)

// lobby counts what goes wrong before sign-in (RFC 9051, section 6.2). Whoever
// has not signed in costs next to nothing: one input buffer, and never more
// than one command of 36 KiB.
type lobby struct {
	errors int
	tries  int
}

// mistake counts a refused command before sign-in.
func (s *session) mistake() {
	if s.state() != stranger {
		return
	}
	if s.lobby.errors++; s.lobby.errors >= lobbyErrors {
		s.wire.Goodbye("too many mistakes")
	}
}

// guessed counts a wrong password.
func (s *session) guessed() {
	if s.lobby.tries++; s.lobby.tries >= lobbyTries {
		s.wire.Goodbye("too many wrong passwords")
	}
}

// greet says who is here.
func (s *session) greet() {
	s.wire.Str("* OK [CAPABILITY " + s.capabilities() + "] sealpost is ready\r\n")
}

// caller is the other end as the door of accounts sees it.
func (s *session) caller() account.Caller {
	c := account.Caller{Host: s.from}
	if conn, ok := s.wire.Net().(*tls.Conn); ok {
		state := conn.ConnectionState()
		c.TLS = &state
	}
	return c
}

// mark stands for where a connection comes from: an IPv4 address or an IPv6 /64.
func (s *session) mark() string {
	if s.server.Mark == nil {
		return ""
	}
	if s.from.Is4() {
		return s.server.Mark(s.from.String())
	}
	return s.server.Mark(place(s.from).String())
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

// handshake starts TLS on the connection.
func (s *session) handshake(ctx context.Context) bool {
	if s.server.TLS == nil {
		return false
	}
	ctx, cancel := context.WithDeadline(ctx, s.wire.Login)
	defer cancel()
	c := tls.Server(s.wire.Under(), s.server.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		s.server.Log.Debug("TLS handshake failed", "from", s.mark())
		return false
	}
	s.wire.Secure(c)
	s.tls = true
	return true
}
