package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A change is begun anew for as long as others may be faster, and not for ever.
func TestAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		if err := Anew(t.Context(), func() (bool, error) { n++; return n < 300, ErrConflict }); !errors.Is(err, ErrConflict) || n != 300 {
			t.Errorf("%d tries for one that 299 others were before: %v", n, err)
		}
		n = 0
		began := time.Now()
		if err := Anew(t.Context(), func() (bool, error) { n++; return true, ErrConflict }); !errors.Is(err, ErrConflict) || time.Since(began) < anewTime || time.Since(began) > 2*anewTime {
			t.Errorf("%d tries in %v, %v", n, time.Since(began), err)
		}
		n = 0
		if err := Anew(t.Context(), func() (bool, error) { n++; time.Sleep(anewTime); return true, ErrConflict }); !errors.Is(err, ErrConflict) || n != anewTries {
			t.Errorf("%d tries of a slow one, %v", n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n = 0
		if err := Anew(ctx, func() (bool, error) { n++; cancel(); return true, ErrConflict }); !errors.Is(err, context.Canceled) || n > 2 {
			t.Errorf("%d tries of one that ended, %v", n, err)
		}
	})
}
