package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"

	"sealpost/filestore"
)

// segment is one file of frames. Only the appender writes to it, and only until
// it is closed; after that it changes by being replaced (compact.go).
type segment struct {
	number  uint32
	handles *handles
	log     *slog.Logger

	mu    sync.RWMutex
	index index         // nil until somebody asks
	end   int64         // of the frames
	live  int64         // bytes of frames not deleted; the rest up to end is dead
	gone  bool          // compacted to nothing
	open  bool          // the appender writes to it
	late  map[tail]bool // deleted since snapshot, while the file is written anew

	deadMu sync.Mutex // held while the file of the dead is written
}

func (b *Blobs) newSegment(n uint32) *segment {
	return &segment{number: n, handles: b.handles, log: b.o.Log}
}

// read opens a blob for reading.
func (s *segment) read(t tail) (filestore.Blob, error) {
	p, h, err := s.locate(t)
	if err != nil {
		return nil, err
	}
	release := func() { s.handles.release(h) }
	blob, err := openBlob(h, int64(p.off), join(s.number, t), int64(p.length), release)
	if err != nil {
		release()
		return nil, err
	}
	return blob, nil
}

// locate finds a blob and the file that it is in, which the caller releases:
// the two belong together even if the file is replaced next.
func (s *segment) locate(t tail) (place, *handle, error) {
	if err := s.load(); err != nil {
		return place{}, nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return place{}, nil, filestore.ErrNotFound
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return place{}, nil, err
	}
	p, ok, err := s.index.find(h, t)
	if err == nil && !ok {
		err = filestore.ErrNotFound
	}
	if err != nil {
		s.handles.release(h)
		return place{}, nil, err
	}
	return p, h, nil
}

// entries lists the blobs there are.
func (s *segment) entries() ([]entry, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return nil, nil
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return nil, err
	}
	defer s.handles.release(h)
	return s.index.entries(h)
}

// add makes blobs visible that are durable up to end.
func (s *segment) add(list []entry, end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.index.(memory)
	for _, e := range list {
		x[e.tail] = e.place
		s.live += e.frame()
	}
	s.end = end
}

// kill forgets blobs, and writes that down.
func (s *segment) kill(tails []tail) error {
	if err := s.load(); err != nil {
		return err
	}
	known, err := s.forget(tails)
	s.writeDead(known)
	return err
}

// forget takes blobs from the index and returns those that were in it.
func (s *segment) forget(tails []tail) (known []tail, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, nil
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return nil, err
	}
	defer s.handles.release(h)
	for _, t := range tails {
		p, ok, err := s.index.remove(h, t)
		if err != nil {
			return known, err
		}
		if ok {
			s.live -= p.frame()
			known = append(known, t)
			if s.late != nil {
				s.late[t] = true
			}
		}
	}
	return known, nil
}

// load reads what is known of the segment, once.
func (s *segment) load() error {
	if s.loaded() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index != nil || s.gone {
		return nil
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return err
	}
	defer s.handles.release(h)
	if err := s.learn(h); err != nil {
		s.index = nil
		return fmt.Errorf("read segment %d: %w", s.number, err)
	}
	return nil
}

func (s *segment) loaded() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.index != nil || s.gone
}

// learn fills in what is known of the segment; s.mu is held.
func (s *segment) learn(h *handle) (err error) {
	s.index, s.end, err = s.readIndex(h)
	if err != nil {
		return err
	}
	if err := s.readDead(h); err != nil {
		return err
	}
	list, err := s.index.entries(h)
	if err != nil {
		return err
	}
	s.live = 0
	for _, e := range list {
		s.live += e.frame()
	}
	return nil
}

// readIndex takes the index from the end of the file, or makes one from the
// frames if there is none.
func (s *segment) readIndex(f File) (index, int64, error) {
	size, err := f.Size()
	if err != nil {
		return nil, 0, err
	}
	if size > math.MaxUint32 {
		return nil, 0, errors.New("segment is too long")
	}
	x, err := readFooter(f, size, s.number)
	if err == nil {
		return x, x.start, nil
	}
	if !errors.Is(err, errNoFooter) {
		return nil, 0, err
	}
	res, err := scan(f, size, s.number)
	if err != nil {
		return nil, 0, err
	}
	if res.holes > 0 {
		s.log.Warn("segment has unreadable bytes between its blobs", "segment", s.number, "bytes", res.holes)
	}
	return res.index, res.end, nil
}
