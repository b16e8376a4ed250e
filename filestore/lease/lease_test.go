package lease

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// row is a lease in memory.
type row struct {
	mu     sync.Mutex
	token  Token
	until  time.Time
	broken atomic.Bool
}

func (r *row) Lease(_ context.Context, d time.Duration) (Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken.Load() {
		return 0, errors.New("broken")
	}
	if time.Now().Before(r.until) {
		return 0, ErrHeld
	}
	r.token++
	r.until = time.Now().Add(d)
	return r.token, nil
}

func (r *row) Renew(_ context.Context, token Token, d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken.Load() {
		return errors.New("broken")
	}
	if token != r.token {
		return ErrFenced
	}
	r.until = time.Now().Add(d)
	return nil
}

func (r *row) Release(_ context.Context, token Token) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if token == r.token {
		r.until = time.Time{}
	}
	return nil
}

// One node at a time is at work; another takes over when it ends, or when its lease does.
func TestKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := new(row)
		ctx, stop := context.WithCancel(t.Context())
		var busy, most, turns atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				Keep(ctx, r, time.Minute, func(ctx context.Context, _ Token) error {
					turns.Add(1)
					most.Store(max(most.Load(), busy.Add(1)))
					defer busy.Add(-1)
					select {
					case <-ctx.Done():
					case <-time.After(time.Hour):
					}
					return nil
				}, func(err error) { t.Error(err) })
			})
		}
		time.Sleep(10*time.Hour + time.Minute)
		if turns.Load() < 9 || most.Load() != 1 {
			t.Errorf("%d turns in ten hours, %d at once", turns.Load(), most.Load())
		}
		stop()
		all.Wait()
		if _, err := r.Lease(t.Context(), time.Minute); err != nil {
			t.Errorf("the lease was not given back: %v", err)
		}
	})
}

// A job whose lease cannot be renewed ends before the lease does, and one whose lease has
// passed on ends at the next renewal.
func TestDoEnds(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*row){
		"database gone": func(r *row) { r.broken.Store(true) },
		"passed on":     func(r *row) { r.mu.Lock(); r.token++; r.mu.Unlock() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := new(row)
				err := Do(t.Context(), r, time.Minute, func(ctx context.Context, _ Token) error {
					time.Sleep(10 * time.Minute)
					if ctx.Err() != nil {
						t.Fatal("the lease was lost though it was renewed")
					}
					lose(r)
					last := time.Now()
					<-ctx.Done()
					if took := time.Since(last); took >= time.Minute {
						t.Errorf("the job went on for %v", took)
					}
					return ctx.Err()
				})
				if err == nil {
					t.Error("nobody was told")
				}
			})
		})
	}
}
