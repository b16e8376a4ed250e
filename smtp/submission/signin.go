package submission

import (
	"context"
	"errors"
	"net/netip"

	"sealpost/account"
	"sealpost/smtp"
)

// SignIn lets this server's people sign in to submit (RFC 4954), at the door that
// IMAP has too.
type SignIn struct {
	Door    account.Door
	Unbound bool // SCRAM-SHA-256-PLUS is not offered; see account.Caller
}

var (
	errWrong     = &smtp.Reply{Code: 535, Enhanced: "5.7.8", Text: "user name or password is wrong"}
	errSlowDown  = &smtp.Reply{Code: 454, Enhanced: "4.7.0", Text: "too many sign-ins from here, wait a minute"}
	errMechanism = &smtp.Reply{Code: 504, Enhanced: "5.5.4", Text: "no such mechanism"}
)

// oldMechanism is what old Outlook and many devices know alone (draft-murchison-
// sasl-login). It says what PLAIN says, in two responses.
const oldMechanism = "LOGIN"

// Mechanisms are the door's, and behind them the old one, where there is any.
func (s SignIn) Mechanisms(p smtp.Peer) []string {
	all := s.caller(p).Mechanisms()
	if len(all) > 0 {
		all = append(all, oldMechanism)
	}
	return all
}

// Begin starts an exchange.
func (s SignIn) Begin(_ context.Context, p smtp.Peer, mechanism string) (smtp.SignInStep, error) {
	old := mechanism == oldMechanism
	if old {
		mechanism = "PLAIN"
	}
	step, err := s.Door.Begin(s.caller(p), mechanism)
	if err != nil {
		return nil, signInReply(err)
	}
	if old {
		step = login(step)
	}
	return func(ctx context.Context, response []byte) ([]byte, *smtp.Identity, error) {
		challenge, who, err := step(ctx, response)
		if err != nil || who == nil {
			return challenge, nil, signInReply(err)
		}
		return nil, &smtp.Identity{Account: string(who.ID), Password: who.Password}, nil
	}, nil
}

// login asks for user name and password one by one, and hands both to PLAIN, so that
// they are checked, counted and slowed down there.
func login(plain account.Step) account.Step {
	var user []byte
	return func(ctx context.Context, response []byte) ([]byte, *account.Entrant, error) {
		switch {
		case response == nil:
			return []byte("Username:"), nil, nil
		case user == nil:
			user = append([]byte{0}, response...)
			return []byte("Password:"), nil, nil
		}
		return plain(ctx, append(append(user, 0), response...))
	}
}

// Watch calls gone when the app password is revoked or its account removed.
func (s SignIn) Watch(ctx context.Context, who smtp.Identity, gone func()) error {
	return s.Door.Book.Watch(ctx, account.ID(who.Account), who.Password, gone)
}

// signInReply is what a client is told. A wrong user and a wrong password are one
// answer, and what is not classified is a fault of ours, to come back for.
func signInReply(err error) error {
	switch {
	case errors.Is(err, account.ErrLogin):
		return errWrong
	case errors.Is(err, account.ErrSlowDown):
		return errSlowDown
	case errors.Is(err, account.ErrMechanism):
		return errMechanism
	}
	return err
}

func (s SignIn) caller(p smtp.Peer) account.Caller {
	c := account.Caller{Host: netip.IPv4Unspecified(), TLS: p.TLS, Unbound: s.Unbound}
	if a, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
		c.Host = a.Addr().Unmap().WithZone("")
	}
	return c
}
