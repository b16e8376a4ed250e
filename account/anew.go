package account

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// anewTime is how long a change that others overtake is begun anew. Each that is overtaken means
	// that another one was written: who does it for so long meets many.
	anewTime  = 10 * time.Second
	anewTries = 16                    // at least, however slow they are
	anewPause = 20 * time.Millisecond // at most, and by chance, so that two who met do not meet again
)

// Anew does what reads, edits and writes, and again as long as another process wrote in between:
// once says whether it was overtaken.
func Anew(ctx context.Context, once func() (overtaken bool, err error)) error {
	until := time.Now().Add(anewTime)
	for n := 1; ; n++ {
		overtaken, err := once()
		if !overtaken || n >= anewTries && time.Now().After(until) {
			return err
		}
		t := time.NewTimer(rand.N(min(time.Duration(n)*time.Millisecond, anewPause)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
