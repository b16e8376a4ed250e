package submission

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/account/limit"
)

// maxCounted bounds how many accounts and app passwords are counted at a time; a
// count takes under 500 bytes. They are this server's own, so nobody makes us forget.
const maxCounted = 16 << 10

// rates count what accounts send, here and at other nodes. A restart forgets the counts. Its
// zero value is empty; it is safe for concurrent use.
type rates struct {
	mu     sync.Mutex
	counts *lru.Cache[spanned, *window]
	shared map[time.Duration]*limit.Kind // nil: nobody else counts
}

// spanned is what is counted, and for how long: a mark says neither.
type spanned struct {
	mark limit.Mark
	span time.Duration
}

// share has other nodes hear of what is counted for such spans, and counts what they do.
func (r *rates) share(l *limit.Ledger, now func() time.Time, spans ...time.Duration) {
	r.shared = map[time.Duration]*limit.Kind{}
	for _, span := range spans {
		r.shared[span] = l.Kind("submission "+span.String(), func(m limit.Mark, n int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.at(spanned{m, span}, now()).add(n)
		})
	}
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

// add counts n that others took now, or takes away what they gave back: of the newest there is,
// since nobody says when it was.
func (w *window) add(n int) {
	size := int64(len(w.counts))
	if n >= 0 {
		w.counts[(w.now%size+size)%size] += n
		return
	}
	for s := w.now; n < 0 && s > w.now-size; s-- {
		c := &w.counts[(s%size+size)%size]
		less := min(*c, -n)
		*c, n = *c-less, n+less
	}
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
		told := r.shared[b.span]
		told.Used(told.Mark(b.name), n)
		back = append(back, func(n int) {
			told.Used(told.Mark(b.name), -n)
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
	return r.at(spanned{r.shared[b.span].Mark(b.name), b.span}, now)
}

func (r *rates) at(k spanned, now time.Time) *window {
	if r.counts == nil {
		r.counts, _ = lru.New[spanned, *window](maxCounted) // fails only for a size below one
	}
	w, ok := r.counts.Get(k)
	if !ok {
		w = &window{slice: k.span / parts}
		r.counts.Add(k, w)
	}
	w.move(now)
	return w
}
