package account

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"sealpost/mail"
	"sealpost/pgp"
)

var (
	// ErrDomain says that an address is not in one of this server's domains.
	ErrDomain = errors.New("not a domain of this server")
	// ErrName says that the account's own name was to be taken away as an alias.
	ErrName = errors.New("an account keeps its name")
	// ErrNotFound says that an account has no such alias or app password.
	ErrNotFound = errors.New("the account has no such entry")
	// ErrTooMany says that an account has as many aliases or app passwords as it may.
	ErrTooMany = errors.New("too many for one account")
	// ErrPolicy says that an EncryptPolicy is none.
	ErrPolicy = errors.New("not a policy: expected when-all-have-keys, require or never")
)

// ErrID says that an account's id is none.
var ErrID = errors.New("not an id: expected 16 hex digits")

// maxAliases bounds what one account's record can grow to.
const maxAliases = 1000

// New is what it takes to open an account.
type New struct {
	Address mail.Address
	Cert    *pgp.Cert
	Profile pgp.Profile
	Level   pgp.Level
	ListKey []byte // or nil
	Quota   int64  // bytes, 0: that of the book
	ID      ID     // chosen by the owner's client, since it binds what it seals to it; empty: a random one
}

// Add opens an account. It fails with ErrTaken, ErrDomain, or what the key
// lacks (pgp.ErrNoKey, pgp.ErrRevoked): an account always has a key to seal to.
func (b *Book) Add(ctx context.Context, n New) (Account, error) {
	if !b.Local(n.Address.Domain) {
		return Account{}, ErrDomain
	}
	if err := n.Cert.Usable(n.Profile, b.now()); err != nil {
		return Account{}, err
	}
	if n.Quota == 0 {
		n.Quota = b.Quota
	}
	if n.ID == "" {
		n.ID = ID(hex.EncodeToString(random(8)))
	}
	if !n.ID.valid() {
		return Account{}, ErrID
	}
	a := Account{
		ID:        n.ID,
		Addresses: []mail.Address{n.Address},
		Cert:      n.Cert.Bytes(),
		Profile:   n.Profile,
		Level:     n.Level,
		ListKey:   n.ListKey,
		Pseudonym: random(32),
		Quota:     n.Quota,
		Created:   b.now(),
		Salt:      random(saltSize),
	}
	b.write.Lock()
	defer b.write.Unlock()
	switch _, err := b.store.Account(ctx, a.ID); {
	case err == nil:
		return Account{}, ErrTaken
	case !errors.Is(err, ErrUnknown):
		return Account{}, fmt.Errorf("add account: %w", err)
	}
	switch err := b.store.Put(ctx, a); {
	case errors.Is(err, ErrConflict): // one of this id was made meanwhile
		return Account{}, ErrTaken
	case err != nil:
		return Account{}, fmt.Errorf("add account: %w", err)
	}
	a.Revision++
	return a, nil
}

// valid says whether an id has the form of one.
func (id ID) valid() bool {
	raw, err := hex.DecodeString(string(id))
	return err == nil && len(raw) == 8 && hex.EncodeToString(raw) == string(id)
}

// random is n bytes nobody can foretell. crypto/rand ends the process rather
// than give anything else, so a machine without entropy opens no account.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// Accounts lists everybody, the oldest first.
func (b *Book) Accounts(ctx context.Context) ([]Account, error) {
	all, err := b.store.Accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	slices.SortStableFunc(all, func(x, y Account) int { return x.Created.Compare(y.Created) })
	return all, nil
}

// Account returns an account by its id, or fails with ErrUnknown.
func (b *Book) Account(ctx context.Context, id ID) (Account, error) {
	return b.store.Account(ctx, id)
}

// Find returns the account that owns exactly this address.
func (b *Book) Find(ctx context.Context, a mail.Address) (Account, error) {
	return b.store.ByAddress(ctx, a.Key())
}

// Remove deletes an account's record and tells who watches it. Its mail is its
// caller's to remove.
func (b *Book) Remove(ctx context.Context, id ID) error {
	b.write.Lock()
	defer b.write.Unlock()
	if err := b.store.Delete(ctx, id); err != nil {
		return fmt.Errorf("remove account %s: %w", id, err)
	}
	b.watched.review(Account{ID: id})
	b.revoked(id)
	return nil
}

