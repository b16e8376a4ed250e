package account

import (
	"context"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// Book answers who an address belongs to and who may sign in. It keeps parsed
// certificates of the accounts used lately; its methods are safe for concurrent use.
type Book struct{}

// NewBook makes a book over a store. secret (32 bytes) feeds the false salts
// that unknown users are shown; domains are the ones this server is for.
func NewBook(store Store, domains []string, secret []byte, now func() time.Time) *Book {
	return &Book{}
}

// Resolve finds the account an address belongs to: itself, an alias, either
// with +detail, or the domain's catch-all. It fails with ErrUnknown.
func (b *Book) Resolve(ctx context.Context, a mail.Address) (Account, error) {
	return Account{}, ErrUnknown
}

// Local says whether the domain is one of this server's.
func (b *Book) Local(domain string) bool { return false }

// Recipient is what sealing to a needs. It fails with pgp.ErrNoKey or
// pgp.ErrRevoked when a's key cannot be sealed to.
func (b *Book) Recipient(ctx context.Context, a Account) (pgp.Recipient, error) {
	return pgp.Recipient{}, pgp.ErrNoKey
}

// Login checks user name (an address of the account) and app password, in the
// same time and with the same ErrLogin whichever was wrong.
func (b *Book) Login(ctx context.Context, user, password string) (Account, error) {
	return Account{}, ErrLogin
}

// ScramStep is one server-side SCRAM-SHA-256 exchange. done ends it with the
// account; a wrong user runs to the same end as a wrong password.
type ScramStep func(ctx context.Context, response []byte) (challenge []byte, done bool, a Account, err error)

// Scram starts an exchange (RFC 5802, RFC 7677).
func (b *Book) Scram() ScramStep { return nil }
