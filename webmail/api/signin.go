package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
)

const tagSignIn = "Signing in"

// entered is the answer to every way of signing in: the session, and its cookie.
type entered struct {
	Cookie string `header:"Set-Cookie"`
	Body   Session
}

// cookie is the session's: for this host, TLS and our own pages only.
func (a *API) cookie(value string, expires time.Time) string {
	c := http.Cookie{
		Name: cookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(expires.Sub(a.Now()) / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}

func (a *API) welcome(e signin.Entered) (*entered, error) {
	s, err := sessionOnWire(e.Account, e.Session, e.Keyring)
	if err != nil {
		return nil, err
	}
	return &entered{a.cookie(e.Cookie, e.Session.Expires), s}, nil
}

// signIn are the ways in: by passphrase or kit, and by what they give a client.
func signIn(s service) {
	route(s, op{
		name: "sign-in-begin", method: http.MethodPost, path: "/sign-in/begin", tag: tagSignIn, access: forAnybody,
		about: "What a client needs to make its proof of a passphrase.",
	}, func(ctx context.Context, in *struct {
		from
		Body struct {
			Address string `json:"address" maxLength:"1024"`
		}
	}) (*body[SignInParameters], error) {
		p, err := s.SignIns.Parameters(ctx, in.caller, in.Body.Address)
		return &body[SignInParameters]{SignInParameters{p.Salt, Kdf(p.KDF)}}, err
	})
	route(s, op{
		name: "sign-in", method: http.MethodPost, path: "/sign-in", tag: tagSignIn, access: forAnybody,
		about: "Signs in by a proof of the passphrase or of the recovery kit.",
	}, s.signIn)
	route(s, op{
		name: "session", method: http.MethodGet, path: "/session", tag: tagSignIn, access: forSession,
		about: "The session that asks, its account and its keyring.",
	}, s.session)
	route(s, op{
		name: "keyring", method: http.MethodGet, path: "/keyring", tag: tagSignIn, access: forSession,
		about: "The containers that only the owner's clients can open.",
	}, func(ctx context.Context, _ *struct{}) (*body[Keyring], error) {
		k, err := s.SignIns.Keyring(ctx, who(ctx).ID)
		return &body[Keyring]{keyringOnWire(k)}, err
	})
	route(s, op{
		name: "invitation", method: http.MethodPost, path: "/invitation", tag: tagSignIn, access: forAnybody,
		about: "What an invitation is good for.",
	}, s.invitation)
	route(s, op{
		name: "join", method: http.MethodPost, path: "/join", tag: tagSignIn, access: forAnybody, body: 1 << 20,
		about: "Opens an account, or gives one a sign-in, and signs in.",
	}, s.join)
}

// from is where a request comes from.
type from struct {
	caller account.Caller
	site   signin.Site
}

// Resolve is for huma.
func (f *from) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	f.caller, f.site = account.Caller{Host: hostOf(r), TLS: r.TLS}, signin.Site{Host: r.Host}
	return nil
}

func (s service) signIn(ctx context.Context, in *struct {
	from
	Body SignIn
}) (*entered, error) {
	b := in.Body
	assertion, err := rawJSON(b.Assertion)
	if err != nil {
		return nil, err
	}
	e, err := s.SignIns.SignIn(ctx, in.caller, signin.Attempt{
		Address: b.Address, Method: b.Method, Proof: b.Proof, Code: b.Code, Assertion: assertion, Device: b.Device, Site: in.site,
	})
	var more *signin.SecondFactor
	if errors.As(err, &more) {
		p := problem(http.StatusUnauthorized, "second-factor", "One more proof is needed")
		p.Methods, p.Passkey = more.Methods, more.Options
		if more.Wrong {
			p.Detail = "what was given does not fit"
		}
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	return s.welcome(e)
}

// session tells a browser who it is, and renews its cookie.
func (s service) session(ctx context.Context, in *from) (*entered, error) {
	c := who(ctx)
	k, err := s.SignIns.Keyring(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	w, err := sessionOnWire(c.Account, c.session, k)
	if err != nil {
		return nil, err
	}
	return &entered{s.cookie(c.cookie, c.session.Expires), w}, nil
}

func (s service) invitation(ctx context.Context, in *struct {
	from
	Body struct {
		Token string `json:"token" maxLength:"64"`
	}
}) (*body[Invitation], error) {
	i, err := s.SignIns.Invited(ctx, in.caller, in.Body.Token)
	if err != nil {
		return nil, err
	}
	w := Invitation{Address: i.Address, Domains: s.Book.Domains(), Attach: i.Attach, Expires: onWire(i.Expires)}
	if i.Attach {
		a, err := s.Book.Account(ctx, i.Account)
		if err != nil {
			return nil, err
		}
		w.Certificate, w.Account = a.Cert, string(a.ID)
	}
	return &body[Invitation]{w}, nil
}

func (s service) join(ctx context.Context, in *struct {
	from
	Body Join
}) (*entered, error) {
	b := in.Body
	if b.Profile == "" {
		b.Profile = string(pgp.Compat)
	}
	e, err := s.SignIns.Join(ctx, in.caller, signin.Joining{
		Token: b.Token, Open: s.Open, Address: b.Address, ID: account.ID(b.Account), Cert: b.Certificate, ListKey: b.ListKey,
		Profile: pgp.Profile(b.Profile), Salt: b.Salt, KDF: b.Kdf.inside(), Proof: b.Proof, KitProof: b.KitProof, Containers: b.Containers, Device: b.Device,
	})
	if err != nil {
		return nil, err
	}
	return s.welcome(e)
}

// rawJSON is what a field that anything may stand in holds; nil: nothing.
func rawJSON(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

// secretOf reads a secret in base64 of an answer of ours.
func secretOf(text string) []byte {
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil // fits nothing
	}
	return secret
}
