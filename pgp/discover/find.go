package discover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// Find looks for a's key on behalf of an account: own people, pins, WKD (advanced,
// then direct), Autocrypt; what it finds first it pins. It fails with ErrNoKey; with
// ErrRevoked or ErrExpired when the pinned key may not be used any more, so that
// nothing that was encrypted so far becomes plaintext without a word; or with another
// error when it cannot tell now: the database or the DNS failed. A web server that
// cannot be reached publishes no key, as far as one can tell: ErrUnsure.
func (f *Finder) Find(ctx context.Context, account string, a mail.Address) (Found, error) {
	if f.Own != nil {
		cert, err := f.Own(ctx, a)
		if err == nil {
			return f.usable(cert, Found{Source: Local})
		}
		if !errors.Is(err, ErrNoKey) {
			return Found{}, fmt.Errorf("find own key: %w", err)
		}
	}
	p, err := f.Peers.Peer(ctx, account, a)
	switch {
	case errors.Is(err, ErrNoKey):
		p = Peer{Address: a}
	case err != nil:
		return Found{}, fmt.Errorf("find peer: %w", err)
	}
	if !p.Pinned.IsZero() {
		return f.pinned(ctx, account, p)
	}
	certs, none := f.wkd(ctx, account, a)
	if none != nil && !errors.Is(none, ErrNoKey) {
		return Found{}, fmt.Errorf("look up key: %w", none)
	}
	found, err := f.pinFirst(ctx, account, a, certs)
	if err == ErrNoKey && errors.Is(none, ErrUnsure) {
		err = none
	}
	return found, err
}

// pinned uses the pin. About once a day it asks WKD for the same key's newest copy;
// that this fails is no reason not to encrypt.
func (f *Finder) pinned(ctx context.Context, account string, p Peer) (Found, error) {
	if p.Source != Local && f.recent.due(account, p.Address, f.now()) {
		certs, err := f.wkd(ctx, account, p.Address)
		if err := ctx.Err(); err != nil {
			return Found{}, err
		}
		if err == nil {
			fresh, err := f.change(ctx, account, p.Address, func(p *Peer) bool { return f.refresh(p, certs) })
			if err != nil {
				return Found{}, err
			}
			p = fresh
		}
		if err == nil || errors.Is(err, ErrNoKey) && !errors.Is(err, ErrUnsure) {
			f.recent.refreshed(account, p.Address, f.now())
		}
	}
	return f.inUse(p)
}

// inUse is the pinned key. One that encrypts no more has ended: that there was none
// is what only one who never had one is said to have.
func (f *Finder) inUse(p Peer) (Found, error) {
	cert, err := pgp.ParseCert(p.Cert)
	if err != nil {
		return Found{}, fmt.Errorf("read pinned key: %w", err)
	}
	found, err := f.usable(cert, p.found())
	if errors.Is(err, ErrNoKey) {
		err = ErrExpired
	}
	return found, err
}

// found warns of changes since the pin was made or confirmed.
func (p Peer) found() Found {
	news := slices.ContainsFunc(p.Changes, func(c Change) bool { return !c.At.Before(p.Pinned) })
	return Found{Source: p.Source, Prefer: p.Prefer, Changed: news}
}

// refresh merges the pinned key with copies of it, and notes other keys.
func (f *Finder) refresh(p *Peer, certs []*pgp.Cert) bool {
	changed := false
	for _, c := range certs {
		if p.merge(c) || usable(c, f.now()) == nil && p.note(c, WKD, f.now()) {
			changed = true
		}
	}
	return changed
}

// pinFirst pins the first usable key, of WKD or of what Autocrypt had offered.
func (f *Finder) pinFirst(ctx context.Context, account string, a mail.Address, certs []*pgp.Cert) (Found, error) {
	p, err := f.change(ctx, account, a, func(p *Peer) bool {
		if !p.Pinned.IsZero() { // meanwhile
			return false
		}
		for _, c := range certs {
			if usable(c, f.now()) == nil {
				p.replace(c, WKD, f.now())
				f.recent.refreshed(account, a, f.now())
				return true
			}
			p.merge(c) // a revocation of what Autocrypt offered
		}
		offered, err := pgp.ParseCert(p.Cert)
		if err != nil || p.Source != Autocrypt || usable(offered, f.now()) != nil {
			return false
		}
		p.Pinned = f.now()
		return true
	})
	if err != nil {
		return Found{}, err
	}
	if p.Pinned.IsZero() {
		return Found{}, ErrNoKey
	}
	return f.inUse(p)
}

// usable adds a certificate that mail may be encrypted to.
func (f *Finder) usable(c *pgp.Cert, found Found) (Found, error) {
	if err := usable(c, f.now()); err != nil {
		return Found{}, err
	}
	found.Cert = c
	return found, nil
}

// usable is nil, ErrRevoked, ErrExpired or ErrNoKey.
func usable(c *pgp.Cert, at time.Time) error {
	err := c.Usable(pgp.Compat, at)
	if errors.Is(err, pgp.ErrNoKey) {
		err = c.Usable(pgp.Modern, at)
	}
	switch {
	case errors.Is(err, pgp.ErrNoKey):
		return ErrNoKey
	case err != nil:
		return err
	}
	if end := c.Expires(); !end.IsZero() && !at.Before(end) {
		return ErrExpired
	}
	return nil
}