// Settings are the parts of an account that may change at any time; nil parts stay.
type Settings struct {
	Profile *pgp.Profile
	Level   *pgp.Level
	Quota   *int64
	Encrypt *EncryptPolicy
	ListKey []byte
	// Operator says whether the account may look after this server.
	Operator *bool
	// Aliases is how many addresses its owner may add; 0: as many as the server lets
	// everybody, under 0: none.
	Aliases *int
	// Files replaces what becomes of large attachments; without Drops that key stays.
	Files *Attachments
}

// Set changes settings. The quota that counts is the index's: its caller sets it there too.
func (b *Book) Set(ctx context.Context, id ID, s Settings) (Account, error) {
	return b.change(ctx, id, func(a *Account) error {
		if s.Profile != nil {
			a.Profile = *s.Profile
		}
		if s.Level != nil {
			a.Level = *s.Level
		}
		if s.Quota != nil {
			a.Quota = *s.Quota
		}
		if s.Encrypt != nil {
			if !s.Encrypt.known() {
				return ErrPolicy
			}
			a.Encrypt = *s.Encrypt
		}
		if s.ListKey != nil {
			a.ListKey = s.ListKey
		}
		if s.Operator != nil {
			a.Operator = *s.Operator
		}
		if s.Aliases != nil {
			a.Aliases = min(*s.Aliases, maxAliases)
		}
		if s.Files != nil {
			if !s.Files.valid() {
				return ErrAttachments
			}
			drops := a.Files.Drops
			if a.Files = *s.Files; a.Files.Drops == nil {
				a.Files.Drops = drops
			}
		}
		return b.usable(*a)
	})
}

// usable refuses a combination of key and profile that no mail can be sealed to.
func (b *Book) usable(a Account) error {
	cert, err := b.cert(a)
	if err != nil {
		return err
	}
	return cert.Usable(a.Profile, b.now())
}

// SetKey replaces the certificate. Mail that is stored stays sealed to the old one.
func (b *Book) SetKey(ctx context.Context, id ID, cert *pgp.Cert) (Account, error) {
	return b.change(ctx, id, func(a *Account) error {
		a.Cert = cert.Bytes()
		return b.usable(*a)
	})
}

// SetCatchAll says whether a domain's unknown addresses come to this account.
func (b *Book) SetCatchAll(ctx context.Context, id ID, domain string, on bool) (Account, error) {
	domain = domainKey(domain)
	return b.change(ctx, id, func(a *Account) error {
		if !b.Local(domain) {
			return ErrDomain
		}
		had := slices.Contains(a.CatchAll, domain)
		switch {
		case on && !had:
			a.CatchAll = append(a.CatchAll, domain)
		case !on && !had:
			return ErrNotFound
		case !on:
			a.CatchAll = slices.DeleteFunc(a.CatchAll, func(d string) bool { return d == domain })
		}
		return nil
	})
}

// change reads an account, edits a copy and writes it back, one at a time. edit may be
// called more than once, and its error ends it.
func (b *Book) change(ctx context.Context, id ID, edit func(*Account) error) (a Account, err error) {
	b.write.Lock()
	defer b.write.Unlock()
	var fewer bool
	if err := Anew(ctx, func() (bool, error) {
		a, fewer, err = b.edited(ctx, id, edit)
		return errors.Is(err, ErrConflict), err
	}); err != nil {
		return Account{}, err
	}
	b.watched.review(a)
	if fewer {
		b.revoked(id)
	}
	return a, nil
}

// edited is one try of change. fewer says that an app password is gone.
func (b *Book) edited(ctx context.Context, id ID, edit func(*Account) error) (a Account, fewer bool, err error) {
	a, err = b.store.Account(ctx, id)
	if err != nil {
		return Account{}, false, fmt.Errorf("read account %s: %w", id, err)
	}
	before := a.Passwords
	// The store may hand out shared slices: an edit works on its own.
	a.Addresses = slices.Clone(a.Addresses)
	a.Former = slices.Clone(a.Former)
	a.CatchAll = slices.Clone(a.CatchAll)
	a.Passwords = slices.Clone(a.Passwords)
	if err := edit(&a); err != nil {
		return Account{}, false, err
	}
	if err := b.store.Put(ctx, a); err != nil {
		return Account{}, false, fmt.Errorf("write account %s: %w", id, err)
	}
	a.Revision++
	fewer = slices.ContainsFunc(before, func(p Password) bool { return !a.has(p.Name, markOf(p)) })
	return a, fewer, nil
}
