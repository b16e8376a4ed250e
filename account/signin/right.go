package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"sealpost/account"
)

// What changes how an account is entered needs more than a session, which may have been
// stolen, or left open on a desk: its owner proves anew who they are, and for a while
// that counts for the session it was proved in.

// RightTime is how long a proof counts.
const RightTime = 5 * time.Minute

// A Right is the proof that who asks is the owner, and does not only have a session of
// theirs. Only Confirm and Right of a Desk make one that serves.
type Right struct {
	account account.ID
	until   time.Time
}

// holds says whether a right serves for an account now.
func (d *Desk) holds(r Right, id account.ID) error {
	if id == "" || r.account != id || !d.Now().Before(r.until) {
		return ErrProof
	}
	return nil
}

// proved is that the owner was shown in a session lately, by the hash of the token that its
// browser has. It stands with the session in the account's record, for all nodes, and goes
// with it. Its names are the format.
type proved struct {
	Hash  []byte    `json:"hash"`
	Until time.Time `json:"until"`
}

const provedEach = 8 // of one session, in as many windows; a new one takes the place of the oldest

// Confirmation is what an owner brings to prove anew who they are: one of both.
type Confirmation struct {
	Proof     []byte // of the passphrase, or of the kit
	Assertion []byte // of one of their passkeys, whose authenticator knew them
	Site      Site
}

// Confirmed is a right, and the token by which its session has it until it ends.
type Confirmed struct {
	Right
	Token []byte
	Until time.Time
}

// Confirm checks a proof, as slowly as at the door, and gives a session the right to
// what a session alone may not. It fails with ErrSignIn.
func (d *Desk) Confirm(ctx context.Context, c account.Caller, a account.Account, within string, with Confirmation) (Confirmed, error) {
	d.start()
	err := d.door().Try(ctx, c, a.Addresses[0].String(), func() error {
		start := time.Now()
		err := d.confirm(ctx, a.ID, with)
		if err != nil {
			account.OnTick(ctx, start)
		}
		return err
	})
	if err != nil {
		return Confirmed{}, err
	}
	token, until := random(32), d.Now().Add(RightTime)
	hash := TokenOf(token)
	_, err = d.change(ctx, a.ID, func(s *state) error {
		i := slices.IndexFunc(s.Sessions, func(one session) bool { return one.ID == within })
		if i < 0 {
			return ErrOver
		}
		p := append(s.Sessions[i].Proved, proved{hash[:], until.UTC()})
		s.Sessions[i].Proved = p[max(0, len(p)-provedEach):]
		return nil
	})
	if err != nil {
		return Confirmed{}, err
	}
	return Confirmed{Right{a.ID, until}, token, until}, nil
}

func (d *Desk) confirm(ctx context.Context, id account.ID, with Confirmation) error {
	s, err := d.read(ctx, id)
	if err != nil {
		return err
	}
	if with.Assertion != nil {
		_, err := d.useAssertion(ctx, s, with.Site, forProof(id), with.Assertion, true)
		if isRefusal(err) {
			return ErrSignIn
		}
		return err
	}
	hash := hashOf(with.Proof)
	if subtle.ConstantTimeCompare(hash, s.Proof)|subtle.ConstantTimeCompare(hash, s.KitProof) != 1 || len(with.Proof) != proofSize {
		return ErrSignIn
	}
	return nil
}

// Right is what a session proved lately, by the token it was given; else ErrProof.
func (d *Desk) Right(ctx context.Context, id account.ID, within string, token []byte) (Right, error) {
	s, err := d.read(ctx, id)
	if errors.Is(err, ErrNone) {
		return Right{}, ErrProof
	}
	if err != nil {
		return Right{}, err
	}
	hash := TokenOf(token)
	for _, one := range s.Sessions {
		for _, p := range one.Proved {
			r := Right{id, p.Until}
			if one.ID == within && subtle.ConstantTimeCompare(p.Hash, hash[:]) == 1 && d.holds(r, id) == nil {
				return r, nil
			}
		}
	}
	return Right{}, ErrProof
}

func forProof(id account.ID) string { return "proof of " + string(id) }

// BeginConfirm are the options to prove who one is by a passkey, or ErrNotFound where
// there is none.
func (d *Desk) BeginConfirm(ctx context.Context, id account.ID, site Site) (any, error) {
	d.start()
	s, err := d.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.Passkeys, func(p passkey) bool { return p.Host == site.name() }) {
		return nil, ErrNotFound
	}
	return d.requestOptions(site, forProof(id), s.Passkeys, true), nil
}

// Check looks at a proof that comes with a request, or at the token of an earlier one.
func (d *Desk) Check(ctx context.Context, c account.Caller, a account.Account, session string, token, proof []byte) (Right, error) {
	if proof == nil {
		return d.Right(ctx, a.ID, session, token)
	}
	done, err := d.Confirm(ctx, c, a, session, Confirmation{Proof: proof})
	return done.Right, err
}
