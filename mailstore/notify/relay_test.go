package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cable joins relays in memory. It can be cut, or hang.
type cable struct {
	mu    sync.Mutex
	ears  []Ear
	sent  [][]byte
	cut   bool
	hangs bool
}

func (c *cable) Limits() (int, time.Duration) { return 2048, 5 * time.Millisecond }
func (c *cable) Close() error                 { return nil }

func (c *cable) Listen(ctx context.Context, e Ear) {
	c.mu.Lock()
	c.ears = append(c.ears, e)
	c.mu.Unlock()
	e.Up()
	<-ctx.Done()
}

func (c *cable) Send(ctx context.Context, frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hangs {
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		return ctx.Err()
	}
	if c.cut {
		return errors.New("cut")
	}
	c.sent = append(c.sent, frame)
	for _, e := range c.ears {
		e.Hear(bytes.Clone(frame))
	}
	return nil
}

func (c *cable) set(cut, hangs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut, c.hangs = cut, hangs
}

// joined is a bus on a cable, until the test ends.
func joined(t *testing.T, c *cable, log *bytes.Buffer) *Bus {
	b := new(Bus)
	r := NewRelay(b, c, frameSecret, slog.New(slog.NewTextHandler(log, nil)))
	r.Every = 24 * time.Hour
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	return b
}

// A wire that is cut or hangs holds nobody up and takes bounded memory; what was published
// meanwhile goes when it is back, and each of both is said once.
func TestRelayOverACutWire(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var c cable
			var log bytes.Buffer
			a, b := joined(t, &c, &log), joined(t, &c, new(bytes.Buffer))
			time.Sleep(time.Second) // for the looks at the beginning
			woken, end := b.Subscribe("owner")
			defer end()
			c.set(!hangs, hangs)
			began := time.Now()
			for range 1000 {
				a.Publish("owner")
			}
			if time.Since(began) > 0 { // of a clock that stands while anybody runs
				t.Error("Publish waits for the wire")
			}
			time.Sleep(20 * time.Second)
			select {
			case <-woken:
				t.Error("woken over a cut wire")
			default:
			}
			c.set(false, false)
			time.Sleep(sendTime + retryMost)
			select {
			case <-woken:
			default:
				t.Error("what was published meanwhile is lost")
			}
			synctest.Wait()
			if n := strings.Count(log.String(), "\n"); n != 2 {
				t.Errorf("%d lines:\n%s", n, log.String())
			}
		})
	}
}

// What waits is bounded, and frames are within their limit.
func TestRelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		a := new(Bus)
		r := NewRelay(a, &c, frameSecret, slog.New(slog.DiscardHandler))
		for i := range 1000 {
			a.Publish(fmt.Sprint("topic ", i))
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(c.sent) < 5 || len(c.sent) > 12 {
			t.Errorf("%d frames for 1,000 topics", len(c.sent))
		}
		for _, frame := range c.sent {
			if len(frame) > 2048 {
				t.Errorf("a frame of %d octets", len(frame))
			}
		}
		c.set(true, false)
		sent := len(c.sent)
		for i := range 100_000 {
			a.Publish(fmt.Sprint("topic ", i))
			r.mu.Lock()
			n := len(r.waiting)
			r.mu.Unlock()
			if n > maxWaiting {
				t.Fatalf("%d wait", n)
			}
		}
		c.set(false, false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(c.sent) - sent; n != 1 {
			t.Errorf("%d frames for too many topics, want one for everything", n)
		}
		stop()
		<-done
	})
}

// What another process of the same secret makes up does no harm; its own frames are nobody's.
func TestRelayIgnores(t *testing.T) {
	t.Parallel()
	var c cable
	b := new(Bus)
	r := NewRelay(b, &c, frameSecret, slog.New(slog.DiscardHandler))
	woken, end := b.Subscribe("owner")
	defer end()
	for _, frame := range [][]byte{nil, {1}, bytes.Repeat([]byte{1}, frameMost+1), r.seal.seal(false, []string{"owner"}), newSealer([]byte("other")).seal(false, []string{"owner"})} {
		r.Hear(frame)
	}
	select {
	case <-woken:
		t.Error("woken by what is none")
	default:
	}
	r.Hear(newSealer(frameSecret).seal(false, []string{"owner"}))
	select {
	case <-woken:
	default:
		t.Error("not woken")
	}
}

// An id is looked at once however often it was marked, again if it was marked meanwhile,
// and again if it failed.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Recheck[string]
		for range 100 {
			r.Mark("a")
			r.Mark("b")
		}
		var mu sync.Mutex
		looks := map[string]int{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx, func(_ context.Context, id string) error {
				mu.Lock()
				looks[id]++
				n := looks[id]
				mu.Unlock()
				switch {
				case id == "b" && n < 3:
					return errors.New("not now")
				case id == "c" && n == 1:
					r.Mark("c")
				}
				return nil
			})
		}()
		synctest.Wait()
		r.Mark("c")
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if looks["a"] != 1 || looks["b"] != 3 || looks["c"] != 2 {
			t.Errorf("looked %v times", looks)
		}
		stop()
		<-done
	})
}
