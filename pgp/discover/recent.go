package discover

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/mail"
)

const (
	maxRecent    = 10_000
	absentFor    = time.Hour      // how long an answer of "no key" is believed
	refreshAfter = 24 * time.Hour // how long a pinned key is used without asking again
	perHost      = 2              // lookups of one domain at a time
	perAccount   = 8              // and of one account: servers that hang are cheap to have
	everywhere   = 32             // lookups at a time
	locks        = 64
)

// recent is what a Finder remembers in memory, bounded, and its locks.
type recent struct {
	once    sync.Once
	seed    maphash.Seed
	absent  *lru.Cache[string, time.Time] // address or "@domain": when WKD had nothing
	asked   *lru.Cache[string, time.Time] // address: when its pin was refreshed
	counted *lru.Cache[string, count]     // by account
	locks   [locks]sync.Mutex
	mu      sync.Mutex
	bounds  map[string]*bound // by "@domain" and by account
	slots   chan struct{}
}

// bound is that of the lookups of one domain or account; it lives while there are any.
type bound struct {
	slots chan struct{}
	users int
}

func (r *recent) start() {
	r.once.Do(func() {
		r.seed = maphash.MakeSeed()
		r.absent, _ = lru.New[string, time.Time](maxRecent) // fails for a size of 0 only
		r.asked, _ = lru.New[string, time.Time](maxRecent)
		r.counted, _ = lru.New[string, count](maxRecent)
		r.bounds = map[string]*bound{}
		r.slots = make(chan struct{}, everywhere)
	})
}

// lock makes changes of one peer wait for each other, and now and then those of
// others.
func (r *recent) lock(account string, a mail.Address) (unlock func()) {
	r.start()
	m := &r.locks[maphash.String(r.seed, account+"\x00"+a.Key())%locks]
	m.Lock()
	return m.Unlock
}

// due says that a pin should be refreshed, and takes note that it is.
func (r *recent) due(a mail.Address, now time.Time) bool {
	r.start()
	at, ok := r.asked.Get(a.Key())
	if ok && now.Sub(at) < refreshAfter {
		return false
	}
	r.asked.Add(a.Key(), now)
	return true
}

// isAbsent says that WKD had no key for an address lately, or that its domain's
// server could not be reached or gave nonsense.
func (r *recent) isAbsent(a mail.Address, now time.Time) bool {
	r.start()
	for _, key := range []string{a.Key(), "@" + a.Domain} {
		if at, ok := r.absent.Get(key); ok && now.Sub(at) < absentFor {
			return true
		}
	}
	return false
}

func (r *recent) setAbsent(a mail.Address, now time.Time) { r.absent.Add(a.Key(), now) }

func (r *recent) setUnreachable(domain string, now time.Time) { r.absent.Add("@"+domain, now) }

func (r *recent) forget(a mail.Address) {
	r.absent.Remove(a.Key())
	r.absent.Remove("@" + a.Domain)
	r.asked.Remove(a.Key())
}

// enter waits for a place among the lookups of an account, of a domain, and of all.
func (r *recent) enter(ctx context.Context, account, domain string) (leave func(), err error) {
	r.start()
	mine, doneMine := r.bound("account "+account, perAccount)
	theirs, doneTheirs := r.bound("@"+domain, perHost)
	taken := []chan struct{}{}
	leave = func() {
		for _, slots := range taken {
			<-slots
		}
		doneMine()
		doneTheirs()
	}
	for _, slots := range []chan struct{}{mine, theirs, r.slots} {
		select {
		case slots <- struct{}{}:
			taken = append(taken, slots)
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// bound finds or makes a bound, until done.
func (r *recent) bound(name string, most int) (slots chan struct{}, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bounds[name]
	if b == nil {
		b = &bound{slots: make(chan struct{}, most)}
		r.bounds[name] = b
	}
	b.users++
	return b.slots, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if b.users--; b.users == 0 {
			delete(r.bounds, name)
		}
	}
}
