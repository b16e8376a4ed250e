package disk

import (
	"context"
	"errors"
	"fmt"
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
	select {
	case a.wake <- struct{}{}:
	default:
	}
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
			a.drain()
		case done := <-a.rolls:
			a.finish()
			close(done)
		case <-a.stop:
			a.drain()
			a.finish()
			return
		}
	}
}

func (a *appender) drain() {
	for group := a.take(); len(group) > 0; group = a.take() {
		err := a.commit(group)
		if err != nil {
			a.abandon(err)
		}
		a.settle(group, err)
	}
}

// take returns the next group and drops whom nobody waits for.
func (a *appender) take() (group []*wish) {
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
	return group
}

// commit writes a group's frames and syncs them.
func (a *appender) commit(group []*wish) error {
	if err := a.ready(); err != nil {
		return err
	}
	size := int64(0)
	for _, w := range group {
		size += int64(w.r.bytes())
	}
	a.allocate(a.seg.end + size)
	a.staged = a.seg.end
	for _, w := range group {
		if err := a.write(w); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
	}
	if err := a.flush(); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}

// write stamps a Put's frames and writes them or leaves them in stage.
func (a *appender) write(w *wish) error {
	now := a.b.o.Now()
	for _, f := range w.r.frames {
		if f.large {
			continue
		}
		_, t := split(f.id)
		f.id = join(a.seg.number, t)
		header{f.id, f.length, now}.put(f.buf)
		off := a.staged + int64(len(a.stage))
		w.entries = append(w.entries, entry{t, place{uint32(off), uint32(f.length), uint32(now.Unix())}})
		if err := a.push(f.buf); err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) push(frame []byte) error {
	if a.stage == nil {
		a.stage = make([]byte, 0, stageBytes)
	}
	if len(a.stage)+len(frame) > cap(a.stage) {
		if err := a.flush(); err != nil {
			return err
		}
	}
	if len(frame) <= cap(a.stage) {
		a.stage = append(a.stage, frame...)
		return nil
	}
	_, err := a.file.WriteAt(frame, a.staged)
	a.staged += int64(len(frame))
	return err
}

func (a *appender) flush() error {
	if len(a.stage) == 0 {
		return nil
	}
	_, err := a.file.WriteAt(a.stage, a.staged)
	a.staged += int64(len(a.stage))
	a.stage = a.stage[:0]
	return err
}

// allocate reserves room up to end and some more. It may fail: that there is no
// room is found out when it is needed.
func (a *appender) allocate(end int64) {
	if end <= a.allocated {
		return
	}
	from := max(a.allocated, a.seg.end)
	a.allocated = max(end, from+allocateBytes)
	a.file.Allocate(from, a.allocated-from)
}

// settle answers to a group that was committed or refused.
func (a *appender) settle(group []*wish, err error) {
	a.mu.Lock()
	for _, w := range group {
		w.settled = !w.left
	}
	a.mu.Unlock()
	if err == nil {
		a.publish(group)
	}
	for _, w := range group {
		w.r.release()
		if w.settled {
			w.done <- err
		}
	}
}

// publish makes a group's blobs visible; those that nobody waits for are dead.
func (a *appender) publish(group []*wish) {
	var list []entry
	var dead []tail
	for _, w := range group {
		if w.settled {
			list = append(list, w.entries...)
			continue
		}
		for _, e := range w.entries {
			dead = append(dead, e.tail)
		}
	}
	a.seg.add(list, a.staged)
	a.seg.writeDead(dead)
}

// ready makes sure that a segment is open that has not reached its length.
func (a *appender) ready() error {
	if a.seg != nil && a.seg.end >= a.b.o.Segment {
		a.finish()
	}
	if a.seg != nil {
		return nil
	}
	if err := a.begin(); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	return nil
}

func (a *appender) begin() error {
	if a.next == noSegment {
		return errors.New("no segment numbers are left")
	}
	handles, number := a.b.handles, a.next
	path := handles.path(segmentName(number))
	f, err := handles.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, os.ErrExist) {
		a.next++ // it could not be removed once
	}
	if err != nil {
		return err
	}
	if err := handles.fs.SyncDir(handles.dir); err != nil {
		f.Close()
		handles.fs.Remove(path)
		return err
	}
	a.next++
	s := a.b.newSegment(number)
	s.index = memory{}
	a.open(s, handles.adopt(number, f))
	a.b.keep(s) // as open: compaction would take it for an empty one
	return nil
}

func (a *appender) open(s *segment, h *handle) {
	s.setOpen(true)
	a.seg, a.file, a.allocated = s, h, 0
}

func (a *appender) letGo() {
	a.seg.setOpen(false)
	a.b.handles.release(a.file)
	a.seg, a.file = nil, nil
}

// finish closes the open segment for ever.
func (a *appender) finish() {
	if a.seg == nil {
		return
	}
	if a.seg.end == 0 {
		a.b.drop(a.seg)
	} else if err := a.seg.close(a.file); err != nil {
		a.b.o.Log.Warn("segment was closed without an index", "segment", a.seg.number, "error", err)
	}
	a.letGo()
}

// abandon gives up the open segment after a failure and keeps what stood in it
// before. What the failed group left behind it is cut off if that works; if
// not, a crash can at worst turn it into blobs that the sweeper deletes.
func (a *appender) abandon(cause error) {
	a.stage = a.stage[:0]
	if a.seg == nil {
		return
	}
	a.b.o.Log.Warn("segment was given up", "segment", a.seg.number, "error", cause)
	if a.seg.end == 0 {
		a.b.drop(a.seg)
	} else if err := a.file.Truncate(a.seg.end); err != nil {
		a.b.o.Log.Warn("segment was not cut", "segment", a.seg.number, "error", err)
	}
	a.letGo()
}

// resume opens the last segment again, without what a crash left at its end. If
// that cannot be done the segment stays as it is, and the next Put begins another.
func (a *appender) resume() error {
	last := uint32(0)
	for n := range a.b.segments {
		last = max(last, n)
	}
	a.next = last + 1
	if last == noSegment {
		return nil
	}
	s := a.b.segments[last]
	h, err := s.reopen(a.b.o.Segment)
	if err != nil {
		a.b.o.Log.Warn("last segment is left as it is", "segment", last, "error", err)
		return nil
	}
	if h != nil {
		a.open(s, h)
	}
	return nil
}
