package route

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"sealpost/smtp"
)

// openSmart opens a session with the relay, under TLS that WebPKI verifies, and
// signs in. Nothing less will do: its password goes there.
func (r *Router) openSmart(ctx context.Context, domain string, wish Wish) (*Session, error) {
	ctx, stop := context.WithTimeout(ctx, r.timeout())
	defer stop()
	name, port, err := net.SplitHostPort(r.Smart.Address)
	if err != nil {
		return nil, fmt.Errorf("read the smarthost's address: %w", err)
	}
	conn, err := r.dialAny(ctx, name, port)
	if err != nil {
		return nil, &Failure{Host: name, Err: err}
	}
	c, err := r.signIn(ctx, conn, name)
	if err != nil {
		return nil, &Failure{Host: name, Err: err}
	}
	s := &Session{Client: c, Domain: domain, Host: name, Address: conn.RemoteAddr(), Verified: true, How: "smarthost"}
	if _, s.RequireTLS = c.Extensions["REQUIRETLS"]; wish == Strict && !s.RequireTLS {
		c.Close()
		return nil, &Failure{Host: name, Err: fmt.Errorf("%w: %w", ErrPolicy, ErrNoRequireTLS)}
	}
	return s, nil
}

func (r *Router) signIn(ctx context.Context, conn net.Conn, name string) (*smtp.Client, error) {
	config := &tls.Config{ServerName: name, RootCAs: r.Roots, MinVersion: tls.VersionTLS12, Time: r.now}
	if r.Smart.Implicit {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.Greet(ctx, conn, smtp.ClientOptions{Hostname: r.Hostname})
	if err != nil {
		return nil, err
	}
	if !r.Smart.Implicit {
		if err := c.StartTLS(ctx, config); err != nil {
			c.Close()
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	if r.Smart.User == "" {
		return c, nil
	}
	if err := c.Auth(ctx, r.Smart.User, r.Smart.Password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
