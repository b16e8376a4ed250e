// Package signin is how a person signs in by browser: what proves who they are, their
// sessions and second factors, new devices that ask to be let in, invitations, and
// the keyring of containers that only their clients can open.
//
// It never knows a passphrase, the words of a kit or a key: of what proves who
// somebody is it keeps a hash, and the keyring is octets to it.
//
// Invariants: an address that has no sign-in here is answered with the same forms,
// after the same time, as one that has, and aliases do not sign in; a session lives
// only while its row does, and its half of a device's key goes with it; a code and an
// invitation serve once; no change of one thing about an account undoes another that
// was made meanwhile; what names a device or opens anything is sealed under the node
// key, and the keyring, whose loss would cost mail, does not depend on it.
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sealpost/account"
	"sealpost/account/limit"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore/notify"
)

var (
	// ErrNone says that an account has no sign-in, or a store no such row.
	ErrNone = errors.New("no such sign-in")
	// ErrConflict says that something was changed by somebody else meanwhile.
	ErrConflict = errors.New("changed meanwhile")
	// ErrSignIn says that the address or what proves it is wrong.
	ErrSignIn = fmt.Errorf("wrong sign-in: %w", account.ErrLogin)
	// ErrOver says that a session is none, or ended.
	ErrOver = errors.New("the session is over")
	// ErrNotFound says that an account has no session, request or passkey of that id.
	ErrNotFound = errors.New("the account has no such thing")
	// ErrWeak says that the parameters of a key derivation are below what is safe.
	ErrWeak = errors.New("too weak: expected argon2id with 65536 to 262144 KiB, 3 to 10 iterations and 1 to 4 lanes")
	// ErrProof says that a session alone may not do this.
	ErrProof = errors.New("a proof of the passphrase, of the kit or of a passkey is needed")
	// ErrForm says that something has not the form it must have.
	ErrForm = errors.New("not well formed")
	// ErrTooMany says that there are as many as there may be.
	ErrTooMany = errors.New("as many as there may be")
)

// KDF are the parameters by which a client makes keys of a passphrase.
type KDF struct {
	Name       string `json:"name"`
	Memory     int    `json:"memory"` // KiB
	Iterations int    `json:"iterations"`
	Lanes      int    `json:"lanes"`
}

// DefaultKDF is what our own clients use, and what strangers are told.
var defaultKDF = KDF{"argon2id", 64 << 10, 3, 1}

// check refuses what a hostile page might want a client to use, and what would take a
// phone's memory.
func (k KDF) check() error {
	if k.Name != "argon2id" || k.Memory < 64<<10 || k.Memory > 256<<10 || k.Iterations < 3 || k.Iterations > 10 || k.Lanes < 1 || k.Lanes > 4 {
		return ErrWeak
	}
	return nil
}

// Keyring is what an owner's clients keep here and only they can open.
type Keyring struct {
	Version    uint64
	Salt       []byte
	KDF        KDF
	Containers map[string][]byte
}

// Token is the SHA-256 of a secret by which a record is found.
type Token [sha256.Size]byte

// TokenOf hashes a secret of 256 random bits.
func TokenOf(secret []byte) Token { return sha256.Sum256(secret) }

// A Record is what is stored of one account's sign-in.
type Record struct {
	Account  account.ID
	Revision uint64  // grows by one with each Put, from 1
	Tokens   []Token // of its sessions
	Keys     []byte  // hashes of proofs, and the keyring: a JSON object
	Sealed   []byte  // sessions, factors, history: JSON under the node key
}

// An Invited is what is stored of one invitation.
type Invited struct {
	Token   Token
	Expires time.Time
	Sealed  []byte
}

// Store is what this room asks of a database. Every call is atomic, and durable when
// it returns.
type Store interface {
	// Record and ByToken fail with ErrNone.
	Record(ctx context.Context, id account.ID) (Record, error)
	ByToken(ctx context.Context, t Token) (Record, error)
	Records(ctx context.Context) ([]account.ID, error)
	// Put fails with ErrConflict unless r.Revision is one more than that of what is
	// stored, or 1 and nothing is. A token is of one record only.
	Put(ctx context.Context, r Record) error
	// Delete forgets a record and its tokens; it is no error if there is none.
	Delete(ctx context.Context, id account.ID) error
	// Invite stores an invitation, Invitation reads it, and Uninvite removes it: both
	// fail with ErrNone, so of two who take it one does.
	Invite(ctx context.Context, i Invited) error
	Invitation(ctx context.Context, t Token) (Invited, error)
	Uninvite(ctx context.Context, t Token) error
	Invitations(ctx context.Context) ([]Invited, error)
}

// Desk is where people sign in. Its fields are set once, before use; its methods are
// safe for concurrent use.
type Desk struct {
	Store    Store
	Book     *account.Book
	Throttle *account.Throttle // nil: nobody is slowed down
	Limits   *limit.Ledger     // where other nodes hear of guesses; nil: there are none
	Key      *nodekey.Key
	Secret   []byte // feeds the false salts that strangers are shown, and challenges
	// Welcome makes the mailboxes of a new account.
	Welcome func(ctx context.Context, a account.Account) error
	Log     *slog.Logger
	Now     func() time.Time
	Opened  func() // of a test, that counts the records that are opened
	// Bus, if there is one, tells other nodes when a session ends here (account.Topic), and
	// this one when one ended there. Follow acts on it.
	Bus *notify.Bus

	begin    sync.Once
	nobody   Record // what is opened for an address that has no sign-in
	codes    *codes
	failed   *failed
	noted    *noted
	watching watching
	stale    notify.Recheck[account.ID] // watched accounts whose sessions may have ended elsewhere
	joining  sync.Mutex                 // one at a time: an invitation and an address are looked at, then taken
	newcomer *account.Throttle
}

// start makes what lives in memory only.
func (d *Desk) start() {
	d.begin.Do(func() {
		d.codes, d.failed, d.noted = newCodes(d.Limits, d.Now), newFailed(), newNoted()
		d.newcomer = account.SharedThrottle(joinPaces, d.Now, d.Limits, "join")
		d.nobody = d.stranger()
	})
}

// find is the account whose name an address is: its first one. Others do not sign in,
// as everywhere here.
func (d *Desk) find(ctx context.Context, address string) (account.Account, string, error) {
	if len(address) > maxAddress {
		return account.Account{}, "", account.ErrUnknown
	}
	addr, err := mail.ParseAddress(address)
	if err != nil { // no account tells by its time that this is no address
		return account.Account{}, strings.ToLower(address), account.ErrUnknown
	}
	a, err := d.Book.Find(ctx, addr)
	if err == nil && (len(a.Addresses) == 0 || a.Addresses[0].Key() != addr.Key()) {
		err = account.ErrUnknown
	}
	return a, addr.Key(), err
}

const (
	maxAddress = 1024
	maxDevice  = 64
	proofSize  = 32
	saltSize   = 16
)

// device is what somebody calls a browser, without what could play tricks.
func device(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, s)
	for utf8.RuneCountInString(s) > maxDevice {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// random is n bytes that nobody can foretell.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func newID() string { return hex.EncodeToString(random(8)) }

func encodeSecret(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decodeSecret reads a cookie or token of 256 bits.
func decodeSecret(s string) ([]byte, bool) {
	if len(s) != base64.RawURLEncoding.EncodedLen(32) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}

func keyed(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return h.Sum(nil)
}
