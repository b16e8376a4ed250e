package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// StartTLS upgrades the session (RFC 3207) and says EHLO again. It fails with
// ErrNoTLS when the server does not offer it, and with *Refused when it offers
// it and then says no; after those two the session goes on as it was.
func (c *Client) StartTLS(ctx context.Context, config *tls.Config) error {
	switch {
	case c.err != nil:
		return c.err
	case c.TLS != nil:
		return errSecure
	case !c.offers("STARTTLS"):
		return ErrNoTLS
	}
	defer c.during(ctx)()
	r, _, err := c.one("STARTTLS", "STARTTLS", c.options.Command)
	if err != nil {
		return c.end(ctx, err)
	}
	if r.Code != 220 {
		return &Refused{"STARTTLS", r}
	}
	if err := c.upgrade(ctx, config); err != nil {
		return c.end(ctx, err)
	}
	return nil
}

func (c *Client) upgrade(ctx context.Context, config *tls.Config) error {
	// Octets that came before the handshake were not protected by it, and would
	// be taken for replies to what is said under it.
	if c.in.Buffered() > 0 {
		return errUnasked
	}
	t := tls.Client(c.conn, config)
	if err := c.handshake(ctx, t); err != nil {
		return err
	}
	c.use(t)
	return c.hello()
}

func (c *Client) handshake(ctx context.Context, t *tls.Conn) error {
	if err := t.SetDeadline(time.Now().Add(c.options.Command)); err != nil {
		return err
	}
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	state := t.ConnectionState()
	c.TLS = &state
	return t.SetDeadline(time.Time{})
}

// maxSecret bounds a user name and a password, so that AUTH fits one line
// (RFC 4954, section 4).
const maxSecret = 255

// Auth signs in at a smarthost by PLAIN (RFC 4954, RFC 4616), over TLS only:
// else it fails with ErrNoTLS and says nothing. A wrong password is a *Refused.
func (c *Client) Auth(ctx context.Context, user, password string) error {
	switch {
	case c.err != nil:
		return c.err
	case c.TLS == nil:
		return ErrNoTLS
	case !offersPlain(c.Extensions["AUTH"]):
		return errNoAuth
	case strings.Contains(user+password, "\x00") || len(user) > maxSecret || len(password) > maxSecret:
		return errSecret
	}
	defer c.during(ctx)()
	secret := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	r, _, err := c.one("AUTH", "AUTH PLAIN "+secret, c.options.Command)
	if err != nil {
		return c.end(ctx, err)
	}
	if r.Code != 235 {
		return c.refuseAuth(ctx, r)
	}
	return nil
}

// refuseAuth ends an exchange that the server wants to go on with.
func (c *Client) refuseAuth(ctx context.Context, r Reply) error {
	if r.Code/100 == 3 || r.Code/100 == 2 {
		return c.end(ctx, fmt.Errorf("AUTH: %w", errSequence))
	}
	return &Refused{"AUTH", r}
}

func offersPlain(mechanisms string) bool {
	for m := range strings.FieldsSeq(mechanisms) {
		if strings.EqualFold(m, "PLAIN") {
			return true
		}
	}
	return false
}
