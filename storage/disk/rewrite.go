package disk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
)

// rewrite replaces the file by one that holds only the blobs there are. Their
// ids stay; who reads the old file goes on reading it. Either file will do after
// a crash, so its name need not be durable yet.
func (s *segment) rewrite(ctx context.Context) error {
	list, h, err := s.snapshot()
	if err != nil {
		return err
	}
	defer s.handles.release(h)
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.off, b.off) })
	temp := s.handles.path(segmentName(s.number) + ".tmp")
	end, err := s.writeTemp(ctx, temp, h, list)
	if err == nil {
		err = s.swap(temp, list, end)
	}
	if err != nil {
		s.handles.fs.Remove(temp)
		s.mu.Lock()
		s.late = nil
		s.mu.Unlock()
	}
	return err
}

// writeTemp writes the frames of list, which come from old, and their index to a
// new file. It moves the entries in list to where they are then.
func (s *segment) writeTemp(ctx context.Context, name string, old io.ReaderAt, list []entry) (int64, error) {
	f, err := s.handles.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := &copier{ctx: ctx, from: old, to: f}
	for i := range list {
		if err := w.copy(&list[i].place); err != nil {
			return 0, fmt.Errorf("copy segment: %w", err)
		}
	}
	if err := w.flush(); err != nil {
		return 0, fmt.Errorf("copy segment: %w", err)
	}
	return w.end, writeFooter(f, list, s.number, w.end)
}

// swap puts the new file in the old one's place.
func (s *segment) swap(temp string, list []entry, end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.handles.fs.Rename(temp, s.handles.path(segmentName(s.number))); err != nil {
		return err
	}
	s.handles.forget(s.number)
	s.index, s.end = s.footer(list, end), end
	if len(s.late) == 0 {
		s.removeDead()
	}
	s.late = nil
	return nil
}

// copier copies frames, as they are, to the end of another file. Neighbours are
// copied together.
type copier struct {
	ctx     context.Context // of the one call that this lives for
	from    io.ReaderAt
	to      io.WriterAt
	buf     []byte
	off     int64 // in from, of the run that is not copied yet
	pending int64 // its length
	end     int64 // of to, when the run is copied
}

// copy adds a frame and moves p to its new place.
func (c *copier) copy(p *place) error {
	if int64(p.off) != c.off+c.pending {
		if err := c.flush(); err != nil {
			return err
		}
		c.off = int64(p.off)
	}
	c.pending += p.frame()
	p.off = uint32(c.end)
	c.end += p.frame()
	return nil
}

func (c *copier) flush() error {
	for c.pending > 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n := int(min(stageBytes, c.pending))
		c.buf = slices.Grow(c.buf[:0], n)
		b := c.buf[:n]
		if _, err := c.from.ReadAt(b, c.off); err != nil {
			return err
		}
		if _, err := c.to.WriteAt(b, c.end-c.pending); err != nil {
			return err
		}
		c.off += int64(len(b))
		c.pending -= int64(len(b))
	}
	return nil
}

// remove removes the segment's files, unless it holds something.
func (s *segment) remove() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live > 0 {
		return false
	}
	s.gone = true
	s.handles.forget(s.number)
	if err := s.handles.fs.Remove(s.handles.path(segmentName(s.number))); err != nil {
		s.log.Warn("segment was not removed", "segment", s.number, "error", err)
		return true
	}
	s.removeDead()
	return true
}
