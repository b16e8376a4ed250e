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
	absentFor    = time.Hour       // how long an answer of "no key" is believed
	silentFor    = 5 * time.Minute // and that nobody answers, which may be our own network's fault
	refreshAfter = 24 * time.Hour  // how long a pinned key is used without asking again
	perHost      = 2               // lookups of one domain at a time
	perAccount   = 8               // and of one account: servers that hang are cheap to have
	everywhere   = 32              // lookups at a time
	locks        = 64
)

// recent is what a Finder remembers in memory, bounded, and its locks.
type recent struct {
	once    sync.Once
	seed    maphash.Seed
	absent  *lru.Cache[string, absence]   // by address or "@domain"
	asked   *lru.Cache[string, time.Time] // by pin: when it is to be refreshed
	counted *lru.Cache[string, count]     // by account
	locks   [locks]sync.Mutex
	mu      sync.Mutex
	bounds  map[string]*bound // by "@domain" and by account
	slots   chan struct{}
}

// absence is why WKD has no key, and until when that is believed.
type absence struct {
	why   error
	until time.Time
}

// bound is that of the lookups of one domain or account; it lives while there are any.
type bound struct {
	slots chan struct{}
	users int
}

func (r *recent) start() {
	r.once.Do(func() {
		r.seed = maphash.MakeSeed()
		r.absent, _ = lru.New[string, absence](maxRecent) // fails for a size of 0 only
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
	m := &r.locks[maphash.String(r.seed, pinOf(account, a))%locks]
	m.Lock()
	return m.Unlock
}

func pinOf(account string, a mail.Address) string { return account + "\x00" + a.Key() }

// due says that a pin should be refreshed now: about once a day, and a little later
// when that fails.
func (r *recent) due(account string, a mail.Address, now time.Time) bool {
	r.start()
	if at, ok := r.asked.Get(pinOf(account, a)); ok && now.Before(at) {
		return false
	}
	r.asked.Add(pinOf(account, a), now.Add(silentFor))
	return true
}

// refreshed takes note of an answer.
func (r *recent) refreshed(account string, a mail.Address, now time.Time) {
	r.asked.Add(pinOf(account, a), now.Add(refreshAfter))
}

// isAbsent is nil, or why WKD had no key for an address lately.
func (r *recent) isAbsent(a mail.Address, now time.Time) error {
	r.start()
	for _, key := range []string{a.Key(), "@" + a.Domain} {
		if had, ok := r.absent.Get(key); ok && now.Before(had.until) {
			return had.why
		}
	}
	return nil
}

func (r *recent) setAbsent(a mail.Address, now time.Time) {
	r.absent.Add(a.Key(), absence{ErrNoKey, now.Add(absentFor)})
}

// setNone is about a domain without a key directory.
func (r *recent) setNone(domain string, now time.Time) {
	r.absent.Add("@"+domain, absence{ErrNoKey, now.Add(absentFor)})
}

// setSilent is about a domain whose server did not answer.
func (r *recent) setSilent(domain string, now time.Time) {
	r.absent.Add("@"+domain, absence{ErrUnsure, now.Add(silentFor)})
}

func (r *recent) forget(account string, a mail.Address) {
	r.absent.Remove(a.Key())
	r.absent.Remove("@" + a.Domain)
	r.asked.Remove(pinOf(account, a))
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
