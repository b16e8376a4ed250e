package notify

import (
	"fmt"
	"runtime"
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
	if b.topics != 0 || b.kept() != 0 {
		t.Errorf("%d topics kept after the last subscriber left", b.kept())
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
	if b.topics != 0 || b.kept() != 0 {
		t.Errorf("%d topics left", b.kept())
	}
}

func (b *Bus) kept() (n int) {
	for _, slot := range b.slots {
		n += len(slot)
	}
	return n
}

// Whoever of a topic's watchers leaves, the others stay.
func TestWatchersLeave(t *testing.T) {
	for gone := range 3 {
		var b Bus
		woken := [3]int{}
		var ends []func()
		for i := range 3 {
			ends = append(ends, b.Watch("x", func() { woken[i]++ }))
		}
		ends[gone]()
		ends[gone]()
		b.Publish("x")
		want := [3]int{1, 1, 1}
		want[gone] = 0
		if woken != want {
			t.Errorf("without %d: woken %v", gone, woken)
		}
		for _, end := range ends {
			end()
		}
		if b.Publish("x"); woken != want || b.kept() != 0 {
			t.Errorf("without all: woken %v", woken)
		}
	}
}

// What an idle session costs here (aim: a few hundred octets of its 12 KB).
func BenchmarkWatch(b *testing.B) {
	const sessions = 10_000
	for b.Loop() {
		var bus Bus
		ends := make([]func(), sessions)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range ends {
			ends[i] = bus.Watch(fmt.Sprintf("%016x", i), func() {})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/sessions, "B/watcher")
		runtime.KeepAlive(&bus)
		runtime.KeepAlive(ends)
	}
}
