package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Wire carries frames between nodes: what an engine does. It knows nothing of what is in one.
type Wire interface {
	// Listen gives every frame that comes to the ear until ctx ends. It connects again for
	// ever, and says when it is connected and when no more.
	Listen(ctx context.Context, e Ear)
	// Send gives a frame to all other nodes that listen. A frame for which it fails may have come
	// or not. It is not called twice at a time, and has a deadline.
	Send(ctx context.Context, frame []byte) error
	// Limits are the octets of the longest frame, and the least time between two.
	Limits() (octets int, pace time.Duration)
	// Close gives back what Send used.
	Close() error
}

// Ear is who listens to a wire. Its methods return at once, and are safe for concurrent use.
type Ear interface {
	Hear(frame []byte) // which the wire may use again
	Up()               // all frames from now on are heard; some may not have been
	Down(why error)    // frames may be missed from now on; why says no more than may be logged
}

const (
	// maxWaiting bounds the topics that wait to be sent. Beyond it all nodes look at everything.
	maxWaiting = 4096

	sendTime  = 5 * time.Second
	lastTime  = time.Second // for what waits when the node stops
	lastPause = 10 * time.Millisecond
	retryMost = 2 * time.Second
)

// Relay joins a Bus with those of other nodes. What cannot be sent waits, each topic once,
// or becomes one hint that everything may have changed: a wire that is gone costs time alone.
type Relay struct {
	Every time.Duration // how often everybody looks; 0: LookEvery. Set before Run

	bus  *Bus
	wire Wire
	seal *sealer
	log  *slog.Logger
	most int // octets of topics in a frame
	pace time.Duration

	mu         sync.Mutex
	waiting    map[string]struct{}
	everything bool
	more       chan struct{} // holds one while something waits

	mood sync.Mutex
	deaf bool // it was said that no hints come
	mute bool // or that none go
}

// NewRelay makes the relay of a bus that nobody uses yet. All nodes have the same secret, of 32
// random octets. Run does its work.
func NewRelay(b *Bus, w Wire, secret []byte, log *slog.Logger) *Relay {
	octets, pace := w.Limits()
	r := &Relay{
		bus: b, wire: w, seal: newSealer(secret), log: log, pace: pace,
		most: room(min(max(octets, frameLeast), frameMost)), waiting: map[string]struct{}{}, more: make(chan struct{}, 1),
	}
	b.relay = r.publish
	return r
}

// publish notes a topic for the other nodes.
func (r *Relay) publish(topic string) {
	r.mu.Lock()
	r.note(topic)
	r.mu.Unlock()
	r.ring()
}

func (r *Relay) note(topic string) {
	switch {
	case r.everything:
	case len(topic) == 0 || len(topic) > topicMost || len(r.waiting) >= maxWaiting:
		r.everything = true
		clear(r.waiting)
	default:
		r.waiting[topic] = struct{}{}
	}
}

func (r *Relay) ring() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// Run carries hints in both directions, and has everybody look each minute, until ctx ends.
// What waits then is sent.
func (r *Relay) Run(ctx context.Context) {
	every := r.Every
	if every == 0 {
		every = LookEvery
	}
	var all sync.WaitGroup
	all.Go(func() { r.bus.Look(ctx, every) })
	all.Go(func() { r.wire.Listen(ctx, r) })
	r.sendAll(ctx)
	all.Wait()
	if err := r.wire.Close(); err != nil {
		r.log.Warn("what joins the nodes was not closed", "error", err)
	}
}

func (r *Relay) sendAll(ctx context.Context) {
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			r.last(ctx)
			return
		case <-r.more:
		}
		wait := r.pace
		if r.sendSome(ctx, sendTime) {
			failed = 0
		} else {
			failed++
			wait = min(50*time.Millisecond<<min(failed, 6), retryMost)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// last sends what waits, and does not try for long.
func (r *Relay) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer cancel()
	for r.left() && ctx.Err() == nil {
		if !r.sendSome(ctx, lastTime) {
			time.Sleep(lastPause) // who did little and leaves may not be connected yet
		}
	}
}

func (r *Relay) left() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.everything || len(r.waiting) > 0
}

// sendSome sends one frame, and says whether it went. What did not go waits on.
func (r *Relay) sendSome(ctx context.Context, within time.Duration) bool {
	everything, topics := r.take()
	if !everything && len(topics) == 0 {
		return true
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := r.wire.Send(limited, r.seal.seal(everything, topics))
	switch {
	case err == nil:
		r.tell(&r.mute, false, "other nodes are told of changes again")
	case ctx.Err() == nil: // this node does not stop
		r.tell(&r.mute, true, "other nodes are not told of changes, and see them within a minute")
		fallthrough
	default:
		r.putBack(everything, topics)
	}
	if r.left() {
		r.ring()
	}
	return err == nil
}

// take takes as much of what waits as fits into a frame.
func (r *Relay) take() (everything bool, topics []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.everything {
		r.everything = false
		return true, nil
	}
	used := 0
	for t := range r.waiting {
		if used += 1 + len(t); used > r.most {
			break
		}
		topics = append(topics, t)
		delete(r.waiting, t)
	}
	return false, topics
}

func (r *Relay) putBack(everything bool, topics []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if everything {
		r.everything = true
		clear(r.waiting)
	}
	for _, t := range topics {
		r.note(t)
	}
}

// Hear wakes who watches what another node published. What is none of ours is ignored.
func (r *Relay) Hear(frame []byte) {
	everything, own, topics, err := r.seal.open(frame)
	switch {
	case err != nil || own:
	case everything:
		r.bus.Gap()
	default:
		for _, t := range topics {
			r.bus.Wake(t)
		}
	}
}

// Up has everybody look: something may have been missed.
func (r *Relay) Up() {
	r.tell(&r.deaf, false, "changes on other nodes are told again")
	r.bus.Gap()
}

// Down says once that hints do not come.
func (r *Relay) Down(why error) {
	r.tell(&r.deaf, true, "changes on other nodes are not told, and are seen within a minute", "error", why)
}

// tell logs that something began or ended, once each.
func (r *Relay) tell(state *bool, now bool, message string, args ...any) {
	r.mood.Lock()
	defer r.mood.Unlock()
	switch {
	case *state == now:
		return
	case now:
		r.log.Warn(message, args...)
	default:
		r.log.Info(message)
	}
	*state = now
}
