package dns

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The memory is at most maxKnown answers of at most maxKept bytes on the wire.
const (
	maxKnown = 4096
	maxKept  = 4096
)

type cacheKey struct {
	name  string
	qtype uint16
}

// cache remembers answers, and absences, until their TTL ends.
type cache struct {
	answers *lru.Cache[cacheKey, found]
}

func (c *cache) open() {
	c.answers, _ = lru.New[cacheKey, found](maxKnown) // fails for sizes below 1 only
}

func (c *cache) get(name string, qtype uint16, now time.Time) (found, bool) {
	k := cacheKey{name, qtype}
	f, ok := c.answers.Get(k)
	if ok && !now.Before(f.until) {
		c.answers.Remove(k)
		return found{}, false
	}
	return f, ok
}

func (c *cache) put(name string, qtype uint16, f found) {
	if f.size <= maxKept {
		c.answers.Add(cacheKey{name, qtype}, f)
	}
}
