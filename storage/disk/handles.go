package disk

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// openSegments is how many segment files stay open for the next reader.
const openSegments = 64

// handles keeps a bounded number of segment files open, those used last. Files
// in use do not count: they stay open as long as somebody reads them.
type handles struct {
	fs  FS
	dir string

	mu   sync.Mutex
	open map[uint32]*handle
	idle *list.List // of *handle, the longest idle first
	over bool
}

// handle is an open segment file with a count of its readers.
type handle struct {
	File
	number uint32
	users  int
	stale  bool          // replaced or removed: closed after its last reader
	idle   *list.Element // its place among the idle, when nobody uses it
}

func newHandles(fs FS, dir string) *handles {
	return &handles{fs: fs, dir: dir, open: map[uint32]*handle{}, idle: list.New()}
}

func (c *handles) path(name string) string { return filepath.Join(c.dir, name) }

// acquire opens a segment's file, or takes the one that is open.
func (c *handles) acquire(number uint32) (*handle, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil, os.ErrClosed
	}
	if h := c.open[number]; h != nil {
		if h.idle != nil {
			c.idle.Remove(h.idle)
			h.idle = nil
		}
		h.users++
		return h, nil
	}
	f, err := c.fs.OpenFile(c.path(segmentName(number)), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open segment %d: %w", number, err)
	}
	return c.add(number, f), nil
}

// adopt takes over the file of a segment that was just created.
func (c *handles) adopt(number uint32, f File) *handle {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(number, f)
}

func (c *handles) add(number uint32, f File) *handle {
	h := &handle{File: f, number: number, users: 1}
	c.open[number] = h
	return h
}

func (c *handles) release(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.users--; h.users > 0 {
		return
	}
	if h.stale {
		h.Close()
		return
	}
	h.idle = c.idle.PushBack(h)
	if c.idle.Len() > openSegments {
		oldest := c.idle.Remove(c.idle.Front()).(*handle)
		delete(c.open, oldest.number)
		oldest.Close()
	}
}

// forget makes the next acquire open the file anew: it was replaced or removed.
func (c *handles) forget(number uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.open[number]
	if h == nil {
		return
	}
	delete(c.open, number)
	h.stale = true
	if h.idle != nil {
		c.idle.Remove(h.idle)
		h.Close()
	}
}

// close closes the idle files; the others close after their last reader.
func (c *handles) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	var errs []error
	for n, h := range c.open {
		delete(c.open, n)
		h.stale = true
		if h.idle != nil {
			errs = append(errs, h.Close())
		}
	}
	c.idle.Init()
	return errors.Join(errs...)
}
