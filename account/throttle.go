package account

import (
	"crypto/sha256"
	"net/netip"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"sealpost/mail"
)

// Pace is one token bucket: Burst guesses at once, then one Every.
type Pace struct {
	Every time.Duration
	Burst int
}

// Paces are the throttle's buckets. A guess pays into all that apply to it.
type Paces struct {
	Known   Pace // one user from one address it signed in from before
	Host    Pace // one IPv4 address or IPv6 /64
	Network Pace // one IPv4 /24 or IPv6 /48
	Account Pace // one user from anywhere else
	Server  Pace // everybody from anywhere new
}

// DefaultPaces let people mistype and clients poll; a guesser gets some ten
// thousand tries a day at an account, against 128 random bits.
func DefaultPaces() Paces {
	return Paces{
		Known:   Pace{time.Second, 30},
		Host:    Pace{5 * time.Second, 20},
		Network: Pace{time.Second, 60},
		Account: Pace{10 * time.Second, 20},
		Server:  Pace{10 * time.Millisecond, 200},
	}
}

// throttleSize bounds how many hosts, networks, accounts and known pairs are
// remembered, each; a throttle takes under 10 MB however many come.
const throttleSize = 16 << 10

// Throttle slows down guessing at app passwords. It takes a token before a
// password is looked at and gives it back when that was right, so that many
// guesses at once are as slow as one after the other.
//
// It is no weapon against the guessed-at: whoever signs in from an address that
// signed in before waits only for what came from that same address, and open
// sessions are never touched. Its methods are safe for concurrent use.
type Throttle struct {
	paces    Paces
	now      func() time.Time
	mu       sync.Mutex
	server   *rate.Limiter
	hosts    *lru.Cache[netip.Prefix, *rate.Limiter]
	networks *lru.Cache[netip.Prefix, *rate.Limiter]
	accounts *lru.Cache[userKey, *rate.Limiter]
	known    *lru.Cache[pairKey, *rate.Limiter]
	counted  signIns
}

type userKey [16]byte

type pairKey struct {
	user userKey
	host netip.Prefix
}

// NewThrottle makes a throttle.
func NewThrottle(p Paces, now func() time.Time) *Throttle {
	return &Throttle{
		paces:    p,
		now:      now,
		server:   p.Server.limiter(),
		hosts:    bounded[netip.Prefix](),
		networks: bounded[netip.Prefix](),
		accounts: bounded[userKey](),
		known:    bounded[pairKey](),
	}
}

func (p Pace) limiter() *rate.Limiter { return rate.NewLimiter(rate.Every(p.Every), p.Burst) }

func bounded[K comparable]() *lru.Cache[K, *rate.Limiter] {
	c, err := lru.New[K, *rate.Limiter](throttleSize)
	if err != nil {
		panic(err) // only for a size below one
	}
	return c
}

// Allow asks whether a password for user may be tried from ip now. 0: yes, and
// the try is counted; tell Succeeded if it was right. Otherwise nothing is
// counted and the caller comes back after wait, or tells its client to.
func (t *Throttle) Allow(ip netip.Addr, user string) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	buckets := t.buckets(ip, user)
	for _, b := range buckets {
		wait = max(wait, untilToken(b, now))
	}
	if wait > 0 {
		return wait
	}
	for _, b := range buckets {
		b.AllowN(now, 1)
	}
	return 0
}

// untilToken is how long until a bucket holds a token; it takes none.
func untilToken(b *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - b.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Millisecond, time.Duration(missing/float64(b.Limit())*float64(time.Second)))
}

// Succeeded gives back what Allow took and remembers that user signed in from ip.
func (t *Throttle) Succeeded(ip netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, b := range t.buckets(ip, user) {
		if b.TokensAt(now) < float64(b.Burst()) {
			b.AllowN(now, -1)
		}
	}
	host, _ := prefixes(ip)
	find(t.known, pairKey{keyOf(user), host}, t.paces.Known)
}

// buckets are those a try from ip at user pays into.
func (t *Throttle) buckets(ip netip.Addr, user string) []*rate.Limiter {
	host, network := prefixes(ip)
	who := keyOf(user)
	if own, ok := t.known.Get(pairKey{who, host}); ok {
		return []*rate.Limiter{own}
	}
	return []*rate.Limiter{
		find(t.hosts, host, t.paces.Host),
		find(t.networks, network, t.paces.Network),
		find(t.accounts, who, t.paces.Account),
		t.server,
	}
}

func find[K comparable](in *lru.Cache[K, *rate.Limiter], key K, p Pace) *rate.Limiter {
	if b, ok := in.Get(key); ok {
		return b
	}
	b := p.limiter()
	in.Add(key, b)
	return b
}

// prefixes are the smallest and the larger network one customer may hold.
func prefixes(ip netip.Addr) (host, network netip.Prefix) {
	ip = ip.Unmap().WithZone("")
	small, large := 64, 48
	if ip.Is4() {
		small, large = 32, 24
	}
	host, _ = ip.Prefix(small)
	network, _ = ip.Prefix(large)
	return host, network
}

// keyOf keeps no user name: what was typed there may be a password.
func keyOf(user string) (k userKey) {
	user = strings.ToLower(user[:min(len(user), maxSecret)])
	if a, err := mail.ParseAddress(user); err == nil {
		user = a.Key()
	}
	sum := sha256.Sum256([]byte(user))
	copy(k[:], sum[:])
	return k
}
