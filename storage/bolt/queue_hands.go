package bolt

import (
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/smtp/outbound/queue"
)

// markWithin is how long a mail is in a sender's hands before that is written
// down, unless a commit takes it along sooner.
const markWithin = 200 * time.Millisecond

// hands writes down which mails are being sent, in passing: what stands there
// when a process starts was being sent when the last one died, and may arrive
// twice. It is a count, not a guard: a sending that takes no time leaves no mark,
// and a mark costs no commit where there are others.
type hands struct {
	mu      sync.Mutex
	due     map[queue.ID]bool // marks to write (true) or to remove
	written map[queue.ID]bool
	timer   *time.Timer // runs while something is due
	flush   func()
}

// take says that a mail is in somebody's hands.
func (h *hands) take(id queue.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(id, true)
}

// leave says that it is in nobody's hands any more.
func (h *hands) leave(id queue.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(id, false)
}

// found is told of a mark that the last process left: it is removed.
func (h *hands) found(id queue.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.make()
	h.written[id] = true
	h.note(id, false)
}

func (h *hands) make() {
	if h.due == nil {
		h.due, h.written = map[queue.ID]bool{}, map[queue.ID]bool{}
	}
}

func (h *hands) note(id queue.ID, held bool) {
	if h.written[id] == held {
		delete(h.due, id)
		return
	}
	h.make()
	h.due[id] = held
	if h.timer == nil {
		h.timer = time.AfterFunc(markWithin, h.flush)
	}
}

// write puts all that is due into a commit.
func (h *hands) write(b *bbolt.Bucket) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := put{}
	for id, held := range h.due {
		if held {
			p.put(b, []byte(id), nil)
			h.written[id] = true
		} else {
			p.delete(b, []byte(id))
			delete(h.written, id)
		}
	}
	clear(h.due)
	h.rest()
	return p.err
}

// rest stops the timer; h.mu is held.
func (h *hands) rest() {
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
}

// idle says whether nothing is due, and stops the timer.
func (h *hands) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest()
	return len(h.due) == 0
}
