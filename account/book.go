package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/mail"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
)

// certCache is how many parsed certificates a book keeps; a classic one takes
// some 10 KB, so the cache stays under 5 MB.
const certCache = 512

// Book answers who an address belongs to and who may sign in. It keeps parsed
// certificates of the accounts used lately; its methods are safe for concurrent use.
type Book struct {
	// Postmaster is the account name that mail for postmaster@ of a local
	// domain goes to when nobody owns that address; empty: the oldest account
	// (RFC 5321, section 4.5.1 demands that there is somebody). Set before use.
	Postmaster mail.Address
	// Quota is that of a new account of which nobody says one; 0: no limit. Set before use.
	Quota int64
	// Entered, if set before use, is told of every program that signed in: by which of its
	// account's app passwords, at which door (a scope) and from where.
	Entered func(ctx context.Context, e Entrant, door string, host netip.Addr)
	// Bus, if set before use, tells other nodes when something is revoked here (Topic), and
	// this one when it is there. Follow acts on it.
	Bus *notify.Bus

	store   Store
	domains atomic.Pointer[map[string]bool] // keys as mail.Address writes them
	secret  []byte
	now     func() time.Time
	certs   *lru.Cache[certKey, *pgp.Cert]
	logins  *loginCache
	pace    time.Duration // see answerAfter
	watched watched
	stale   notify.Recheck[ID] // watched accounts that may have changed elsewhere
	write   sync.Mutex         // one read-change-write at a time
}

type certKey struct {
	id  ID
	sum [sha256.Size]byte
}

// NewBook makes a book over a store. secret (32 bytes) feeds the false salts
// that unknown users are shown; domains are the ones this server is for.
func NewBook(store Store, domains []string, secret []byte, now func() time.Time) *Book {
	certs, err := lru.New[certKey, *pgp.Cert](certCache)
	if err != nil {
		panic(err) // only for a size below one
	}
	b := &Book{
		store:  store,
		secret: secret,
		now:    now,
		certs:  certs,
		logins: newLoginCache(),
		pace:   answerPace,
	}
	b.SetDomains(domains)
	return b
}

// SetDomains replaces the domains this server is for, at any time. Accounts in one
// that is gone stay, and get no mail.
func (b *Book) SetDomains(domains []string) {
	all := make(map[string]bool, len(domains))
	for _, d := range domains {
		all[domainKey(d)] = true
	}
	b.domains.Store(&all)
}

// Domains are those this server is for, sorted, internationalised ones as U-labels.
func (b *Book) Domains() []string { return slices.Sorted(maps.Keys(*b.domains.Load())) }

// Local says whether the domain is one of this server's.
func (b *Book) Local(domain string) bool {
	all := *b.domains.Load()
	return all[domain] || all[domainKey(domain)]
}

// domainKey writes a domain as mail.Address does, whatever way it was spelt.
func domainKey(domain string) string {
	if a, err := mail.ParseAddress("postmaster@" + domain); err == nil {
		return a.Domain
	}
	return strings.ToLower(domain)
}

// Resolve finds the account an address belongs to: itself, an alias, either
// with +detail, postmaster, or the domain's catch-all, in this order. It fails
// with ErrUnknown.
func (b *Book) Resolve(ctx context.Context, a mail.Address) (Account, error) {
	if !b.Local(a.Domain) {
		return Account{}, ErrUnknown
	}
	found, err := b.store.ByAddress(ctx, a.Key())
	base, _ := a.WithoutDetail()
	if errors.Is(err, ErrUnknown) && base != a {
		found, err = b.store.ByAddress(ctx, base.Key())
	}
	if errors.Is(err, ErrUnknown) && strings.EqualFold(base.Local, "postmaster") {
		found, err = b.postmaster(ctx)
	}
	if errors.Is(err, ErrUnknown) {
		found, err = b.store.ByCatchAll(ctx, a.Domain)
	}
	return found, err
}

// Owns says whether a may write as this address: one that mail to would come to
// a, be it a's own, an alias, either with +detail, a role, or any of a catch-all's
// that is nobody else's.
func (b *Book) Owns(ctx context.Context, a Account, from mail.Address) (bool, error) {
	owner, err := b.Resolve(ctx, from)
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil && owner.ID == a.ID, err
}

// postmaster is the configured account or, failing that, the oldest.
func (b *Book) postmaster(ctx context.Context) (Account, error) {
	if b.Postmaster != (mail.Address{}) {
		a, err := b.store.ByAddress(ctx, b.Postmaster.Key())
		if !errors.Is(err, ErrUnknown) {
			return a, err
		}
	}
	all, err := b.store.Accounts(ctx)
	if err != nil {
		return Account{}, fmt.Errorf("find postmaster: %w", err)
	}
	if len(all) == 0 {
		return Account{}, ErrUnknown
	}
	oldest := all[0]
	for _, a := range all[1:] {
		if a.Created.Before(oldest.Created) {
			oldest = a
		}
	}
	return oldest, nil
}

// Recipient is what sealing to a needs. It fails with pgp.ErrNoKey or
// pgp.ErrRevoked when a's key cannot be sealed to.
func (b *Book) Recipient(ctx context.Context, a Account) (pgp.Recipient, error) {
	cert, err := b.cert(a)
	if err != nil {
		return pgp.Recipient{}, fmt.Errorf("read key of account %s: %w", a.ID, err)
	}
	if err := cert.Usable(a.Profile, b.now()); err != nil {
		return pgp.Recipient{}, fmt.Errorf("use key of account %s: %w", a.ID, err)
	}
	return pgp.Recipient{
		Cert:      cert,
		Profile:   a.Profile,
		Level:     a.Level,
		ListKey:   a.ListKey,
		Pseudonym: a.Pseudonym,
	}, nil
}

// cert parses a's certificate, or remembers having done so. The sum in the
// cache's key makes a changed certificate a new one.
func (b *Book) cert(a Account) (*pgp.Cert, error) {
	key := certKey{a.ID, sha256.Sum256(a.Cert)}
	if c, ok := b.certs.Get(key); ok {
		return c, nil
	}
	c, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return nil, err
	}
	b.certs.Add(key, c)
	return c, nil
}
