package notify

import (
	"fmt"
	"sync"
	"testing"
)

func woken(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestPublishWakesOnlyItsTopic(t *testing.T) {
	var b Bus
	ours, endOurs := b.Subscribe("ours")
	also, endAlso := b.Subscribe("ours")
	other, endOther := b.Subscribe("other")
	defer endOurs()
	defer endAlso()
	defer endOther()

	b.Publish("ours")
	b.Publish("nobody")
	if !woken(ours) || !woken(also) {
		t.Error("a subscriber of the topic was not woken")
	}
	if woken(other) {
		t.Error("a subscriber of another topic was woken")
	}
	if woken(ours) {
		t.Error("one Publish woke twice")
	}
}

func TestPublishNeverBlocks(t *testing.T) {
	var b Bus
	c, end := b.Subscribe("x")
	defer end()
	for range 100 {
		b.Publish("x") // would hang here: nobody reads
	}
	if !woken(c) || woken(c) {
		t.Error("want exactly one wake-up pending")
	}
}

func TestEndForgetsTheTopic(t *testing.T) {
	var b Bus
	c, end := b.Subscribe("x")
	end()
	end()
	b.Publish("x")
	if woken(c) {
		t.Error("woken after the end")
	}
	if len(b.topics) != 0 {
		t.Errorf("%d topics kept after the last subscriber left", len(b.topics))
	}
}

// A change published after Subscribe returned is never missed, whoever else
// comes and goes at that time.
func TestNoneIsMissed(t *testing.T) {
	var b Bus
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			topic := fmt.Sprint(i % 2)
			for range 1000 {
				c, end := b.Subscribe(topic)
				b.Publish(topic)
				<-c
				end()
			}
		})
	}
	all.Wait()
	if len(b.topics) != 0 {
		t.Errorf("%d topics left", len(b.topics))
	}
}
