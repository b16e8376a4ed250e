package queue

import (
	"math/rand/v2"
	"time"
)

// The first retry comes soon, for greylisting and short troubles; from the second
// on the wait doubles.
const (
	firstWait  = time.Minute
	secondWait = 5 * time.Minute
	longestTry = 4 * time.Hour
)

// Backoff is when to try again after so many attempts: 1, 5, 10, 20, 40, 80, 160
// minutes, then every 4 hours, each up to a quarter earlier, so that mails that
// failed together do not come back together.
func Backoff(attempts int) time.Duration {
	wait := firstWait
	if attempts > 1 {
		wait = min(secondWait<<min(attempts-2, 16), longestTry)
	}
	return wait - rand.N(wait/4+1)
}
