package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"time"
)

const (
	// connectTime is what Server.Connect may take.
	connectTime = 10 * time.Second
	// glance is the shortest look for an early talker.
	glance = 10 * time.Millisecond
)

// arrive is what comes before a client's first command: TLS where it comes first
// (RFC 8314), what Connect says of the client, and patience. Then the banner.
func (g *guard) arrive() error {
	g.arrived = true
	began := time.Now()
	if conn, ok := g.raw().(*tls.Conn); ok {
		if err := g.handshake(conn); err != nil {
			g.server.Log.Debug("TLS handshake failed", "from", g.server.Mark.Of(g.network), "cause", Cause(err))
			return errGone
		}
	}
	if r := g.asked(); r != nil {
		g.put(r.line())
		return io.EOF
	}
	early, err := g.talksFirst(began.Add(g.server.Patience))
	if err != nil {
		return err
	}
	if early {
		g.put("554 5.5.0 wait for the greeting, closing")
		return io.EOF
	}
	g.put("220 " + g.server.Hostname + " ESMTP")
	return nil
}

// asked is what Connect says of the client.
func (g *guard) asked() *Reply {
	if g.server.Connect == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(g.ctx, connectTime)
	defer cancel()
	return g.server.Connect(ctx, g.RemoteAddr())
}

// talksFirst waits with the banner and says whether the client did not. What it
// said is lost, but so is the client.
func (g *guard) talksFirst(until time.Time) (bool, error) {
	if g.server.Patience <= 0 {
		return false, nil
	}
	if soon := time.Now().Add(glance); until.Before(soon) {
		until = soon // Connect took longer than that
	}
	conn, err := g.ready()
	if err != nil {
		return false, err
	}
	g.mu.Lock()
	if err = g.mustEnd(); err == nil {
		conn.SetReadDeadline(until)
	}
	g.mu.Unlock()
	if err != nil {
		return false, err
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case n > 0:
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, g.over()
	}
	return false, err
}
