// Package notify wakes who waits for changes of one owner, on this node and on
// others. A wake-up carries nothing: the reader always re-reads, so a lost or
// doubled one is harmless.
//
// It never knows what changed. Invariants: Publish never waits for a reader, nor for
// another node; a change published here after Subscribe returned is never missed; where
// there are other nodes everybody is woken once a minute whatever was lost.
package notify

import (
	"hash/maphash"
	"sync"
)

// Bus is safe for concurrent use. Its zero value is ready.
type Bus struct {
	relay func(topic string) // tells other nodes, at once; nil: there are none

	mu     sync.Mutex
	seed   maphash.Seed               // made for the first watcher
	slots  [slots]map[string]*watcher // by topic: its first watcher
	topics int
	gap    chan<- struct{} // to Look; nil: nobody looks
}

// slots divide the topics by chance, so that few are looked at in the same moment.
const slots = 256

// watcher is one subscription, in a ring with the others of its topic.
type watcher struct {
	topic      string
	wake       func() // nil: it ended
	next, prev *watcher
}

// Publish wakes every subscriber of topic, here and on other nodes. It never blocks: a
// reader that was woken and has not looked yet needs no second wake-up.
func (b *Bus) Publish(topic string) {
	b.Wake(topic)
	if b.relay != nil {
		b.relay(topic)
	}
}

// Wake wakes the subscribers of topic that are here: another node published it.
func (b *Bus) Wake(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics > 0 {
		(*b.slot(topic))[topic].wakeAll()
	}
}

func (first *watcher) wakeAll() {
	if first == nil {
		return
	}
	first.wake()
	for w := first.next; w != first; w = w.next {
		w.wake()
	}
}

// slot is the one of a topic. There is or will be a watcher.
func (b *Bus) slot(topic string) *map[string]*watcher {
	return &b.slots[maphash.String(b.seed, topic)%slots]
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
	w := &watcher{topic: topic, wake: wake}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seed == (maphash.Seed{}) {
		b.seed = maphash.MakeSeed()
	}
	slot := b.slot(topic)
	if *slot == nil {
		*slot = make(map[string]*watcher)
	}
	if first := (*slot)[topic]; first != nil {
		w.next, w.prev = first, first.prev
		w.prev.next, first.prev = w, w
	} else {
		w.next, w.prev = w, w
		(*slot)[topic] = w
		b.topics++
	}
	return func() { b.end(w) }
}

func (b *Bus) end(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.wake == nil {
		return
	}
	slot := *b.slot(w.topic)
	switch {
	case w.next == w:
		delete(slot, w.topic)
		b.topics--
	case slot[w.topic] == w:
		slot[w.topic] = w.next
		fallthrough
	default:
		w.prev.next, w.next.prev = w.next, w.prev
	}
	w.wake, w.next, w.prev = nil, nil, nil // what it holds can go, even if its end is kept
}
