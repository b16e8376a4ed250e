// Package discover finds other people's OpenPGP keys and remembers them: WKD
// (draft-koch-openpgp-webkey-service), Autocrypt (autocrypt.org, level 1), and pins.
//
// It never holds a private key, and never says that a key is verified: only where
// it was found.
//
// Invariants: a pinned key is replaced by nothing but its owner's hand or its
// user's; every fetch is bounded in size, time and redirects, and reaches no private
// address; a key counts for an address only if one of its user ids says so.
package discover

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// ErrNoKey says that nobody has a usable key for an address.
var ErrNoKey = errors.New("no key found")

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
	Cert        []byte // pinned
	Source      Source
	Pinned      time.Time
	Prefer      bool      // Autocrypt prefer-encrypt=mutual
	AutocryptAt time.Time // newest Autocrypt header's Date
	SeenAt      time.Time // newest mail seen
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
type Peers interface {
	Peer(ctx context.Context, account string, a mail.Address) (Peer, error) // ErrNoKey
	PutPeer(ctx context.Context, account string, p Peer) error
	DeletePeer(ctx context.Context, account string, a mail.Address) error
	Peers(ctx context.Context, account string) ([]Peer, error)
	ForgetPeers(ctx context.Context, account string) error
}

// Finder finds keys. Its fields are set once, before use.
type Finder struct {
	Peers Peers
	HTTP  *http.Client // see NewHTTP
	// Own returns the certificate of a person of this server, or ErrNoKey.
	Own func(ctx context.Context, a mail.Address) (*pgp.Cert, error)
	Log *slog.Logger
	Now func() time.Time
}

// Found is a key and where it came from.
type Found struct {
	Cert    *pgp.Cert
	Source  Source
	Prefer  bool
	Changed bool // a different key was offered later: its user should look
}

// Find looks for a's key on behalf of an account: own people, pins, WKD (advanced,
// then direct), Autocrypt; what it finds first it pins. It fails with ErrNoKey, or
// with another error when it cannot tell now.
func (f *Finder) Find(ctx context.Context, account string, a mail.Address) (Found, error) {
	return Found{}, errNotBuilt
}

// Learn takes the Autocrypt header of a mail whose From is proved (DMARC pass).
func (f *Finder) Learn(ctx context.Context, account string, from mail.Address, h mail.Header, date time.Time) error {
	return errNotBuilt
}

// Hash is the WKD name of a local part: z-base-32 of SHA-1 of its lower case.
func Hash(local string) string { return "" }

// Header is the Autocrypt header field of an account, CRLF and folds included, with
// the minimal key it asks for.
func Header(a mail.Address, cert *pgp.Cert, mutual bool) (string, error) { return "", errNotBuilt }

// NewHTTP is a client that reaches no private, loopback or link-local address
// (unless allow says so, for tests), follows no redirect to another host, and is
// bounded in time.
func NewHTTP(allow func(ip string) bool) *http.Client { return nil }

var errNotBuilt = errors.New("discover: not built yet")
