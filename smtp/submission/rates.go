package submission

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxCounted bounds how many accounts and app passwords are counted at a time; a
// count takes under 500 bytes. They are this server's own, so nobody makes us forget.
const maxCounted = 16 << 10

// rates count what accounts send. A restart forgets the counts. Its zero value is
// empty; it is safe for concurrent use.
type rates struct {
	mu     sync.Mutex
	counts *lru.Cache[string, *window]
}

// bound is one limit: at most Most in any Span, counted under a name.
type bound struct {
	name string
	most int
	span time.Duration
}

const parts = 12

// window counts what happened in the last span in slices of it: this many, and one
// more for the one that is not over.
type window struct {
	slice  time.Duration
	counts [parts + 1]int
	now    int64 // number of the newest slice
}

// move drops what is older than the span. A clock that goes back stands still, unless
// it had jumped ahead: then nobody waits for it to get there once more.
func (w *window) move(now time.Time) {
	n := now.UnixNano() / int64(w.slice)
	if w.now-n > int64(len(w.counts)) {
		w.counts, w.now = [parts + 1]int{}, n
	}
	for w.now < n {
		w.now++
		w.counts[w.now%int64(len(w.counts))] = 0
		if n-w.now > int64(len(w.counts)) {
			w.now = n - int64(len(w.counts))
		}
	}
}

func (w *window) sum() (n int) {
	for _, c := range w.counts {
		n += c
	}
	return n
}

// room is when n more fit under most; zero is now.
func (w *window) room(n, most int) time.Time {
	over := w.sum() + n - most
	if over <= 0 {
		return time.Time{}
	}
	size := int64(len(w.counts))
	for s := w.now - size + 1; s <= w.now; s++ {
		if over -= w.counts[(s%size+size)%size]; over <= 0 {
			return time.Unix(0, (s+size)*int64(w.slice))
		}
	}
	return time.Unix(0, (w.now+size)*int64(w.slice))
}

// take counts n under all bounds, or under none when one has no room: then it says
// when there will be. undo takes some of them away again.
func (r *rates) take(bounds []bound, n int, now time.Time) (undo func(n int), when time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if when := r.free(bounds, n, now); !when.IsZero() {
		return nil, when
	}
	back := make([]func(int), 0, len(bounds))
	for _, b := range bounds {
		w := r.window(b, now)
		at := w.now
		w.counts[at%int64(len(w.counts))] += n
		back = append(back, func(n int) {
			if age := w.now - at; age >= 0 && age < int64(len(w.counts)) {
				w.counts[at%int64(len(w.counts))] -= n
			}
		})
	}
	return func(n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range back {
			f(n)
		}
	}, time.Time{}
}

// room is when n more will fit; zero is now.
func (r *rates) room(bounds []bound, n int, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free(bounds, n, now)
}

func (r *rates) free(bounds []bound, n int, now time.Time) (when time.Time) {
	for _, b := range bounds {
		if t := r.window(b, now).room(n, b.most); t.After(when) {
			when = t
		}
	}
	return when
}

func (r *rates) window(b bound, now time.Time) *window {
	if r.counts == nil {
		r.counts, _ = lru.New[string, *window](maxCounted) // fails only for a size below one
	}
	w, ok := r.counts.Get(b.name)
	if !ok {
		w = &window{slice: b.span / parts}
		r.counts.Add(b.name, w)
	}
	w.move(now)
	return w
}
