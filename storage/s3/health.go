package s3

import (
	"sync"
	"time"
)

// health remembers for a short while that an endpoint failed, so that it is asked last, and
// when others will do not at all. When that time is over one caller tries it again; each
// failure more doubles the time, up to a minute.
type health struct {
	now   func() time.Time
	first time.Duration

	mu       sync.Mutex
	failures int
	until    time.Time
	trying   bool
}

// patience is how many failures in a row make an endpoint sick; one that takes all of the
// time it was given is sick at once.
const patience = 2

func (h *health) well() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failures < patience || !h.now().Before(h.until) && !h.trying
}

// enter is called before a request and returns what is to be called after it.
func (h *health) enter() (leave func(outcome)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.failures >= patience && !h.trying && !h.now().Before(h.until)
	if first {
		h.trying = true
	}
	return func(o outcome) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if first {
			h.trying = false
		}
		switch o {
		case answered:
			h.failures = 0
		case failed:
			h.failures++
		case hung:
			h.failures = max(h.failures+1, patience)
		}
		if o != untold && h.failures >= patience {
			h.until = h.now().Add(min(h.first<<min(h.failures-patience, 10), time.Minute))
		}
	}
}

// outcome is what a request says about its endpoint.
type outcome int

const (
	untold   outcome = iota // the caller gave up
	answered                // whatever it said, it is there
	failed
	hung
)
