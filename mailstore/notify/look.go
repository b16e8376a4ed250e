package notify

import (
	"context"
	"time"
)

const (
	// LookEvery is how often everybody is woken where hints may be lost: under a minute.
	LookEvery = 55 * time.Second

	// After a gap everybody is woken once more, so many topics a second, but in not less and
	// not more than this: all nodes have a gap at once when what joins them comes back.
	sweepPace  = 5000
	sweepLeast = 200 * time.Millisecond
	sweepMost  = 30 * time.Second
)

// Look wakes every watcher as often as that until ctx ends, and soon after a Gap. Which moment
// of it is a topic's is by chance, another one on each node.
func (b *Bus) Look(ctx context.Context, every time.Duration) {
	gap := make(chan struct{}, 1)
	b.mu.Lock()
	b.gap = gap
	b.mu.Unlock()
	slow := time.NewTicker(every / slots)
	defer slow.Stop()
	fast := time.NewTicker(time.Hour)
	defer fast.Stop()
	for at, swept, left := 0, 0, 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-slow.C:
			b.wakeSlot(at % slots)
			at++
		case <-gap: // also in the midst of a sweep, which goes on until all were woken after it
			left = slots
			fast.Reset(b.sweepTime() / slots)
		case <-fast.C:
			b.wakeSlot(swept % slots)
			swept++
			if left--; left <= 0 {
				fast.Reset(time.Hour)
			}
		}
	}
}

// Gap says that hints of other nodes may have been lost. It returns at once.
func (b *Bus) Gap() {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.gap <- struct{}{}:
	default: // one is to come anyway, or nobody looks
	}
}

// sweepTime is how long waking everybody is to take.
func (b *Bus) sweepTime() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return min(max(time.Duration(b.topics)*time.Second/sweepPace, sweepLeast), sweepMost)
}

func (b *Bus) wakeSlot(at int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, first := range b.slots[at] {
		first.wakeAll()
	}
}
