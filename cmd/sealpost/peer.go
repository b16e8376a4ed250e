package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

type peerGroup struct {
	List   peerListCommand   `cmd:"" help:"List whose keys an account has, where they came from, and which changed."`
	Accept peerAcceptCommand `cmd:"" help:"Use a key that was found later from now on."`
	Pin    peerPinCommand    `cmd:"" help:"Give an account somebody's key by hand."`
	Forget peerForgetCommand `cmd:"" help:"Forget a pinned key: the next one that is found is pinned."`
}

// peerView is what is told of a correspondent's key.
type peerView struct {
	Address     string       `json:"address"`
	Fingerprint string       `json:"fingerprint"`
	Source      string       `json:"source"`
	Pinned      time.Time    `json:"pinned,omitzero"` // zero: offered by Autocrypt, not used yet
	Expires     time.Time    `json:"expires,omitzero"`
	Prefer      bool         `json:"prefer_encrypt"`
	Changes     []peerChange `json:"changes,omitempty"`
}

type peerChange struct {
	At          time.Time `json:"at"`
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"`
}

func viewPeer(p discover.Peer) peerView {
	v := peerView{Address: p.Address.String(), Source: string(p.Source), Pinned: p.Pinned, Prefer: p.Prefer}
	if cert, err := pgp.ParseCert(p.Cert); err == nil {
		v.Fingerprint, v.Expires = cert.Fingerprint(), cert.Expires()
	}
	for _, c := range p.Changes {
		v.Changes = append(v.Changes, peerChange{c.At, string(c.Source), c.Fingerprint})
	}
	return v
}

// aboutPeer is a wish about one correspondent of one account.
type aboutPeer struct {
	Account, Peer string
	Fingerprint   string
	Key           []byte
}

// pair finds both ends of a wish.
func (o *office) pair(ctx context.Context, w aboutPeer) (a account.Account, peer mail.Address, err error) {
	if a, err = o.find(ctx, w.Account); err != nil {
		return a, peer, err
	}
	if peer, err = mail.ParseAddress(w.Peer); err != nil {
		err = fmt.Errorf("%q is %w", w.Peer, err)
	}
	return a, peer, err
}

// peer tells what is known of a correspondent now.
func (o *office) peer(ctx context.Context, a account.Account, of mail.Address) (peerView, error) {
	p, err := o.peers.Peer(ctx, string(a.ID), of)
	if errors.Is(err, discover.ErrNoKey) {
		return peerView{}, fmt.Errorf("%s has no key of %s", a.Addresses[0], of)
	}
	return viewPeer(p), err
}
