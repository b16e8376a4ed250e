package smtp

import (
	"context"
	"crypto/tls"
	"time"
)

// startTLS changes to TLS (RFC 3207). It is done here, not by go-smtp, so that
// the guard stays above TLS. What the client sent behind the command without
// waiting is thrown away with the old buffer: nothing said in the clear counts
// after the handshake, neither commands (ATTACKS D03) nor the greeting.
func (g *guard) startTLS(arg string) {
	switch {
	case arg != "":
		g.put("501 5.5.4 STARTTLS takes no argument")
		return
	case g.server.TLS == nil:
		g.put("502 5.5.1 TLS is not offered here")
		return
	case g.tlsState() != nil:
		g.put("503 5.5.1 TLS is on already")
		return
	}
	g.put("220 2.0.0 go ahead")
	if g.flush() != nil {
		return
	}
	g.in.Reset(pull{g})
	g.greeted, g.extended, g.helo = false, false, ""
	conn := tls.Server(g.raw(), g.server.TLS)
	if err := g.handshake(conn); err != nil {
		g.server.Log.Debug("STARTTLS failed", "from", g.server.Mark.Of(g.network), "cause", Cause(err))
		g.err = errGone
	}
}

func (g *guard) handshake(conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(g.ctx, min(g.server.limits.Idle, 30*time.Second))
	defer cancel()
	if _, err := g.ready(); err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	g.conn = conn
	g.mu.Unlock()
	return nil
}
