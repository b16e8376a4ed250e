// Package discover finds other people's OpenPGP keys and remembers them: WKD
// (draft-koch-openpgp-webkey-service), Autocrypt (autocrypt.org, level 1), and pins.
//
// It never holds a private key, and never says that a key is verified: only where
// it was found.
//
// Invariants: a pinned key is replaced by nothing but its user's hand, and brought
// up to date by nothing but its owner's signatures; every fetch is bounded in size,
// time and redirects, and reaches no private address; a key counts for an address
// only if one of its user ids says so, or a mail that was proved to come from there.
package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

var (
	// ErrNoKey says that nobody has a usable key for an address.
	ErrNoKey = errors.New("no key found")
	// ErrUnsure is the ErrNoKey of a domain whose web server did not answer. Most
	// such domains publish no keys; but it may be our own way to it that is shut.
	ErrUnsure = fmt.Errorf("%w: the server that may publish it did not answer", ErrNoKey)
	// ErrRevoked says that the key that was used so far is revoked. It is pgp's own.
	ErrRevoked = pgp.ErrRevoked
	// ErrExpired says that the key that was used so far has expired, and that its
	// owner has published no longer life for it.
	ErrExpired = errors.New("encryption key has expired")
)

// Source says where a key came from.
type Source string

const (
	Local     Source = "local" // an account of this server
	WKD       Source = "wkd"
	Autocrypt Source = "autocrypt"
	Manual    Source = "manual" // its user gave it
)

// Peer is what one account knows of one address.
type Peer struct {
	Address     mail.Address
	Cert        []byte // pinned, or, while Pinned is zero, what Autocrypt offered last
	Source      Source
	Pinned      time.Time // or confirmed
	Prefer      bool      // Autocrypt prefer-encrypt=mutual
	AutocryptAt time.Time // newest Autocrypt header's Date
	SeenAt      time.Time // newest mail seen, to a day
	Changes     []Change  // what was found later and differs, newest last, at most 10
}

// Change is a key that was found after another one had been pinned.
type Change struct {
	At          time.Time
	Source      Source
	Fingerprint string
	Cert        []byte
}

// Peers is the database of pins; storage/bolt has one, sealed under the node key.
// Addresses are the same when their Keys are. What is not there is deleted without
// an error. Peers come in the order of their addresses' Keys.
type Peers interface {
	Peer(ctx context.Context, account string, a mail.Address) (Peer, error) // ErrNoKey
	PutPeer(ctx context.Context, account string, p Peer) error
	DeletePeer(ctx context.Context, account string, a mail.Address) error
	Peers(ctx context.Context, account string) ([]Peer, error)
	ForgetPeers(ctx context.Context, account string) error
}

// Finder finds keys. Its fields are set once, before use; it is safe for concurrent
// use and must not be copied.
type Finder struct {
	Peers Peers
	HTTP  *http.Client // see NewHTTP; nil: no WKD
	// Own returns the certificate of a person of this server, or ErrNoKey.
	Own func(ctx context.Context, a mail.Address) (*pgp.Cert, error)
	Log *slog.Logger     // nil: none
	Now func() time.Time // nil: time.Now

	recent recent
}

// Found is a key and where it came from.
type Found struct {
	Cert    *pgp.Cert
	Source  Source
	Prefer  bool
	Changed bool // a different key was offered later: its user should look
}

func (f *Finder) now() time.Time {
	if f.Now == nil {
		return time.Now()
	}
	return f.Now()
}

func (f *Finder) log() *slog.Logger {
	if f.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return f.Log
}
