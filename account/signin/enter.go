package signin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"sealpost/account"
)

// How somebody signed in.
const (
	ByPassphrase = "passphrase"
	ByKit        = "kit"
	ByPasskey    = "passkey"
	ByApproval   = "approval"
	ByJoining    = "join"
)

// Parameters are what a client needs to make its proof of a passphrase.
type Parameters struct {
	Salt []byte
	KDF  KDF
}

// Attempt is what somebody brings to sign in.
type Attempt struct {
	Address   string
	Method    string // ByPassphrase or ByKit
	Proof     []byte
	Code      string // TOTP; empty: none
	Assertion []byte // WebAuthn, JSON; nil: none
	Device    string
	Site      Site
}

// Entered is somebody who just signed in.
type Entered struct {
	account.Account
	Session Session
	Cookie  string // shown to them only; its hash is kept
	Keyring Keyring
}

// A SecondFactor is the error of a right proof that is not enough.
type SecondFactor struct {
	Methods []string // totp, passkey
	Options any      // WebAuthn request options, where a passkey would do
	Wrong   bool     // one was brought, and does not fit
}

func (*SecondFactor) Error() string { return "a second factor is needed" }

// hashOf is what is kept of a proof.
func hashOf(proof []byte) []byte {
	h := sha256.New()
	h.Write([]byte("sealpost proof v1"))
	h.Write(proof)
	return h.Sum(nil)
}

// Parameters answers whoever asks about any address: a stranger's are false ones, and
// stay the same.
func (d *Desk) Parameters(ctx context.Context, c account.Caller, address string) (p Parameters, err error) {
	d.start()
	defer account.OnTick(ctx, time.Now())
	s, _, name, err := d.known(ctx, address)
	p = Parameters{keyed(d.Secret, "sign-in salt", name)[:saltSize], defaultKDF}
	if err == nil {
		p = Parameters{s.Salt, s.KDF}
	}
	if errors.Is(err, ErrNone) {
		err = nil
	}
	return p, err
}

// known reads the sign-in of an address, or fails with ErrNone, after the same work: one
// look for the address, one for its record, and one record opened. name is the address as
// addresses are compared.
func (d *Desk) known(ctx context.Context, address string) (s *state, a account.Account, name string, err error) {
	a, name, err = d.find(ctx, address)
	id := a.ID
	switch {
	case errors.Is(err, account.ErrUnknown):
		id = strangers
	case err != nil:
		return nil, a, name, err
	}
	r, err := d.Store.Record(ctx, id)
	none := errors.Is(err, ErrNone) || id == strangers
	if none {
		r, err = d.nobody, nil
	}
	if err == nil {
		s, err = d.decode(r)
	}
	if none && err == nil {
		return nil, a, name, ErrNone
	}
	return s, a, name, err
}

// SignIn lets in who proves to be an address' owner. It fails with ErrSignIn, a
// SecondFactor, or account.ErrSlowDown.
func (d *Desk) SignIn(ctx context.Context, c account.Caller, t Attempt) (e Entered, err error) {
	d.start()
	var more error
	err = d.door().Try(ctx, c, t.Address, func() error {
		start := time.Now()
		s, a, err := d.prove(ctx, t)
		if err == nil {
			more = d.second(ctx, s, t)
		}
		if err != nil || more != nil {
			account.OnTick(ctx, start)
			return err
		}
		e.Account = a
		return nil
	})
	if err == nil {
		err = more
	}
	if err != nil {
		return Entered{}, err
	}
	return d.enter(ctx, e.Account, Line{How: t.Method, Device: t.Device}, "")
}

func (d *Desk) door() account.Door { return account.Door{Book: d.Book, Throttle: d.Throttle} }

// prove compares a proof with what is kept, or with what fits nothing: the same work
// for everybody.
func (d *Desk) prove(ctx context.Context, t Attempt) (*state, account.Account, error) {
	s, a, name, err := d.known(ctx, t.Address)
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, a, err
	}
	right := keyed(d.Secret, "decoy", name)
	switch {
	case s != nil && t.Method == ByPassphrase:
		right = s.Proof
	case s != nil && t.Method == ByKit:
		right = s.KitProof
	}
	fits := subtle.ConstantTimeCompare(hashOf(t.Proof), right) == 1
	if s == nil || !fits || len(t.Proof) != proofSize {
		whose := strangers
		if s != nil {
			whose = s.id
		}
		d.failed.add(whose, Line{At: d.Now().UTC(), How: t.Method, Device: device(t.Device)})
		return nil, a, ErrSignIn
	}
	return s, a, nil
}

// second asks for one of the account's second factors. The kit needs none: it is 256
// random bits on paper, and the way back for who lost the rest.
func (d *Desk) second(ctx context.Context, s *state, t Attempt) error {
	if t.Method == ByKit || s.TOTP == nil && !slices.ContainsFunc(s.Passkeys, func(p passkey) bool { return p.Factor }) {
		return nil
	}
	need := &SecondFactor{}
	if s.TOTP != nil {
		need.Methods = append(need.Methods, "totp")
	}
	if len(s.Passkeys) > 0 {
		need.Methods = append(need.Methods, "passkey")
		need.Options = d.requestOptions(t.Site, forSignIn, s.Passkeys, false)
	}
	var err error
	switch {
	case t.Code != "":
		err = d.useCode(ctx, s.id, t.Code)
	case t.Assertion != nil:
		_, err = d.useAssertion(ctx, s, t.Site, forSignIn, t.Assertion, false)
	default:
		return need
	}
	if errors.Is(err, errFactor) {
		need.Wrong = true
		d.failed.add(s.id, Line{At: d.Now().UTC(), How: t.Method, Device: device(t.Device)})
		return need
	}
	return err
}

const (
	// SessionTime is how long a session lives after it was used last.
	SessionTime = 30 * 24 * time.Hour
	useNoted    = time.Hour // how often the use of a session is written down
)

// enter begins a session.
func (d *Desk) enter(ctx context.Context, a account.Account, l Line, by string) (Entered, error) {
	secret, now := random(32), d.Now().UTC()
	hash := TokenOf(secret)
	one := session{
		ID: newID(), Hash: hash[:], Device: device(l.Device), How: l.How, By: by,
		Created: now, Used: now, Expires: now.Add(SessionTime), Share: random(32),
	}
	s, err := d.change(ctx, a.ID, func(s *state) error {
		if by != "" && !slices.ContainsFunc(s.Passkeys, func(p passkey) bool { return p.ID == by }) {
			return ErrSignIn // removed meanwhile
		}
		s.Sessions = append(s.Sessions, one)
		s.History = append(s.History, Line{At: now, How: l.How, OK: true, Device: one.Device})
		d.prune(s)
		return nil
	})
	if err != nil {
		return Entered{}, err
	}
	return Entered{a, one.public(), encodeSecret(secret), s.keyring()}, nil
}
