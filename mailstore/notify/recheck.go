package notify

import (
	"context"
	"sync"
	"time"
)

// Recheck is for who must do more at a wake-up than a wake may: ids are marked, and
// goroutines of Run look at them. An id that waits is marked once. Its zero value is ready.
type Recheck[ID comparable] struct {
	mu      sync.Mutex
	waiting []ID
	marked  map[ID]struct{} // those
	more    chan struct{}
}

const (
	checkers   = 4 // at a time: a look at everything is many
	checkAgain = time.Second
)

// Mark has an id looked at. It returns at once.
func (r *Recheck[ID]) Mark(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, marked := r.marked[id]; marked {
		return
	}
	if r.marked == nil {
		r.marked = map[ID]struct{}{}
	}
	r.marked[id] = struct{}{}
	r.waiting = append(r.waiting, id)
	r.ring()
}

func (r *Recheck[ID]) ring() {
	select {
	case r.bell() <- struct{}{}:
	default:
	}
}

func (r *Recheck[ID]) bell() chan struct{} {
	if r.more == nil {
		r.more = make(chan struct{}, 1)
	}
	return r.more
}

// Run calls check with each marked id until ctx ends, a few at a time, and a second later
// again where it fails.
func (r *Recheck[ID]) Run(ctx context.Context, check func(context.Context, ID) error) {
	r.mu.Lock()
	more := r.bell()
	r.mu.Unlock()
	var all sync.WaitGroup
	for range checkers {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-more:
				}
				for id, ok := r.take(); ok && ctx.Err() == nil; id, ok = r.take() {
					if check(ctx, id) != nil {
						time.AfterFunc(checkAgain, func() { r.Mark(id) })
					}
				}
			}
		})
	}
	all.Wait()
}

// take takes one, and has another goroutine come if there are more.
func (r *Recheck[ID]) take() (id ID, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return id, false
	}
	id, r.waiting = r.waiting[0], r.waiting[1:]
	delete(r.marked, id) // who marks it from now on has it looked at again
	if len(r.waiting) > 0 {
		r.ring()
	}
	return id, true
}
