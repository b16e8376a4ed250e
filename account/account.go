// Package account holds people: their addresses, their public keys and their
// app passwords.
//
// It never knows a private key, a mail or a mailbox. No function here yields a
// key from a password or resets one into the other.
//
// Invariants: an address belongs to at most one account; an account always has
// a certificate; an app password is stored only as its SCRAM keys.
package account

import (
	"context"
	"errors"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// ID names an account for ever: random, 16 hex digits.
type ID string

var (
	ErrUnknown = errors.New("no such account")
	ErrTaken   = errors.New("address is taken")
	ErrLogin   = errors.New("user name or password is wrong")
	// ErrConflict says that an account was changed by somebody else meanwhile.
	ErrConflict = errors.New("account was changed meanwhile")
)

// Account is one person (or role) and how their mail is sealed.
type Account struct {
	ID        ID
	Revision  uint64         // how often it was stored; it grows by one with each Put
	Addresses []mail.Address // the first is the account's name, the others are aliases
	Former    []mail.Address // aliases that it gave up, and that nobody else gets
	CatchAll  []string       // domains whose unknown addresses come here
	Cert      []byte         // binary OpenPGP certificate
	Profile   pgp.Profile
	Level     pgp.Level
	Encrypt   EncryptPolicy
	ListKey   []byte // X25519 public key for cards, or nil
	Pseudonym []byte // HMAC key for pgp.Minimal
	Quota     int64  // bytes, 0: no limit
	Created   time.Time
	Operator  bool // may look after this server by the API
	Aliases   int  // see MayHave
	Files     Attachments
	Salt      []byte // SCRAM salt, one for all app passwords of the account
	Passwords []Password
}

// Password is one app password: what SCRAM-SHA-256 keeps of it (RFC 5802, section 3).
type Password struct {
	Name      string
	StoredKey []byte
	ServerKey []byte
	Created   time.Time
	Used      time.Time // to the day; zero: never
	FileSent  bool      // the server files the Sent copy of what is submitted with it
	Limit     int       // recipients an hour; 0: the server's
	Scopes    []string  // doors it opens; empty: ScopeIMAP and ScopeSMTP
}

// EncryptPolicy says when mail that was submitted readable leaves encrypted.
// Empty is EncryptWhenKeys.
type EncryptPolicy string

const (
	EncryptWhenKeys EncryptPolicy = "when-all-have-keys"
	EncryptRequire  EncryptPolicy = "require" // or it does not leave
	EncryptNever    EncryptPolicy = "never"
)

func (p EncryptPolicy) known() bool {
	return p == "" || p == EncryptWhenKeys || p == EncryptRequire || p == EncryptNever
}

// Store is what the book asks of a database, which several processes may share. Each call
// is atomic, and durable when it returns. Put fails with ErrConflict unless the account that
// is stored has a's revision (0: none is), so that nobody undoes what somebody else did since
// a was read, with ErrTaken when an address or catch-all is another account's, and with
// ErrFormer when an address was: one that it gave up (Former), or that had it when it
// was deleted.
type Store interface {
	Account(ctx context.Context, id ID) (Account, error)
	ByAddress(ctx context.Context, key string) (Account, error) // mail.Address.Key
	ByCatchAll(ctx context.Context, domain string) (Account, error)
	Accounts(ctx context.Context) ([]Account, error)
	Put(ctx context.Context, a Account) error
	Delete(ctx context.Context, id ID) error
	// Former is whose an address was that is nobody's now, or fails with ErrUnknown. Free
	// forgets it of an account that is gone; it is no error if there is nothing.
	Former(ctx context.Context, key string) (ID, error)
	Free(ctx context.Context, key string) error
}
