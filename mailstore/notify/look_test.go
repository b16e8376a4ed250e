package notify

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// looked is when topics of a bus were woken.
type looked struct {
	at   [][]time.Duration // by topic
	from time.Time
}

func watchMany(b *Bus, topics int) *looked {
	l := &looked{at: make([][]time.Duration, topics), from: time.Now()}
	for i := range topics {
		b.Watch(fmt.Sprint("topic ", i), func() { l.at[i] = append(l.at[i], time.Since(l.from)) })
	}
	return l
}

// Everybody is woken within any minute, and never many in one moment.
func TestLookEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bus
		const topics = 5000
		l := watchMany(&b, topics)
		ctx, stop := context.WithCancel(t.Context())
		go b.Look(ctx, LookEvery)
		time.Sleep(10*time.Minute + time.Second)
		stop()
		synctest.Wait()
		together := map[time.Duration]int{}
		for i, at := range l.at {
			last := time.Duration(0)
			for _, now := range append(at, 10*time.Minute+time.Second) {
				if now-last > time.Minute {
					t.Fatalf("topic %d was left alone from %v to %v", i, last, now)
				}
				last = now
			}
			if len(at) > 12 {
				t.Fatalf("topic %d was woken %d times in ten minutes", i, len(at))
			}
			for _, now := range at {
				together[now.Truncate(time.Second)]++
			}
		}
		for second, n := range together {
			if n > 3*topics/55 {
				t.Errorf("%d of %d are woken in second %v", n, topics, second)
			}
		}
	})
}

// After a gap everybody looks soon, not all at once, and also who was woken in a sweep that
// was on already; nobody looks more often than that for many gaps.
func TestLookAfterAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bus
		const topics = 10_000 // two seconds' worth
		b.Gap()               // nobody looks yet, and nobody has to
		l := watchMany(&b, topics)
		ctx, stop := context.WithCancel(t.Context())
		go b.Look(ctx, LookEvery)
		synctest.Wait()
		b.Gap()
		time.Sleep(time.Second)
		second := time.Since(l.from)
		for range 1000 {
			b.Gap()
		}
		time.Sleep(2100 * time.Millisecond)
		stop()
		synctest.Wait()
		most := 0
		together := map[time.Duration]int{}
		for i, at := range l.at {
			if len(at) == 0 || at[len(at)-1] < second {
				t.Fatalf("topic %d was not woken after the second gap: %v", i, at)
			}
			most = max(most, len(at))
			for _, now := range at {
				together[now.Truncate(100*time.Millisecond)]++
			}
		}
		if most > 3 {
			t.Errorf("woken %d times for two gaps", most)
		}
		for moment, n := range together {
			if n > 2*topics/10 {
				t.Errorf("%d of %d were woken in a tenth of a second from %v", n, topics, moment)
			}
		}
	})
}

// A bus that nobody joins to others wakes nobody by itself.
func TestNoLookAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bus
		l := watchMany(&b, 10)
		b.Gap()
		time.Sleep(10 * time.Minute)
		for i, at := range l.at {
			if len(at) > 0 {
				t.Errorf("topic %d was woken %d times", i, len(at))
			}
		}
	})
}
