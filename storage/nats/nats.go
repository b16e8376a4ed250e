// Package nats joins nodes over the core of NATS: what one publishes all others hear, once
// or never.
//
// It never knows what a frame says: they are sealed (mailstore/notify). Invariants: it
// connects again for ever; a server that is gone delays hints and nothing else; what
// waits to be heard is bounded.
package nats

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	client "github.com/nats-io/nats.go"

	"sealpost/mailstore/notify"
)

// Options are settings of a wire.
type Options struct {
	Servers     []string // nats://HOST:PORT or tls://HOST:PORT, of one cluster
	Subject     string   // empty: sealpost.hints. Clusters that share a server have one each
	Credentials string   // file with a user's JWT and seed; empty: none
	CA          string   // file of certificates (PEM) that servers are checked by; empty: the system's
	Certificate string   // files (PEM) that prove to servers who this node is; empty: none
	Key         string
}

// ErrServer says that a server is not given as one.
var ErrServer = errors.New("not a server of NATS: expected nats://HOST:PORT or tls://HOST:PORT, without a user")

const (
	subject = "sealpost.hints"

	dialTime  = 5 * time.Second
	pingEvery = 10 * time.Second // two without an answer are a broken connection
	comeBack  = 100 * time.Millisecond
	flushTime = 5 * time.Second

	octets = 16 << 10         // of a frame; a server takes 1 MiB unless it is told otherwise
	pace   = time.Millisecond // between frames; each waits for the server's answer anyway

	maxUnheard      = 4096 // frames that came and wait
	maxUnheardBytes = 8 << 20
)

// Wire is a notify.Wire.
type Wire struct {
	subject string
	options []client.Option
	servers string

	mu   sync.Mutex
	conn *client.Conn // nil: nobody listens
}

// New makes a wire, which connects when somebody listens. It fails with ErrServer, and where
// a file cannot be read.
func New(o Options) (*Wire, error) {
	w := &Wire{subject: o.Subject}
	if w.subject == "" {
		w.subject = subject
	}
	for _, s := range o.Servers {
		u, err := url.Parse(s)
		if err != nil || !slices.Contains([]string{"nats", "tls"}, u.Scheme) || u.Host == "" || u.User != nil {
			return nil, ErrServer // which is not quoted: it may have a password
		}
		if w.servers != "" {
			w.servers += ","
		}
		w.servers += s
	}
	if w.servers == "" {
		return nil, ErrServer
	}
	w.options = []client.Option{
		client.Name("sealpost"), client.NoEcho(), client.Timeout(dialTime),
		client.RetryOnFailedConnect(true), client.MaxReconnects(-1), client.IgnoreAuthErrorAbort(),
		client.ReconnectWait(comeBack), client.ReconnectJitter(10*comeBack, 10*comeBack),
		client.ReconnectBufSize(-1), // who sends is told that it did not go, and keeps it
		client.PingInterval(pingEvery), client.MaxPingsOutstanding(2),
	}
	if o.Credentials != "" {
		w.options = append(w.options, client.UserCredentials(o.Credentials))
	}
	if o.CA != "" {
		w.options = append(w.options, client.RootCAs(o.CA))
	}
	if o.Certificate != "" {
		w.options = append(w.options, client.ClientCert(o.Certificate, o.Key))
	}
	for _, option := range w.options {
		if err := option(new(client.Options)); err != nil {
			return nil, fmt.Errorf("set up NATS: %w", err)
		}
	}
	return w, nil
}

// Limits are for who packs frames.
func (w *Wire) Limits() (int, time.Duration) { return octets, pace }

// errGone says that no server answers.
var errGone = errors.New("no server of NATS answers")

// why is an error as it may be logged: without addresses and servers' words.
func why(err error) error {
	for _, known := range []error{
		client.ErrAuthorization, client.ErrAuthExpired, client.ErrAuthRevoked, client.ErrPermissionViolation, client.ErrSlowConsumer,
		client.ErrStaleConnection, client.ErrMaxConnectionsExceeded, client.ErrSecureConnRequired, client.ErrSecureConnWanted,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errGone
}

// Listen hears until ctx ends. The library connects, and connects again.
func (w *Wire) Listen(ctx context.Context, e notify.Ear) {
	up := func(c *client.Conn) {
		for ctx.Err() == nil && c.IsConnected() {
			if c.FlushTimeout(flushTime) == nil { // the server has heard what we want to hear
				e.Up()
				return
			}
		}
	}
	options := append(slices.Clone(w.options),
		client.ConnectHandler(up), client.ReconnectHandler(up),
		client.DisconnectErrHandler(func(_ *client.Conn, err error) {
			if ctx.Err() == nil {
				e.Down(why(err))
			}
		}),
		client.ReconnectErrHandler(func(_ *client.Conn, err error) { e.Down(why(err)) }),
		client.ErrorHandler(func(c *client.Conn, _ *client.Subscription, err error) {
			switch {
			case errors.Is(err, client.ErrSlowConsumer): // some were dropped
				e.Up()
			case c.IsConnected() && errors.Is(err, client.ErrPermissionViolation):
				e.Down(why(err))
			}
		}))
	for ctx.Err() == nil {
		err := w.hear(ctx, e, options)
		if ctx.Err() != nil {
			return
		}
		e.Down(why(err)) // the library gave up, or a file cannot be read: begin anew
		select {
		case <-ctx.Done():
		case <-time.After(10 * comeBack):
		}
	}
}

// hear is one connection's life, of as many of TCP as it takes. At the end of ctx it stays for Send.
func (w *Wire) hear(ctx context.Context, e notify.Ear, options []client.Option) error {
	over := make(chan struct{})
	options = append(slices.Clip(options), client.ClosedHandler(func(*client.Conn) { close(over) }))
	c, err := client.Connect(w.servers, options...)
	if err != nil {
		return err
	}
	w.use(c)
	s, err := c.Subscribe(w.subject, func(m *client.Msg) { e.Hear(m.Data) })
	if err == nil {
		err = s.SetPendingLimits(maxUnheard, maxUnheardBytes)
	}
	if err != nil {
		c.Close()
		return err
	}
	// A handler says that it is connected, unless it was so before there was what to hear.
	if c.IsConnected() && c.FlushTimeout(flushTime) == nil {
		e.Up()
	}
	select {
	case <-over:
		return c.LastError()
	case <-ctx.Done():
		_ = s.Unsubscribe() // or it goes with the connection
		return nil
	}
}

// use has Send use another connection.
func (w *Wire) use(c *client.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
}

// Send gives a frame to the server and waits until it has it.
func (w *Wire) Send(ctx context.Context, frame []byte) error {
	w.mu.Lock()
	c := w.conn
	w.mu.Unlock()
	if c == nil {
		return errGone
	}
	if err := c.Publish(w.subject, frame); err != nil {
		return why(err)
	}
	if err := c.FlushWithContext(ctx); err != nil {
		return why(err)
	}
	return nil
}

// Close closes the connection.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		w.conn.Close()
	}
	return nil
}
