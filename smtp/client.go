package smtp

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"sealpost/mail"
)

// Client is one session with another server, in which many mails may follow
// each other (RFC 5321). It pipelines (RFC 2920), sends by BDAT where that is
// offered (RFC 3030), and never sends a bare CR or LF. It is used by one
// goroutine at a time.
type Client struct {
	Greeting   Reply
	Extensions map[string]string // EHLO keywords in capitals, with what follows them
	TLS        *tls.ConnectionState
	Sent       int // mails that were taken

	conn net.Conn
}

// ClientOptions are what Greet needs. A time that is zero takes RFC 5321, section 4.5.3.2.
type ClientOptions struct {
	Hostname                       string // ours, for EHLO
	Greeting, Command, Data, Final time.Duration
}

// Greet takes the greeting and says EHLO, or HELO to who knows no better. The
// connection is closed when ctx ends, and on every error.
func Greet(ctx context.Context, conn net.Conn, o ClientOptions) (*Client, error) {
	return nil, errClient
}

// StartTLS upgrades the session (RFC 3207) and says EHLO again. It fails with
// ErrNoTLS when the server does not offer it.
func (c *Client) StartTLS(ctx context.Context, config *tls.Config) error { return errClient }

// Outcome is what became of one mail at one server: a reply for each recipient,
// in the order of the envelope. A recipient with code 0 was not tried; the
// session then ended with the error that came along.
type Outcome struct {
	Recipients []Reply
	Relayed    bool // the server promised to send DSNs itself (it offers DSN)
}

// Send hands over one mail to all recipients of e. Content is CRLF lines. It
// returns an error only when the session is over; what the server said stands in
// the outcome. Ambiguous ends (no reply after the last byte) are temporary.
func (c *Client) Send(ctx context.Context, e Envelope, content mail.Bytes) (Outcome, error) {
	return Outcome{}, errClient
}

// Reset says RSET, to find out whether a kept session is alive.
func (c *Client) Reset(ctx context.Context) error { return errClient }

// Close says QUIT, without waiting long, and closes.
func (c *Client) Close() error { return errClient }
