package s3

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"sealpost/filestore/packs"
)

// packer packs what several Puts of one rule have in small blobs at the same time. A pack is
// sent when it is full, or when its first blob has waited a little, and while several are
// under way already it waits for one of them: the busier it is the fuller packs become.
type packer struct {
	b      *Blobs
	rule   *rule
	wake   chan struct{}
	full   chan struct{}
	stop   chan struct{}
	over   chan struct{}  // closed when run has ended
	flight chan struct{}  // a place for each pack under way
	flying sync.WaitGroup // packs under way

	mu     sync.Mutex
	queue  []*wish
	octets int
	closed bool
}

// wish is an order that waits for the rest of it to be packed.
type wish struct {
	*order
	done    chan error
	left    bool // nobody waits any more; under packer.mu, like settled
	settled bool // it is being told to the index
}

func newPacker(b *Blobs, r *rule) *packer {
	return &packer{
		b: b, rule: r,
		wake:   make(chan struct{}, 1),
		full:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		over:   make(chan struct{}),
		flight: make(chan struct{}, b.o.Packs),
	}
}

// store makes an order's blobs durable and known. When ctx ends first they never become known.
func (p *packer) store(ctx context.Context, o *order) error {
	if len(o.pending) == 0 {
		return p.tell(ctx, o.objects, o.entries)
	}
	w := &wish{order: o, done: make(chan error, 1)}
	if err := p.ask(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return p.leave(ctx, w)
	}
}

// tell adds to the index. What that failed of may be there all the same, so its objects stay
// until the sweep.
func (p *packer) tell(ctx context.Context, objects []packs.Object, entries []packs.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for _, o := range objects {
		if p.b.o.Now().Sub(o.Made) > late {
			return errors.New("object is too old to be told to the index")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	return p.b.index.Add(ctx, objects, entries)
}

// indexTime is how long the index may take for one call.
const indexTime = 30 * time.Second

func (p *packer) ask(w *wish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	p.queue = append(p.queue, w)
	p.octets += w.octets
	call(p.wake)
	if p.octets >= p.b.o.Pack {
		call(p.full)
	}
	return nil
}

func call(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// leave gives a wish up, unless it is being granted.
func (p *packer) leave(ctx context.Context, w *wish) error {
	p.mu.Lock()
	w.left = !w.settled
	p.mu.Unlock()
	if w.left {
		p.b.discard(ctx, w.objects)
		return ctx.Err()
	}
	return <-w.done
}

// close sends what is queued.
func (p *packer) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	close(p.stop)
	<-p.over
}

func (p *packer) run(ctx context.Context) {
	defer close(p.over)
	defer p.flying.Wait()
	for stopped := false; !stopped; {
		select {
		case <-p.wake:
		case <-p.stop:
			stopped = true
		}
		for p.gather(stopped) {
			p.flight <- struct{}{}
			group := p.take()
			p.flying.Go(func() {
				defer func() { <-p.flight }()
				p.grant(ctx, group)
			})
		}
	}
}

// gather waits for a pack to become full or old enough, and reports whether there is one.
func (p *packer) gather(stopped bool) bool {
	p.mu.Lock()
	waiting, octets := len(p.queue), p.octets
	p.mu.Unlock()
	if waiting == 0 || stopped || octets >= p.b.o.Pack {
		return waiting > 0
	}
	t := time.NewTimer(p.b.o.Wait)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case <-p.stop:
			return true
		case <-p.full: // perhaps of what has gone since
			p.mu.Lock()
			octets = p.octets
			p.mu.Unlock()
			if octets >= p.b.o.Pack {
				return true
			}
		}
	}
}

// take returns the next pack's wishes, without those that nobody waits for.
func (p *packer) take() (group []*wish) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	for len(p.queue) > 0 && size < p.b.o.Pack {
		w := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.octets -= w.octets
		if !w.left {
			size += w.octets
			group = append(group, w)
		}
	}
	return group
}

// grant stores one pack and answers to those who wait for it.
func (p *packer) grant(ctx context.Context, group []*wish) {
	var frames []frame
	for _, w := range group {
		frames = append(frames, w.pending...)
	}
	if len(frames) == 0 {
		return
	}
	object, entries, err := p.b.sendPack(ctx, p.rule, frames)
	if err == nil {
		err = p.settle(ctx, group, object, entries)
	}
	p.mu.Lock()
	for _, w := range group {
		w.settled = !w.left
	}
	p.mu.Unlock()
	for _, w := range group {
		w.done <- err
	}
}

// settle tells the index of a pack and of what else the orders in it stored, but for what
// nobody waits for any more.
func (p *packer) settle(ctx context.Context, group []*wish, pack packs.Object, packed []packs.Entry) error {
	objects := []packs.Object{pack}
	var entries []packs.Entry
	p.mu.Lock()
	for _, w := range group {
		mine := packed[:len(w.pending)]
		packed = packed[len(w.pending):]
		if w.settled = !w.left; !w.settled {
			continue
		}
		objects = append(objects, w.objects...)
		entries = append(append(entries, mine...), w.entries...)
	}
	p.mu.Unlock()
	if len(entries) == 0 {
		p.b.discard(ctx, []packs.Object{pack})
		return nil
	}
	return p.tell(ctx, objects, entries)
}
