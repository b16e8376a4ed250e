package disk

import (
	"context"
	"os"
	"sync"
)

// appender writes all small blobs. One goroutine takes everything that was
// queued while it wrote and synced what came before, writes it, syncs once and
// answers: no timer, and the busier it is the fewer syncs a blob costs.
//
// A write or sync that fails is final for its segment: what the kernel kept of
// it cannot be known. The group is refused, what stood in the segment before
// stays, and the next group begins a new one.
type appender struct {
	b     *Blobs
	wake  chan struct{}
	rolls chan chan struct{}
	stop  chan struct{}
	over  chan struct{} // closed when run has ended

	mu     sync.Mutex
	queue  []*wish
	closed bool

	// What follows belongs to the goroutine.
	next      uint32   // number of the next segment
	seg       *segment // open, or nil
	file      *handle  // of seg
	allocated int64    // how far room is reserved in file
	stage     []byte   // frames that are not written yet
	staged    int64    // where they go
}

// wish is a Put's frames on their way to be durable.
type wish struct {
	r       *renderer
	entries []entry // where they were written
	done    chan error
	left    bool // nobody waits any more; under appender.mu, like settled
	settled bool // done is about to get its answer
}

const (
	groupBytes    = 8 << 20   // one slow group does not hold up all
	stageBytes    = 256 << 10 // written at once
	allocateBytes = 4 << 20
)

func newAppender(b *Blobs) *appender {
	return &appender{
		b:     b,
		wake:  make(chan struct{}, 1),
		rolls: make(chan chan struct{}),
		stop:  make(chan struct{}),
		over:  make(chan struct{}),
	}
}

// store makes the small frames of r durable and visible, and stamps their ids.
// It releases r, now or, when ctx ends first, as soon as the disk answers.
func (a *appender) store(ctx context.Context, r *renderer) error {
	if r.bytes() == 0 {
		r.release()
		return nil
	}
	w := &wish{r: r, done: make(chan error, 1)}
	if err := a.ask(w); err != nil {
		r.release()
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return a.leave(ctx, w)
	}
}

func (a *appender) ask(w *wish) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return os.ErrClosed
	}
	a.queue = append(a.queue, w)
	a.call()
	return nil
}

// leave gives a wish up, unless it has been granted already.
func (a *appender) leave(ctx context.Context, w *wish) error {
	a.mu.Lock()
	w.left = !w.settled
	a.mu.Unlock()
	if w.left {
		return ctx.Err()
	}
	return <-w.done
}

// roll closes the open segment, so that it can be compacted.
func (a *appender) roll() error {
	done := make(chan struct{})
	select {
	case a.rolls <- done:
		<-done
		return nil
	case <-a.over:
		return os.ErrClosed
	}
}

// close writes what is queued and closes the open segment.
func (a *appender) close() {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.stop)
	}
	a.mu.Unlock()
	<-a.over
}

func (a *appender) run() {
	defer close(a.over)
	for {
		select {
		case <-a.wake:
			a.grant()
		case done := <-a.rolls: // has its turn however long the queue is
			a.finish()
			close(done)
		case <-a.stop:
			for a.grant() {
			}
			a.finish()
			return
		}
	}
}

// grant serves the next group, and reports whether more are waiting.
func (a *appender) grant() bool {
	group, more := a.take()
	if len(group) == 0 {
		return more
	}
	size := int64(0)
	for _, w := range group {
		size += int64(w.r.bytes())
	}
	err := a.b.room(size)
	if err == nil {
		if err = a.commit(group, size); err != nil {
			a.abandon(err)
		}
	}
	a.settle(group, err)
	return more
}

// take returns the next group, without whom nobody waits for. If it leaves some
// it sees to it that they are thought of.
func (a *appender) take() (group []*wish, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := 0
	for len(a.queue) > 0 && size < groupBytes {
		w := a.queue[0]
		a.queue[0] = nil
		a.queue = a.queue[1:]
		if w.left {
			w.r.release()
			continue
		}
		size += w.r.bytes()
		group = append(group, w)
	}
	if len(a.queue) > 0 {
		a.call()
	}
	return group, len(a.queue) > 0
}

// call wakes the goroutine, once for however many.
func (a *appender) call() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
