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
	topics map[string]map[chan struct{}]struct{}
}

// Publish wakes every subscriber of topic. It never blocks: a reader that was
// woken and has not looked yet needs no second wake-up.
func (b *Bus) Publish(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.topics[topic] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Subscribe returns a channel of capacity one that is filled on each Publish,
// and a function that ends the subscription and may be called again. The
// channel is never closed.
func (b *Bus) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics == nil {
		b.topics = make(map[string]map[chan struct{}]struct{})
	}
	if b.topics[topic] == nil {
		b.topics[topic] = make(map[chan struct{}]struct{})
	}
	b.topics[topic][c] = struct{}{}
	return c, func() { b.end(topic, c) }
}

func (b *Bus) end(topic string, c chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics[topic], c)
	if len(b.topics[topic]) == 0 {
		delete(b.topics, topic)
	}
}
