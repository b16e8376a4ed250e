package signin

import (
	"context"
	"crypto/subtle"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

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

// rights are what was proved lately, by the hash of the token that its browser has. They
// live in memory, and a restart asks again.
type rights struct {
	mu    sync.Mutex
	known *lru.Cache[Token, proved]
}

type proved struct {
	Right
	session string
}

const rightsKept = 16 << 10

func newRights() *rights { return &rights{known: bounded[Token, proved](rightsKept)} }

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
func (d *Desk) Confirm(ctx context.Context, c account.Caller, a account.Account, session string, with Confirmation) (Confirmed, error) {
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
	d.rights.mu.Lock()
	defer d.rights.mu.Unlock()
	by := Right{a.ID, until}
	d.rights.known.Add(TokenOf(token), proved{by, session})
	return Confirmed{by, token, until}, nil
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
func (d *Desk) Right(id account.ID, session string, token []byte) (Right, error) {
	d.start()
	d.rights.mu.Lock()
	defer d.rights.mu.Unlock()
	p, there := d.rights.known.Peek(TokenOf(token)) // by its hash: time tells nothing of the token
	if !there || p.session != session || d.holds(p.Right, id) != nil {
		return Right{}, ErrProof
	}
	return p.Right, nil
}

// forget takes back what sessions proved.
func (r *rights) forget(id account.ID, but string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range r.known.Keys() {
		if p, _ := r.known.Peek(token); p.account == id && p.session != but {
			r.known.Remove(token)
		}
	}
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
		return d.Right(a.ID, session, token)
	}
	done, err := d.Confirm(ctx, c, a, session, Confirmation{Proof: proof})
	return done.Right, err
}
