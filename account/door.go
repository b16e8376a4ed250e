package account

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// patience is how long a try is held back when tokens are short, before its
// client is told to come again.
const patience = 3 * time.Second

var (
	// ErrSlowDown says that too many passwords were tried; later it may work.
	ErrSlowDown = errors.New("too many sign-ins from here")
	// ErrMechanism says that a SASL mechanism is not offered on this connection.
	ErrMechanism = errors.New("no such mechanism")
)

// Door is what every door that people sign in at does the same way: SASL over
// the book (RFC 4422), slowed down by the throttle. Nobody signs in without TLS.
type Door struct {
	Book     *Book
	Throttle *Throttle // nil: nobody is slowed down
	Scope    string    // app passwords without it do not open this door; empty: all do

	hurry bool // a test does not wait for a token
}

// Caller is the other end of a connection.
type Caller struct {
	Host netip.Addr
	TLS  *tls.ConnectionState // nil: none
	// Unbound says that this door does not offer channel binding: programs built on
	// GNU SASL choose it wherever it is offered, and cannot do it on TLS 1.3.
	Unbound bool
}

// Step takes each of the client's responses in turn (nil when the client waits
// for the server to begin) and gives the next challenge, until who is set or an
// error ends it: ErrLogin, ErrSlowDown, or a fault of ours.
type Step func(ctx context.Context, response []byte) (challenge []byte, who *Entrant, err error)

const (
	scramPlus = "SCRAM-SHA-256-PLUS"
	scramBare = "SCRAM-SHA-256"
	plain     = "PLAIN"
)

// Mechanisms lists what a caller may use, the best first.
func (c Caller) Mechanisms() []string {
	switch {
	case c.TLS == nil:
		return nil
	case c.binding() == nil:
		return []string{scramBare, plain}
	}
	return []string{scramPlus, scramBare, plain}
}

// binding is the channel binding tls-exporter (RFC 9266), nil before TLS 1.3:
// there it would need what not every client has (section 4.2).
func (c Caller) binding() []byte {
	if c.Unbound || c.TLS == nil || c.TLS.Version < tls.VersionTLS13 {
		return nil
	}
	key, err := c.TLS.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return key
}

// Begin starts an exchange, or fails with ErrMechanism.
func (d Door) Begin(c Caller, mechanism string) (Step, error) {
	binding := c.binding()
	mechanism = strings.ToUpper(mechanism)
	switch {
	case c.TLS == nil:
	case mechanism == plain:
		return d.counted(c, d.plain(c)), nil
	case mechanism == scramBare, mechanism == scramPlus && binding != nil:
		return d.counted(c, d.scram(c, binding, mechanism == scramPlus)), nil
	}
	return nil, ErrMechanism
}

// Login checks a user name and password, if it is not guessing.
func (d Door) Login(ctx context.Context, c Caller, user, password string) (Entrant, error) {
	if c.TLS == nil {
		return Entrant{}, ErrMechanism
	}
	e, err := d.login(ctx, c, user, password)
	d.count(err)
	if err == nil {
		d.entered(ctx, c, e)
	}
	return e, err
}

func (d Door) login(ctx context.Context, c Caller, user, password string) (Entrant, error) {
	if err := d.turn(ctx, c, user); err != nil {
		return Entrant{}, err
	}
	e, err := d.Book.login(ctx, d.Scope, user, password)
	if err == nil {
		d.succeeded(c, user)
	}
	return e, err
}

// Try lets check look at what somebody brought who says that they are user, if that is
// not guessing: tries are slowed down and counted as those at any other door are.
func (d Door) Try(ctx context.Context, c Caller, user string, check func() error) error {
	if c.TLS == nil {
		return ErrMechanism
	}
	err := d.turn(ctx, c, user)
	if err == nil {
		if err = check(); err == nil {
			d.succeeded(c, user)
		}
	}
	d.count(err)
	return err
}

// Wait waits for leave to do something that costs as much as a try, and is none.
func (d Door) Wait(ctx context.Context, c Caller, user string) error {
	if c.TLS == nil {
		return ErrMechanism
	}
	return d.turn(ctx, c, user)
}

// plain is the PLAIN mechanism (RFC 4616). Nobody acts for anybody else.
func (d Door) plain(c Caller) Step {
	return func(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
		if response == nil {
			return nil, nil, nil
		}
		part := bytes.Split(response, []byte{0})
		if len(part) != 3 || len(part[0]) > 0 && !bytes.Equal(part[0], part[1]) {
			return nil, nil, ErrLogin
		}
		e, err := d.login(ctx, c, string(part[1]), string(part[2]))
		if err != nil {
			return nil, nil, err
		}
		return nil, &e, nil
	}
}

// scram is SCRAM-SHA-256, with -PLUS when the channel is bound.
func (d Door) scram(c Caller, binding []byte, plus bool) Step {
	e := d.Book.exchange(binding, plus)
	e.scope = d.Scope
	e.turn = func(ctx context.Context, user string) error { return d.turn(ctx, c, user) }
	e.succeeded = func(user string) { d.succeeded(c, user) }
	return e.step
}

// turn waits for the throttle's leave to try a password of user.
func (d Door) turn(ctx context.Context, c Caller, user string) error {
	if d.Throttle == nil {
		return nil
	}
	for until := time.Now().Add(patience); ; {
		wait := d.Throttle.Allow(c.Host, user)
		if wait <= 0 {
			return nil
		}
		if d.hurry || time.Now().Add(wait).After(until) {
			return ErrSlowDown
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// entered tells who wants to know that a program signed in.
func (d Door) entered(ctx context.Context, c Caller, e Entrant) {
	if d.Book.Entered != nil {
		d.Book.Entered(ctx, e, d.Scope, c.Host)
	}
}

func (d Door) succeeded(c Caller, user string) {
	if d.Throttle != nil {
		d.Throttle.Succeeded(c.Host, user)
	}
}
