package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

const (
	maxChanges = 10
	maxCert    = 64 << 10 // bytes of one that is kept
)

// ErrNoChange says that no such key was found after the pinned one.
var ErrNoChange = errors.New("no such key was offered")

// List is whom an account knows, pinned or not.
func (f *Finder) List(ctx context.Context, account string) ([]Peer, error) {
	list, err := f.Peers.Peers(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("list peers: %w", err)
	}
	return list, nil
}

// Pin sets a key by its user's hand, whatever its user ids say. It fails with
// ErrNoKey, ErrRevoked or ErrExpired for one that cannot be used.
func (f *Finder) Pin(ctx context.Context, account string, a mail.Address, cert *pgp.Cert) error {
	if err := usable(cert, f.now()); err != nil {
		return err
	}
	if n := len(cert.Bytes()); n > maxCert {
		return fmt.Errorf("certificate is larger than %d bytes", maxCert)
	}
	_, err := f.change(ctx, account, a, func(p *Peer) bool {
		p.replace(cert, Manual, f.now())
		return true
	})
	return err
}

// Accept pins a key that was found later, by its fingerprint, and forgets the other
// ones that were. With the pinned key's own fingerprint it keeps that one, and what
// was found so far gives no warning any more. It fails with ErrNoChange.
func (f *Finder) Accept(ctx context.Context, account string, a mail.Address, fingerprint string) error {
	fault := ErrNoChange
	_, err := f.change(ctx, account, a, func(p *Peer) bool {
		if cert, err := pgp.ParseCert(p.Cert); err == nil && cert.Fingerprint() == fingerprint && !p.Pinned.IsZero() {
			p.Pinned, fault = f.now(), nil
			return true
		}
		for _, c := range p.Changes {
			if c.Fingerprint != fingerprint {
				continue
			}
			cert, err := pgp.ParseCert(c.Cert)
			if err != nil {
				fault = fmt.Errorf("read changed key: %w", err)
				return false
			}
			p.replace(cert, c.Source, f.now())
			fault = nil
			return true
		}
		return false
	})
	return errors.Join(err, fault)
}

// Forget drops all that an account knows of an address.
func (f *Finder) Forget(ctx context.Context, account string, a mail.Address) error {
	unlock := f.recent.lock(account, a)
	defer unlock()
	f.recent.forget(account, a)
	if err := f.Peers.DeletePeer(ctx, account, a); err != nil {
		return fmt.Errorf("forget peer: %w", err)
	}
	return nil
}

// change reads a peer, has it changed and writes it, one after the other for each
// address. edit says whether it changed anything.
func (f *Finder) change(ctx context.Context, account string, a mail.Address, edit func(*Peer) bool) (Peer, error) {
	unlock := f.recent.lock(account, a)
	defer unlock()
	p, err := f.Peers.Peer(ctx, account, a)
	switch {
	case errors.Is(err, ErrNoKey):
		p = Peer{Address: a}
	case err != nil:
		return Peer{}, fmt.Errorf("find peer: %w", err)
	}
	if !edit(&p) {
		return p, nil
	}
	if err := f.Peers.PutPeer(ctx, account, p); err != nil {
		return Peer{}, fmt.Errorf("keep peer: %w", err)
	}
	return p, nil
}

// replace pins another key.
func (p *Peer) replace(c *pgp.Cert, s Source, at time.Time) {
	p.Cert, p.Source, p.Pinned, p.Changes = c.Bytes(), s, at, nil
}

// merge brings the pinned key up to date, and says whether that changed it.
func (p *Peer) merge(c *pgp.Cert) bool {
	have, err := pgp.ParseCert(p.Cert)
	if err != nil || have.Fingerprint() != c.Fingerprint() {
		return false
	}
	merged, err := have.Merge(c)
	if err != nil || len(merged.Bytes()) > maxCert || bytes.Equal(merged.Bytes(), p.Cert) {
		return false
	}
	p.Cert = merged.Bytes()
	return true
}

// note keeps a key that differs from the pinned one for its user to look at, and
// says whether it is news. The oldest notes give way.
func (p *Peer) note(c *pgp.Cert, s Source, at time.Time) bool {
	if have, err := pgp.ParseCert(p.Cert); err == nil && have.Fingerprint() == c.Fingerprint() {
		return false
	}
	known := slices.ContainsFunc(p.Changes, func(o Change) bool { return o.Fingerprint == c.Fingerprint() })
	if known || len(c.Bytes()) > maxCert {
		return false
	}
	p.Changes = append(p.Changes, Change{At: at, Source: s, Fingerprint: c.Fingerprint(), Cert: c.Bytes()})
	p.Changes = p.Changes[max(0, len(p.Changes)-maxChanges):]
	return true
}
