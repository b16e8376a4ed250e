package disk

import "fmt"

// setOpen says whether the appender writes to the segment.
func (s *segment) setOpen(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = open
}

// reopen makes a segment ready to be appended to, and returns its file. It
// returns none when the segment has reached its length.
func (s *segment) reopen(length int64) (*handle, error) {
	list, err := s.entries()
	if err != nil || s.end >= length {
		return nil, err
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return nil, err
	}
	x := make(memory, len(list))
	for _, e := range list {
		x[e.tail] = e.place
	}
	s.index = x
	if err := h.Truncate(s.end); err != nil {
		s.handles.release(h)
		return nil, err
	}
	return h, nil
}

// close writes the segment's index behind its frames and uses that from now on.
// If it fails the index stays in memory, until compaction writes the file anew.
func (s *segment) close(f File) error {
	list, h, err := s.snapshot()
	if err != nil {
		return err
	}
	defer s.handles.release(h)
	err = writeFooter(f, list, s.number, s.end)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.index = s.footer(list, s.end)
	}
	s.late = nil
	return err
}

// writeFooter ends a segment's file with the index of list, which it sorts.
func writeFooter(f File, list []entry, number uint32, end int64) error {
	b := encodeFooter(list, number, end)
	if _, err := f.WriteAt(b, end); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if err := f.Truncate(end + int64(len(b))); err != nil { // frees what was reserved
		return fmt.Errorf("cut segment: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}

// snapshot lists the blobs there are, and from then on notes in s.late which
// are deleted. The file it returns is the one they are in.
func (s *segment) snapshot() ([]entry, *handle, error) {
	if err := s.load(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return nil, nil, err
	}
	list, err := s.index.entries(h)
	if err != nil {
		s.handles.release(h)
		return nil, nil, err
	}
	s.late = map[tail]bool{}
	return list, h, nil
}

// footer is the index that was written of list, less what was deleted since.
// s.mu is held.
func (s *segment) footer(list []entry, end int64) *footer {
	x := newFooter(len(list), end)
	for i, e := range list {
		if s.late[e.tail] {
			x.kill(i)
		}
	}
	return x
}
