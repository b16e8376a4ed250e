// Package notify wakes who waits for changes of one owner. A wake-up carries
// nothing: the reader always re-reads, so a lost or doubled one is harmless.
//
// It never knows what changed. Invariants: Publish never waits for a reader,
// and a change published after Subscribe returned is never missed.
package notify

import "sync"

// Bus is safe for concurrent use. Its zero value is ready.
type Bus struct {
	mu     sync.Mutex
	topics map[string]map[*watcher]struct{}
}

// watcher is one subscription.
type watcher struct{ wake func() }

// Publish wakes every subscriber of topic. It never blocks: a reader that was
// woken and has not looked yet needs no second wake-up.
func (b *Bus) Publish(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.topics[topic] {
		w.wake()
	}
}

// Subscribe returns a channel of capacity one that is filled on each Publish,
// and a function that ends the subscription and may be called again. The
// channel is never closed.
func (b *Bus) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	return c, b.Watch(topic, func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
}

// Watch calls wake on each Publish, until the function it returns is called,
// which may be called again. wake is for who has no goroutine to spare that
// waits; it must return at once and call nothing of the bus.
func (b *Bus) Watch(topic string, wake func()) (end func()) {
	w := &watcher{wake}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics == nil {
		b.topics = make(map[string]map[*watcher]struct{})
	}
	if b.topics[topic] == nil {
		b.topics[topic] = make(map[*watcher]struct{})
	}
	b.topics[topic][w] = struct{}{}
	return func() { b.end(topic, w) }
}

func (b *Bus) end(topic string, w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics[topic], w)
	if len(b.topics[topic]) == 0 {
		delete(b.topics, topic)
	}
}
