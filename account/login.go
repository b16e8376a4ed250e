package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/mail"
)

const (
	// answerPace is the tick on which refusals leave, so that what a look-up
	// cost does not show in when the answer comes.
	answerPace = 10 * time.Millisecond

	loginCacheSize = 4096
	maxSecret      = 1024 // bytes of a user name or password that are looked at
)

// Entrant is who signed in: an account, by one of its app passwords.
type Entrant struct {
	Account
	Password string // its name
}

// Login checks user name and app password, in the same time and with the same
// ErrLogin whichever was wrong. The user name is the account's first address:
// aliases do not sign in, for SCRAM would have to show them the account's own
// salt and so tell anybody which addresses are one person.
func (b *Book) Login(ctx context.Context, user, password string) (Entrant, error) {
	return b.login(ctx, "", user, password)
}

// login is Login with the passwords that open one door.
func (b *Book) login(ctx context.Context, scope, user, password string) (Entrant, error) {
	start := time.Now()
	c, err := b.candidate(ctx, scope, user)
	if err != nil {
		return Entrant{}, err
	}
	password = canonical(password[:min(len(password), maxSecret)])
	stored, fresh := b.logins.get(user, password)
	p, ok := c.match(stored)
	if fresh || !ok {
		stored, _ = scramKeys(salted(password, c.salt))
		p, ok = c.match(stored)
	}
	if !ok {
		return Entrant{}, b.refuse(ctx, start)
	}
	b.logins.put(user, password, stored)
	b.markUsed(ctx, c.account, p)
	return Entrant{c.account, p.Name}, nil
}

// refuse waits for the tick and says the one thing there is to say.
func (b *Book) refuse(ctx context.Context, start time.Time) error {
	answerAfter(ctx, start, b.pace)
	return ErrLogin
}

// answerAfter returns when a whole number of ticks has passed since start.
func answerAfter(ctx context.Context, start time.Time, pace time.Duration) {
	if pace <= 0 {
		return
	}
	passed := time.Since(start)
	t := time.NewTimer(passed.Truncate(pace) + pace - passed)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// OnTick waits until a whole number of ticks has passed since start: a refusal that
// leaves then does not tell what was looked up for it.
func OnTick(ctx context.Context, start time.Time) { answerAfter(ctx, start, answerPace) }

// A candidate is who a user name may stand for: an account or, for a name that
// is nobody's, a stand-in that no password opens. Both hold maxPasswords keys,
// so checking them is the same work.
type candidate struct {
	account   Account
	salt      []byte
	passwords [maxPasswords]Password
	real      int // how many of them are the account's
}

// candidate gathers the passwords of scope; those of others are as if they were not.
func (b *Book) candidate(ctx context.Context, scope, user string) (candidate, error) {
	var c candidate
	name := user[:min(len(user), maxSecret)]
	a, err := b.byName(ctx, &name)
	switch {
	case errors.Is(err, ErrUnknown):
		c.salt = b.falseSalt(name)
	case err != nil:
		return c, fmt.Errorf("look up user: %w", err)
	default:
		c.account, c.salt = a, a.Salt
		for _, p := range a.Passwords {
			if p.opens(scope) && c.real < maxPasswords {
				c.passwords[c.real] = p
				c.real++
			}
		}
	}
	decoy := keyed(b.secret, "decoy:"+name)
	for i := c.real; i < maxPasswords; i++ {
		c.passwords[i] = Password{StoredKey: decoy, ServerKey: decoy}
	}
	return c, nil
}

// byName finds the account whose name this is, and folds name as addresses are
// compared, so that a stranger's salt is the same however it is spelt.
func (b *Book) byName(ctx context.Context, name *string) (Account, error) {
	addr, err := mail.ParseAddress(*name)
	if err != nil {
		return Account{}, ErrUnknown
	}
	*name = addr.Key()
	a, err := b.store.ByAddress(ctx, *name)
	if err != nil {
		return Account{}, err
	}
	if len(a.Addresses) == 0 || a.Addresses[0].Key() != *name {
		return Account{}, ErrUnknown
	}
	return a, nil
}

// falseSalt is the salt of somebody who does not exist: always the same one,
// and nobody without the secret can tell it from a true one.
func (b *Book) falseSalt(name string) []byte {
	return keyed(b.secret, "salt:"+name)[:saltSize]
}

// match finds the app password with this stored key, looking at all of them.
func (c *candidate) match(stored []byte) (Password, bool) {
	at := -1
	for i := range c.passwords {
		same := subtle.ConstantTimeCompare(c.passwords[i].StoredKey, stored)
		own := subtle.ConstantTimeLessOrEq(i+1, c.real)
		at = subtle.ConstantTimeSelect(same&own, i, at)
	}
	if at < 0 {
		return Password{}, false
	}
	return c.passwords[at], true
}

// loginCache remembers the stored key of passwords that were right lately, so
// that a client which signs in every minute does not cost a millisecond each
// time. It holds no password, and what it says counts only while the account
// still has that key: a revoked password is refused at once.
type loginCache struct {
	key  []byte // random, of this process only
	seen *lru.Cache[[sha256.Size]byte, []byte]
}

func newLoginCache() *loginCache {
	seen, err := lru.New[[sha256.Size]byte, []byte](loginCacheSize)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &loginCache{key: random(32), seen: seen}
}

// get returns the remembered stored key; fresh says that there is none.
func (l *loginCache) get(user, password string) (stored []byte, fresh bool) {
	stored, ok := l.seen.Get(l.id(user, password))
	return stored, !ok
}

func (l *loginCache) put(user, password string, stored []byte) {
	l.seen.Add(l.id(user, password), stored)
}

func (l *loginCache) id(user, password string) (id [sha256.Size]byte) {
	h := hmac.New(sha256.New, l.key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(user))))
	h.Write([]byte(user))
	h.Write([]byte(password))
	h.Sum(id[:0])
	return id
}
