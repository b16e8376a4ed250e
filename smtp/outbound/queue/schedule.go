package queue

import (
	"container/heap"
	"sync"
	"time"
)

// Schedule is what an engine that has its rows to itself keeps of them in
// memory: when each is due, whose it is, and who has it. It holds no Data. Since
// no other process sees the rows, leases need no disk: they end with the process.
// The zero value is empty.
//
// An engine adds a row when it is durable. To change one it calls Begin, which
// checks the fence and keeps everybody else off, writes, and says how that ended:
// Update, Remove or Cancel.
type Schedule struct {
	mu     sync.Mutex
	rows   map[ID]*entry
	groups map[string]*group
	leases entries // by the end of the lease
	held   int
	bytes  int64
}

// entry is a row and where it stands.
type entry struct {
	Row
	in  *entries // the heap it is in; nil: none
	at  int      // its place there
	key time.Time
	seq uint64 // of two with one key the older one first
	// changing: between Begin and its end.
	changing bool
}

// group holds the free rows of one sender, by when they are due.
type group struct {
	free  entries
	count int // held, leased and changing ones too
	bytes int64
}

// entries is a heap.
type entries struct {
	all  []*entry
	seqs uint64
}

func (h *entries) Len() int { return len(h.all) }
func (h *entries) Less(i, j int) bool {
	a, b := h.all[i], h.all[j]
	if c := a.key.Compare(b.key); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}
func (h *entries) Swap(i, j int) {
	h.all[i], h.all[j] = h.all[j], h.all[i]
	h.all[i].at, h.all[j].at = i, j
}
func (h *entries) Push(x any) {
	e := x.(*entry)
	e.at = len(h.all)
	h.all = append(h.all, e)
}
func (h *entries) Pop() any {
	last := len(h.all) - 1
	e := h.all[last]
	h.all[last] = nil
	h.all = h.all[:last]
	return e
}

func (h *entries) add(e *entry, key time.Time) {
	h.seqs++
	e.in, e.key, e.seq = h, key, h.seqs
	heap.Push(h, e)
}

func (h *entries) first() *entry {
	if len(h.all) == 0 {
		return nil
	}
	return h.all[0]
}

func (e *entry) leave() {
	if e.in != nil {
		heap.Remove(e.in, e.at)
		e.in = nil
	}
}

// Add takes a new row; false: there is one of that id.
func (s *Schedule) Add(r Row) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[r.ID] != nil {
		return false
	}
	if s.rows == nil {
		s.rows, s.groups = map[ID]*entry{}, map[string]*group{}
	}
	g := s.groups[r.Group]
	if g == nil {
		g = new(group)
		s.groups[r.Group] = g
	}
	g.count++
	e := &entry{}
	s.rows[r.ID] = e
	s.set(e, r)
	return true
}

// set gives an entry its row, and its place by it.
func (s *Schedule) set(e *entry, r Row) {
	r.Data = nil
	r.Due = r.Due.Round(0) // by the clock on the wall, as it is stored
	e.leave()
	s.count(e.Row, -1)
	e.Row = r
	s.count(e.Row, +1)
	switch {
	case !r.Until.IsZero():
		s.leases.add(e, r.Until)
	case !r.Held:
		s.groups[r.Group].free.add(e, r.Due)
	}
}

func (s *Schedule) count(r Row, by int) {
	if r.Held {
		s.held += by
	}
	s.bytes += int64(by) * r.Body.Size
	if g := s.groups[r.Group]; g != nil { // none yet of a row that is new
		g.bytes += int64(by) * r.Body.Size
	}
}

// Begin starts a change of a row. Until it ends nobody else has a change or a
// lease of it.
func (s *Schedule) Begin(id ID, fence uint64) (Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[id]
	switch {
	case e == nil:
		return Row{}, ErrNoSuch
	case e.Fence != fence || e.changing:
		return Row{}, ErrLease
	}
	e.leave()
	e.changing = true
	return e.Row, nil
}

// Update ends a change: the row is now r.
func (s *Schedule) Update(r Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[r.ID]
	e.changing = false
	s.set(e, r)
}

// Cancel ends a change that did not come to be.
func (s *Schedule) Cancel(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[id]
	e.changing = false
	s.set(e, e.Row)
}

// Remove ends a change: the row is gone.
func (s *Schedule) Remove(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[id]
	s.count(e.Row, -1)
	delete(s.rows, id)
	g := s.groups[e.Group]
	if g.count--; g.count == 0 {
		delete(s.groups, e.Group)
	}
}

// Lease is that of Store, without Data.
func (s *Schedule) Lease(now, until time.Time, n int, skip map[string]bool) (taken []Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(now)
	for len(taken) < n {
		e := s.oldest(now, skip)
		if e == nil {
			break
		}
		r := e.Row
		r.Fence++
		r.Until = until
		s.set(e, r)
		taken = append(taken, r)
	}
	return taken
}

// end frees the rows whose lease is over.
func (s *Schedule) end(now time.Time) {
	for e := s.leases.first(); e != nil && !e.Until.After(now); e = s.leases.first() {
		r := e.Row
		r.Until = time.Time{}
		s.set(e, r)
	}
}

func (s *Schedule) oldest(now time.Time, skip map[string]bool) (oldest *entry) {
	for name, g := range s.groups {
		if e := g.free.first(); e != nil && !skip[name] && !e.Due.After(now) && (oldest == nil || e.Due.Before(oldest.Due)) {
			oldest = e
		}
	}
	return oldest
}

// Next is that of Store.
func (s *Schedule) Next() (at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sooner := func(e *entry) {
		if e != nil && (at.IsZero() || e.key.Before(at)) {
			at = e.key
		}
	}
	sooner(s.leases.first())
	for _, g := range s.groups {
		sooner(g.free.first())
	}
	return at
}

// Get is a row as it stands, without Data.
func (s *Schedule) Get(id ID) (Row, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rows[id]; e != nil {
		return e.Row, true
	}
	return Row{}, false
}

// Count is that of Store.
func (s *Schedule) Count(name string) Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Count{All: len(s.rows)}
	if g := s.groups[name]; g != nil {
		c.Group, c.Bytes = g.count, g.bytes
	}
	return c
}

// Depth is that of Store.
func (s *Schedule) Depth(now time.Time) Depth {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := Depth{Mails: len(s.rows), Held: s.held, Bytes: s.bytes}
	for _, e := range s.rows {
		if !e.Held && !e.Due.After(now) {
			d.Due++
			d.Late = max(d.Late, now.Sub(e.Due))
		}
	}
	return d
}
