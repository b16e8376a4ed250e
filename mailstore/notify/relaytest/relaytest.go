// Package relaytest is the suite that every engine which joins nodes passes.
package relaytest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore/notify"
)

// Engine is what joins nodes in a test, and goes with it.
type Engine interface {
	// Wire is one more node's.
	Wire(t testing.TB) notify.Wire
	// Overhear gives what is on the wire as who runs it sees it, until the test ends.
	Overhear(t testing.TB, heard func(octets []byte))
	// Shout has a stranger put octets on the wire.
	Shout(t testing.TB, octets []byte)
	Stop(t testing.TB)
	Start(t testing.TB)
}

const patience = 20 * time.Second

// Run runs the suite. The engine is stopped and started at its end.
func Run(t *testing.T, e Engine) {
	for _, one := range []struct {
		name string
		test func(*testing.T, Engine)
	}{
		{"Wakes", Wakes},
		{"NoneLost", testNoneLost},
		{"Coalesces", testCoalesces},
		{"FloodIsBounded", testFlood},
		{"Garbage", testGarbage},
		{"TellsNothing", testTellsNothing},
		{"LastWords", testLastWords},
		{"GoneAndBack", testGoneAndBack},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, e) })
	}
}

// secret is what nodes of a test share.
var secret = bytes.Repeat([]byte{7}, 32)

// node is one of several.
type node struct {
	bus  *notify.Bus
	wire *counted
	said *journal
	stop func()
}

// start joins a node that others know by the secret.
func start(t testing.TB, e Engine, secret []byte) *node {
	t.Helper()
	n := &node{bus: new(notify.Bus), wire: &counted{Wire: e.Wire(t)}, said: new(journal)}
	r := notify.NewRelay(n.bus, n.wire, secret, slog.New(slog.NewTextHandler(n.said, nil)))
	r.Every = 24 * time.Hour // what wakes is a hint, or a gap
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	n.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("a relay does not end")
		}
	})
	t.Cleanup(n.stop)
	return n
}

// pair are two nodes that hear each other.
func pair(t testing.TB, e Engine) (a, b *node) {
	t.Helper()
	a, b = start(t, e, secret), start(t, e, secret)
	meet(t, a, b)
	meet(t, b, a)
	return a, b
}

// meet waits until b hears a, and until the looks that joining brings are over.
func meet(t testing.TB, a, b *node) {
	t.Helper()
	woken, end := b.bus.Subscribe("hello")
	defer end()
	for deadline := time.Now().Add(patience); ; {
		a.bus.Publish("hello")
		select {
		case <-woken:
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatal("two nodes do not hear each other")
			}
			continue
		}
		break
	}
	time.Sleep(500 * time.Millisecond)
}

// counted counts what a node sends. While the gate is shut nothing goes.
type counted struct {
	notify.Wire
	frames, octets atomic.Int64
	gate           sync.Mutex
}

func (c *counted) Send(ctx context.Context, frame []byte) error {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.frames.Add(1)
	c.octets.Add(int64(len(frame)))
	return c.Wire.Send(ctx, frame)
}

// journal is a log.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// counter counts wake-ups.
func counter(b *notify.Bus, topic string) (n *atomic.Int64, end func()) {
	n = new(atomic.Int64)
	return n, b.Watch(topic, func() { n.Add(1) })
}

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Wakes is that a publish wakes who waits on another node, and nobody else; that nobody is
// woken twice, and nothing goes in circles.
func Wakes(t *testing.T, e Engine) {
	a, b := pair(t, e)
	here, end := counter(a.bus, "owner")
	defer end()
	there, end := counter(b.bus, "owner")
	defer end()
	other, end := counter(b.bus, "another")
	defer end()
	sent := a.wire.frames.Load() + b.wire.frames.Load()
	a.bus.Publish("owner")
	await(t, "the other node wakes", func() bool { return there.Load() > 0 })
	time.Sleep(100 * time.Millisecond)
	if here.Load() != 1 || there.Load() != 1 || other.Load() != 0 {
		t.Errorf("woken %d times here, %d there, and %d of another topic", here.Load(), there.Load(), other.Load())
	}
	if n := a.wire.frames.Load() + b.wire.frames.Load() - sent; n != 1 {
		t.Errorf("%d frames for one hint", n)
	}
}

