package route

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	maxKnown = 4096            // policies, and failures, in memory
	pause    = 5 * time.Minute // after a failed fetch (RFC 8461, section 3.3)
	freshFor = 24 * time.Hour  // then a policy is fetched again, though its id is the same
	// grace is how long an enforced policy outlives its end, when its domain still
	// announces one that cannot be fetched: who wants to end it by force must keep
	// on for this long, and is reported all the time. RFC 8461, section 3.3 would
	// send at once.
	grace = 72 * time.Hour
)

// known is what the Router remembers of MTA-STS.
type known struct {
	once     sync.Once
	policies *lru.Cache[string, Policy]
	failures *lru.Cache[string, failure]
	mu       sync.Mutex
	fetching map[string]chan struct{} // closed when that fetch has ended
}

type failure struct {
	id  string
	at  time.Time
	err error
}

func (k *known) open() {
	k.policies, _ = lru.New[string, Policy](maxKnown) // fails for sizes below 1 only
	k.failures, _ = lru.New[string, failure](maxKnown)
	k.fetching = map[string]chan struct{}{}
}

// policy is what holds for domain now (RFC 8461, section 5.1); zero: nothing. An
// enforced policy stays until it expires, whatever becomes of its record.
func (r *Router) policy(ctx context.Context, domain string) (Policy, error) {
	r.known.once.Do(r.known.open)
	kept, err := r.kept(ctx, domain)
	if err != nil {
		return Policy{}, fmt.Errorf("read the kept MTA-STS policy: %w", err)
	}
	now := r.now()
	holds := kept.Mode != "" && now.Before(kept.Expires)
	id, err := r.stsID(ctx, domain)
	switch {
	case holds && (err != nil || id == ""):
		return kept, nil
	case err != nil || id == "":
		return Policy{}, err
	case holds && id == kept.ID && now.Sub(kept.Fetched) < min(freshFor, kept.Expires.Sub(kept.Fetched)/2):
		return kept, nil
	}
	got, err := r.fetchOnce(ctx, domain, id)
	if err == nil {
		return got, nil
	}
	r.tell(demand{report: TLSResult{Domain: domain, PolicyType: "sts"}}, stsResult(err), err)
	switch {
	case holds:
		return kept, nil
	case kept.Mode == "enforce" && now.Before(kept.Expires.Add(grace)):
		return Policy{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return Policy{}, ctx.Err() // a policy that was never seen binds nobody
}

func (r *Router) kept(ctx context.Context, domain string) (Policy, error) {
	if p, ok := r.known.policies.Get(domain); ok || r.Policies == nil {
		return p, nil
	}
	return r.Policies.Policy(ctx, domain)
}

func (r *Router) keep(ctx context.Context, p Policy) {
	r.known.policies.Add(p.Domain, p)
	if r.Policies != nil {
		// Mail can go out safely by what is in memory. A disk that is full is
		// noticed by others, and only becomes free when mail goes out.
		_ = r.Policies.KeepPolicy(ctx, p)
	}
}

// fetchOnce fetches, unless that failed a moment ago, or somebody else just did.
func (r *Router) fetchOnce(ctx context.Context, domain, id string) (Policy, error) {
	began := r.now()
	for {
		done, wait := r.known.take(domain)
		if wait == nil {
			p, err := r.fetchNow(ctx, domain, id)
			done()
			return p, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Policy{}, fmt.Errorf("%w: %w", errFetch, ctx.Err())
		}
		if p, ok := r.known.policies.Get(domain); ok && p.ID == id && !p.Fetched.Before(began) {
			return p, nil
		}
	}
}

// take makes the caller the only one who fetches for domain, until done; or says
// whom to wait for.
func (k *known) take(domain string) (done func(), wait chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.fetching[domain]; c != nil {
		return nil, c
	}
	c := make(chan struct{})
	k.fetching[domain] = c
	return func() {
		k.mu.Lock()
		delete(k.fetching, domain)
		k.mu.Unlock()
		close(c)
	}, nil
}

func (r *Router) fetchNow(ctx context.Context, domain, id string) (Policy, error) {
	now := r.now()
	if f, ok := r.known.failures.Get(domain); ok && f.id == id && now.Sub(f.at).Abs() < pause {
		return Policy{}, f.err
	}
	p, err := r.fetch(ctx, domain, id)
	if err == nil {
		r.known.failures.Remove(domain)
		r.keep(ctx, p)
		return p, nil
	}
	if ctx.Err() == nil {
		r.known.failures.Add(domain, failure{id, now, err})
	}
	return Policy{}, err
}
