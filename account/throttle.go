package account

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"sealpost/account/limit"
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
	hosts    buckets
	networks buckets
	accounts buckets
	known    buckets
	all      *limit.Kind // of the server's bucket
	counted  signIns
}

// buckets are those of one kind, by their marks, and what other nodes take of them.
type buckets struct {
	pace   Pace
	of     *lru.Cache[limit.Mark, *rate.Limiter]
	shared *limit.Kind
}

// paid is a bucket, and whom to tell what is taken of it.
type paid struct {
	*rate.Limiter
	mark   limit.Mark
	shared *limit.Kind
}

// NewThrottle makes a throttle.
func NewThrottle(p Paces, now func() time.Time) *Throttle { return SharedThrottle(p, now, nil, "") }

// SharedThrottle makes one whose buckets other nodes take from as well, those of the same
// name: what is guessed at one node is guessed at all, within a round of the ledger.
func SharedThrottle(p Paces, now func() time.Time, l *limit.Ledger, name string) *Throttle {
	t := &Throttle{paces: p, now: now, server: p.Server.limiter()}
	t.hosts, t.networks = t.kind(l, name+" host", p.Host), t.kind(l, name+" network", p.Network)
	t.accounts, t.known = t.kind(l, name+" account", p.Account), t.kind(l, name+" known", p.Known)
	t.all = l.Kind(name+" server", func(_ limit.Mark, n int) {
		t.mu.Lock()
		defer t.mu.Unlock()
		pay(t.server, t.now(), n)
	})
	return t
}

func (t *Throttle) kind(l *limit.Ledger, name string, p Pace) buckets {
	of, err := lru.New[limit.Mark, *rate.Limiter](throttleSize)
	if err != nil {
		panic(err) // only for a size below one
	}
	b := buckets{pace: p, of: of}
	b.shared = l.Kind(name, func(m limit.Mark, n int) {
		t.mu.Lock()
		defer t.mu.Unlock()
		pay(b.at(m).Limiter, t.now(), n)
	})
	return b
}

func (p Pace) limiter() *rate.Limiter { return rate.NewLimiter(rate.Every(p.Every), p.Burst) }

// pay takes from a bucket what was guessed at another node, or gives it back. It may owe as
// much as a few nodes hold.
func pay(b *rate.Limiter, now time.Time, n int) {
	left := int(b.TokensAt(now))
	if n < 0 {
		b.AllowN(now, max(n, min(left-b.Burst(), 0)))
		return
	}
	for n = min(n, left+limit.Debt*b.Burst()); n > 0; n -= b.Burst() {
		b.ReserveN(now, min(n, b.Burst()))
	}
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
		wait = max(wait, untilToken(b.Limiter, now))
	}
	if wait > 0 {
		return wait
	}
	for _, b := range buckets {
		b.AllowN(now, 1)
		b.shared.Used(b.mark, 1)
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

// Succeeded gives back what Allow took and remembers that user signed in from ip: other
// nodes remember it from the first time on that they hear of the pair.
func (t *Throttle) Succeeded(ip netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, b := range t.buckets(ip, user) {
		if b.TokensAt(now) < float64(b.Burst()) {
			b.AllowN(now, -1)
		}
		b.shared.Used(b.mark, -1)
	}
	host, _ := prefixes(ip)
	pair := t.known.shared.Mark(nameOf(user), host.String())
	if !t.known.of.Contains(pair) {
		t.known.at(pair)
		t.known.shared.Used(pair, 1) // a guess less there, once: that is how they hear of it
	}
}

// buckets are those a try from ip at user pays into.
func (t *Throttle) buckets(ip netip.Addr, user string) []paid {
	host, network := prefixes(ip)
	who := nameOf(user)
	if pair := t.known.shared.Mark(who, host.String()); t.known.of.Contains(pair) {
		return []paid{t.known.at(pair)}
	}
	return []paid{
		t.hosts.at(t.hosts.shared.Mark(host.String())),
		t.networks.at(t.networks.shared.Mark(network.String())),
		t.accounts.at(t.accounts.shared.Mark(who)),
		{t.server, limit.Mark{}, t.all},
	}
}

// at finds a bucket, or makes a full one.
func (b buckets) at(m limit.Mark) paid {
	found, ok := b.of.Get(m)
	if !ok {
		found = b.pace.limiter()
		b.of.Add(m, found)
	}
	return paid{found, m, b.shared}
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

// nameOf is a user as users are compared. It is hashed before it is kept: what was typed
// there may be a password.
func nameOf(user string) string {
	user = strings.ToLower(user[:min(len(user), maxSecret)])
	if a, err := mail.ParseAddress(user); err == nil {
		user = a.Key()
	}
	return user
}
