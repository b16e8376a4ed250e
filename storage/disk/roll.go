package disk

import (
	"errors"
	"fmt"
	"os"
)

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
func (a *appender) resume() {
	last := uint32(0)
	for n := range a.b.segments {
		last = max(last, n)
	}
	a.next = last + 1
	if last == noSegment {
		return
	}
	s := a.b.segments[last]
	h, err := s.reopen(a.b.o.Segment)
	if err != nil {
		a.b.o.Log.Warn("last segment is left as it is", "segment", last, "error", err)
		return
	}
	if h != nil {
		a.open(s, h)
	}
}
