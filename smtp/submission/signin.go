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
type SignIn struct{ Door account.Door }

var (
	errWrong     = &smtp.Reply{Code: 535, Enhanced: "5.7.8", Text: "user name or password is wrong"}
	errSlowDown  = &smtp.Reply{Code: 454, Enhanced: "4.7.0", Text: "too many sign-ins from here, wait a minute"}
	errMechanism = &smtp.Reply{Code: 504, Enhanced: "5.5.4", Text: "no such mechanism"}
)

func (s SignIn) Mechanisms(p smtp.Peer) []string { return caller(p).Mechanisms() }

// Begin starts an exchange.
func (s SignIn) Begin(_ context.Context, p smtp.Peer, mechanism string) (smtp.SignInStep, error) {
	step, err := s.Door.Begin(caller(p), mechanism)
	if err != nil {
		return nil, signInReply(err)
	}
	return func(ctx context.Context, response []byte) ([]byte, *smtp.Identity, error) {
		challenge, who, err := step(ctx, response)
		if err != nil || who == nil {
			return challenge, nil, signInReply(err)
		}
		return nil, &smtp.Identity{Account: string(who.ID), Password: who.Password}, nil
	}, nil
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

func caller(p smtp.Peer) account.Caller {
	c := account.Caller{Host: netip.IPv4Unspecified(), TLS: p.TLS}
	if a, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
		c.Host = a.Addr().Unmap().WithZone("")
	}
	return c
}
