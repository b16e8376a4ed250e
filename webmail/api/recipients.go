package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

const (
	mostAsked    = 100 // addresses of one question
	askedAtOnce  = 8
	askTime      = 20 * time.Second
	askEvery     = 2 * time.Second // of one account, in addresses, once askedBefore are spent
	askedBefore  = 400
	mostCert     = 64 << 10 // bytes of a certificate
	mostAskBody  = 64 << 10
	mostCertBody = 128 << 10
)

// Recipient is what is known of an address that somebody wants to write to.
type Recipient struct {
	Address     string    `json:"address"`
	State       string    `json:"state" enum:"key,none,unsure,revoked,expired,invalid"`
	Local       bool      `json:"local" doc:"an address of this server"`
	Source      string    `json:"source,omitempty" enum:"local,wkd,autocrypt,manual"`
	Certificate string    `json:"certificate,omitempty" doc:"binary OpenPGP certificate in base64"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Changed     bool      `json:"changed,omitempty" doc:"another key was offered later"`
	Offered     []Offered `json:"offered,omitempty"`
}

// Offered is a key that was found after another one had been pinned.
type Offered struct {
	Fingerprint string    `json:"fingerprint"`
	Certificate string    `json:"certificate"`
	Source      string    `json:"source"`
	At          time.Time `json:"at"`
}

func recipients(s service) {
	asking := newAllowances(s.Now, askEvery, askedBefore)
	route(s, op{
		name: "recipients", method: http.MethodPost, path: "/recipients", tag: sendingPart, access: forAccount, body: mostAskBody, time: time.Minute,
		about: "Looks for the keys of people: at home, among pins, by WKD and Autocrypt. What is found first is pinned.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Addresses []string `json:"addresses" minItems:"1" maxItems:"100"`
		}
	}) (*body[recipientList], error) {
		if s.Sending.Keys == nil {
			return nil, notFound()
		}
		if wait := asking.take(string(who(ctx).ID), len(in.Body.Addresses)); wait > 0 {
			return nil, slowDown(int(wait/time.Second) + 1)
		}
		return &body[recipientList]{recipientList{s.find(ctx, who(ctx).ID, in.Body.Addresses)}}, nil
	})
}

type recipientList struct {
	Recipients []Recipient `json:"recipients"`
}

// allowances bound how often an account does something, so many times at once and then
// one by one.
type allowances struct {
	now   func() time.Time
	every time.Duration
	burst int
	mu    sync.Mutex
	paces map[string]*rate.Limiter
}

func newAllowances(now func() time.Time, every time.Duration, burst int) *allowances {
	return &allowances{now: now, every: every, burst: burst, paces: map[string]*rate.Limiter{}}
}

// take counts n, or says how long to wait for them and counts nothing.
func (a *allowances) take(id string, n int) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	l := a.paces[id]
	if l == nil {
		if len(a.paces) > callersKept { // of accounts that exist: they are few
			clear(a.paces)
		}
		l = rate.NewLimiter(rate.Every(a.every), a.burst)
		a.paces[id] = l
	}
	if l.AllowN(now, n) {
		return 0
	}
	return max(time.Second, time.Duration((float64(n)-l.TokensAt(now))*float64(a.every)))
}

// find asks for all, some at the same time. Who is not found in time is unsure.
func (a *API) find(ctx context.Context, id account.ID, addresses []string) []Recipient {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	all := make([]Recipient, len(addresses))
	var running sync.WaitGroup
	turns := make(chan struct{}, askedAtOnce)
	for i, text := range addresses {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			defer func() {
				if v := recover(); v != nil {
					a.Log.Error("looking for a key panicked", "account", string(id))
					all[i] = Recipient{Address: text, State: "unsure"}
				}
			}()
			all[i] = a.findOne(ctx, id, text)
		})
	}
	running.Wait()
	return all
}

func (a *API) findOne(ctx context.Context, id account.ID, text string) Recipient {
	r := Recipient{Address: text, State: "invalid"}
	to, err := mail.ParseAddress(text)
	if err != nil {
		return r
	}
	r.Local = a.Book.Local(to.Domain)
	found, err := a.Sending.Keys.Find(ctx, string(id), to)
	switch {
	case err == nil:
		r.State, r.Source, r.Changed = "key", string(found.Source), found.Changed
		r.certificate(found.Cert)
	case errors.Is(err, discover.ErrRevoked):
		r.State = "revoked"
	case errors.Is(err, discover.ErrExpired):
		r.State = "expired"
	case errors.Is(err, discover.ErrNoKey) && !errors.Is(err, discover.ErrUnsure):
		r.State = "none"
	default: // the web server, the DNS or we ourselves
		r.State = "unsure"
	}
	if r.State != "none" && r.Source != string(discover.Local) {
		a.addPin(ctx, id, to, &r)
	}
	return r
}

// addPin tells of the pin, where it cannot be used, and of other keys that were offered.
func (a *API) addPin(ctx context.Context, id account.ID, to mail.Address, r *Recipient) {
	p, err := a.Sending.Keys.Peers.Peer(ctx, string(id), to)
	if err != nil {
		return // nobody has one, or nobody knows now
	}
	if cert, err := pgp.ParseCert(p.Cert); err == nil && r.Certificate == "" && !p.Pinned.IsZero() {
		r.Source = string(p.Source)
		r.certificate(cert)
	}
	for _, c := range p.Changes {
		r.Offered = append(r.Offered, Offered{
			Fingerprint: c.Fingerprint, Certificate: base64.StdEncoding.EncodeToString(c.Cert), Source: string(c.Source), At: c.At.UTC(),
		})
	}
}

func (r *Recipient) certificate(c *pgp.Cert) {
	r.Certificate, r.Fingerprint = base64.StdEncoding.EncodeToString(c.Bytes()), c.Fingerprint()
}

type KeyOf struct {
	Address string `path:"address" maxLength:"400"`
}

func (k KeyOf) parse() (mail.Address, error) {
	a, err := mail.ParseAddress(k.Address)
	if err != nil {
		return a, badInput("expected an address")
	}
	return a, nil
}

// keys are changed by their owner's browsers only: who has an app password of theirs
// must not make their mail be encrypted to somebody else.
func keys(s service) {
	route(s, op{
		name: "pin-key", method: http.MethodPut, path: "/keys/{address}", tag: sendingPart, access: forSession, body: mostCertBody,
		about: "Pins a key for an address, whatever its user ids say.",
	}, func(ctx context.Context, in *struct {
		KeyOf
		Body struct {
			Certificate []byte `json:"certificate" doc:"OpenPGP certificate, binary or armored, in base64"`
		}
	}) (*struct{}, error) {
		return nil, s.atKey(in.KeyOf, func(a mail.Address) error {
			if len(in.Body.Certificate) > mostCert {
				return badInput("certificate: expected at most %d bytes", mostCert)
			}
			cert, err := pgp.ParseCert(in.Body.Certificate)
			if err != nil {
				return problem(http.StatusUnprocessableEntity, "no-key", "This is no certificate that mail can be sealed to")
			}
			return s.Sending.Keys.Pin(ctx, string(who(ctx).ID), a, cert)
		})
	})
	route(s, op{
		name: "accept-key", method: http.MethodPost, path: "/keys/{address}/accept", tag: sendingPart, access: forSession,
		about: "Pins a key that was offered later, or keeps the pinned one, by its fingerprint.",
	}, func(ctx context.Context, in *struct {
		KeyOf
		Body struct {
			Fingerprint string `json:"fingerprint" minLength:"1" maxLength:"80"`
		}
	}) (*struct{}, error) {
		return nil, s.atKey(in.KeyOf, func(a mail.Address) error {
			return s.Sending.Keys.Accept(ctx, string(who(ctx).ID), a, in.Body.Fingerprint)
		})
	})
	route(s, op{
		name: "forget-key", method: http.MethodDelete, path: "/keys/{address}", tag: sendingPart, access: forSession,
		about: "Forgets all that the account knows of an address.",
	}, func(ctx context.Context, in *KeyOf) (*struct{}, error) {
		return nil, s.atKey(*in, func(a mail.Address) error {
			return s.Sending.Keys.Forget(ctx, string(who(ctx).ID), a)
		})
	})
}

func (a *API) atKey(of KeyOf, do func(mail.Address) error) error {
	if a.Sending.Keys == nil {
		return notFound()
	}
	to, err := of.parse()
	if err != nil {
		return err
	}
	return do(to)
}
