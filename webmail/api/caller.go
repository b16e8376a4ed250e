package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"sealpost/account"
	"sealpost/account/signin"
)

// A caller is who asks: an account, by a browser's session or by an app password
// with scope api.
type caller struct {
	account.Account
	Session  string // its id; empty: by app password
	Password string // the app password's name; empty: by session

	session signin.Session
	cookie  string
}

type callerKey struct{}

// who is the caller of an operation that is not for anybody.
func who(ctx context.Context) caller {
	c, known := maybe(ctx)
	if !known {
		panic("an operation for anybody asks who its caller is")
	}
	return c
}

func maybe(ctx context.Context) (c caller, known bool) {
	c, known = ctx.Value(callerKey{}).(caller)
	return c, known
}

// identify finds who asks. A session that is over is nobody; an app password that is
// wrong is refused at once, so that a program learns of it.
func (a *API) identify(r *http.Request) (*http.Request, *Problem) {
	user, password, basic := r.BasicAuth()
	var c caller
	switch {
	case basic:
		door := account.Door{Book: a.Book, Throttle: a.Throttle, Scope: account.ScopeAPI}
		e, err := door.Login(r.Context(), account.Caller{Host: hostOf(r), TLS: r.TLS}, user, password)
		if errors.Is(err, account.ErrMechanism) {
			return r, problem(http.StatusForbidden, "tls", "This needs TLS")
		}
		if err != nil {
			return r, a.problemOf(r.Context(), "app password", err)
		}
		c = caller{Account: e.Account, Password: e.Password}
	case a.SignIns != nil && hasCookie(r):
		var p *Problem
		if c, p = a.bySession(r); p != nil {
			return r, p
		}
	}
	if c.ID == "" {
		if !a.calls.allow(hostOf(r).String()) {
			return r, slowDown(1)
		}
		return r, nil
	}
	if !a.calls.allow(string(c.ID)) {
		return r, slowDown(1)
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c)), nil
}

func hasCookie(r *http.Request) bool {
	_, err := r.Cookie(cookieName)
	return err == nil
}

// bySession finds the session of a cookie; one that is over is nobody's.
func (a *API) bySession(r *http.Request) (c caller, p *Problem) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return c, nil
	}
	id, session, err := a.SignIns.Enter(r.Context(), cookie.Value)
	if errors.Is(err, signin.ErrOver) {
		return c, nil
	}
	if err != nil {
		return c, a.problemOf(r.Context(), "session", err)
	}
	whose, err := a.Book.Account(r.Context(), id)
	if errors.Is(err, account.ErrUnknown) { // being removed
		return c, nil
	}
	if err != nil {
		return c, a.problemOf(r.Context(), "session", err)
	}
	return caller{Account: whose, Session: session.ID, session: session, cookie: cookie.Value}, nil
}

// hostOf is the address a request came from.
func hostOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