// Each of many topics wakes the other node, whoever publishes meanwhile.
func testNoneLost(t *testing.T, e Engine) {
	a, b := pair(t, e)
	const topics = 3000
	var wakes [topics]atomic.Int64
	for i := range topics {
		defer b.bus.Watch(fmt.Sprint("topic ", i), func() { wakes[i].Add(1) })()
	}
	var all sync.WaitGroup
	for of := range 6 {
		all.Go(func() {
			for i := of; i < topics; i += 6 {
				a.bus.Publish(fmt.Sprint("topic ", i))
				if i%100 < 6 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	all.Wait()
	await(t, "every topic wakes", func() bool {
		return !slices.ContainsFunc(indices(topics), func(i int) bool { return wakes[i].Load() == 0 })
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// What is published again and again in a moment is told a few times.
func testCoalesces(t *testing.T, e Engine) {
	a, b := pair(t, e)
	there, end := counter(b.bus, "busy")
	defer end()
	sent := a.wire.frames.Load()
	began := time.Now()
	const times = 20_000
	for i := range times {
		a.bus.Publish("busy")
		if i%1000 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	await(t, "the other node wakes", func() bool { return there.Load() > 0 })
	time.Sleep(100 * time.Millisecond)
	_, pace := a.wire.Limits()
	most := int64(time.Since(began)/pace) + 2
	if n := a.wire.frames.Load() - sent; n > most || n > times/10 || there.Load() > n {
		t.Errorf("%d frames and %d wake-ups for one topic, of at most %d", n, there.Load(), most)
	}
}

// More topics than anybody waits for become one hint: look at everything. It wakes all. None
// goes before all are there, so that it is the same however fast they come.
func testFlood(t *testing.T, e Engine) {
	a, b := pair(t, e)
	there, end := counter(b.bus, "bystander")
	defer end()
	a.wire.gate.Lock()
	frames, octets := a.wire.frames.Load(), a.wire.octets.Load()
	for i := range 100_000 {
		a.bus.Publish(fmt.Sprint("flood ", i))
	}
	a.wire.gate.Unlock()
	await(t, "who watches anything wakes", func() bool { return there.Load() > 0 })
	quiet, end := counter(b.bus, "after")
	defer end()
	a.bus.Publish("after")
	await(t, "hints come after a flood", func() bool { return quiet.Load() > 0 })
	// What was on its way, that one, and the one after it; once more each where the wire refused it.
	frames, octets = a.wire.frames.Load()-frames, a.wire.octets.Load()-octets
	longest, _ := a.wire.Limits()
	if frames > 6 || octets > 6*int64(longest) {
		t.Errorf("%d frames of %d octets for a flood", frames, octets)
	}
}

// What strangers say wakes nobody, and who is told in the midst of it is.
func testGarbage(t *testing.T, e Engine) {
	a, b := pair(t, e)
	stranger := start(t, e, bytes.Repeat([]byte{8}, 32))
	there, end := counter(b.bus, "owner")
	defer end()
	for _, octets := range [][]byte{{}, {0}, []byte("owner"), {1}, bytes.Repeat([]byte{1}, 200), bytes.Repeat([]byte("A"), 5000), []byte("%s'; --\x7f")} {
		e.Shout(t, octets)
	}
	for range 20 {
		stranger.bus.Publish("owner")
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if n := there.Load(); n != 0 {
		t.Errorf("strangers woke %d times", n)
	}
	a.bus.Publish("owner")
	await(t, "the other node wakes", func() bool { return there.Load() > 0 })
}

// Who runs the wire sees no account id, in any form, nor which hints are
// of one account, nor of what kind.
func testTellsNothing(t *testing.T, e Engine) {
	a, b := pair(t, e)
	var mu sync.Mutex
	var heard [][]byte
	e.Overhear(t, func(octets []byte) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, bytes.Clone(octets))
	})
	const id = "5eed0123456789ab"
	topics := []string{id, id, "outbox " + id, "cabinet " + id, "sign-in " + id}
	for _, topic := range topics {
		there, end := counter(b.bus, topic)
		a.bus.Publish(topic)
		await(t, "the other node wakes", func() bool { return there.Load() > 0 })
		end()
		time.Sleep(20 * time.Millisecond)
	}
	await(t, "the wire is overheard", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(heard) >= len(topics)
	})
	mu.Lock()
	defer mu.Unlock()
	raw, _ := hex.DecodeString(id)
	length := map[int]bool{}
	for _, octets := range heard {
		length[len(octets)] = true
		if Names(octets, []byte(id)) || Names(octets, raw) || Names(octets, []byte("outbox")) {
			t.Errorf("the wire says whose change it is: %q", octets)
		}
	}
	if len(length) != 1 {
		t.Errorf("frames of one hint are of %d lengths", len(length))
	}
	for i, octets := range heard {
		if slices.ContainsFunc(heard[:i], func(o []byte) bool { return bytes.Equal(o, octets) }) {
			t.Error("two frames are the same")
		}
	}
}

// Names says whether a word is in octets: as it is, in hex, or in base64 at any place.
func Names(octets, word []byte) bool {
	if bytes.Contains(octets, word) || bytes.Contains(bytes.ToLower(octets), []byte(hex.EncodeToString(word))) {
		return true
	}
	for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for from := range 4 {
			// A part of it that is whole may begin anywhere.
			if from < len(octets) {
				part := octets[from : from+(len(octets)-from)/4*4]
				if plain, err := code.DecodeString(string(part)); err == nil && bytes.Contains(plain, word) {
					return true
				}
			}
		}
	}
	return false
}

// What was published before a node stopped is told.
func testLastWords(t *testing.T, e Engine) {
	a, b := pair(t, e)
	there, end := counter(b.bus, "goodbye")
	defer end()
	a.bus.Publish("goodbye")
	a.stop()
	await(t, "the other node wakes", func() bool { return there.Load() > 0 })
}

// The engine goes and comes back: nobody waits for it, it is said once, what was published
// meanwhile is told, and everybody looks.
func testGoneAndBack(t *testing.T, e Engine) {
	a, b := pair(t, e)
	told, end := counter(b.bus, "meanwhile")
	defer end()
	e.Stop(t)
	await(t, "it is logged that hints do not come", func() bool { return strings.Contains(b.said.String(), "level=WARN") })
	began := time.Now()
	for i := range 100_000 {
		a.bus.Publish([]string{"meanwhile", "and", "others"}[i%3])
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("100,000 publishes took %v without the engine", d)
	}
	time.Sleep(2 * time.Second)
	if told.Load() != 0 {
		t.Error("told over an engine that is stopped")
	}
	bystander, end := counter(b.bus, "bystander")
	defer end()
	e.Start(t)
	await(t, "what was published meanwhile is told", func() bool { return told.Load() > 0 })
	await(t, "everybody looks", func() bool { return bystander.Load() > 0 })
	meet(t, a, b)
	meet(t, b, a)
	for _, n := range []*node{a, b} {
		said := n.said.String()
		if strings.Count(said, "are not told, and are seen") != 1 || strings.Count(said, "are told again") > 2 {
			t.Errorf("it is said more than once, or never:\n%s", said)
		}
	}
}

// Latency measures how long a publish on one node takes to wake another: p50, p99 and the
// longest, in milliseconds.
func Latency(b *testing.B, e Engine) {
	x, y := pair(b, e)
	woken, end := y.bus.Subscribe("owner")
	defer end()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		x.bus.Publish("owner")
		select {
		case <-woken:
		case <-time.After(patience):
			b.Fatal("not woken")
		}
		took = append(took, time.Since(began))
		time.Sleep(6 * time.Millisecond) // longer than any pace: each is told alone
	}
	slices.Sort(took)
	at := func(percent int) float64 {
		return float64(took[min(len(took)*percent/100, len(took)-1)].Microseconds()) / 1000
	}
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(at(100), "max-ms")
	b.ReportMetric(0, "ns/op") // which counts the pauses
}
