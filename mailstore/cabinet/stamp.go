package cabinet

import (
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	maxBox   = 16 << 20
	maxBoxes = 100_000
	maxBytes = 1 << 30
	minBytes = 32 << 20 // what every owner may use, however small the quota
)

// Rows is what stamping reads of one owner's rows, from within the transaction that
// will write.
type Rows interface {
	Shelf() (Shelf, error)
	Quota() int64 // of the owner's mail; 0: none
	Box(Place) (Box, error)
	// Forgettable are the removed boxes that are remembered longest, at most n.
	Forgettable(n int) ([]Box, error)
}

// Writes is all that one wish changes. The engine writes it whole or not at all.
type Writes struct {
	Shelf   Shelf
	Before  Box // Version 0: there was none
	Box     Box
	Forgets []Box
}

// Clerk stamps wishes: it is all that engines share.
type Clerk struct {
	Now      time.Time
	Remember int // removed boxes, at least
}

// Stamp works out what a wish does. It reads rows and changes nothing.
func (c Clerk) Stamp(rows Rows, w Wish) (Writes, error) {
	if !w.Valid() {
		return Writes{}, ErrName
	}
	shelf, err := rows.Shelf()
	if err != nil {
		return Writes{}, fmt.Errorf("read shelf: %w", err)
	}
	before, err := rows.Box(w.Place)
	if err != nil && !errors.Is(err, ErrNoBox) {
		return Writes{}, fmt.Errorf("read box: %w", err)
	}
	switch {
	case w.Blob == nil && (before.Version == 0 || before.Gone):
		return Writes{}, ErrNoBox
	case before.Version != w.Was:
		return Writes{}, Conflict{before.Version}
	case shelf.Change >= math.MaxInt64-1 || w.Was >= math.MaxInt64-1:
		return Writes{}, errors.New("cabinet has no numbers left")
	}
	shelf.Change++
	b := Box{Place: w.Place, Version: w.Was + 1, Change: shelf.Change, Modified: c.Now.UTC().Truncate(time.Second), Gone: w.Blob == nil}
	if w.Blob != nil {
		b.Blob = *w.Blob
	}
	out := Writes{Shelf: shelf.without(before).with(b), Before: before, Box: b}
	if w.Blob != nil {
		if err := out.Shelf.afford(rows.Quota(), b.Blob.Size); err != nil {
			return Writes{}, err
		}
	}
	return out, c.forget(rows, &out)
}

func (s Shelf) with(b Box) Shelf    { return s.count(b, 1) }
func (s Shelf) without(b Box) Shelf { return s.count(b, -1) }

func (s Shelf) count(b Box, n int64) Shelf {
	switch {
	case b.Version == 0:
	case b.Gone:
		s.Gone += n
	default:
		s.Boxes += n
		s.Bytes += n * b.Blob.Size
	}
	return s
}

// afford refuses what would make a cabinet too large.
func (s Shelf) afford(quota, size int64) error {
	switch {
	case size < 0 || size > maxBox:
		return ErrLarge
	case s.Boxes > maxBoxes || s.Bytes > Room(quota):
		return ErrFull
	}
	return nil
}

// Room is how many bytes the cabinet of an owner with that quota takes: as much as the
// quota is for mail, within bounds. A mailbox that is full does not keep its owner from
// saving a draft, nor the other way round.
func Room(quota int64) int64 {
	if quota <= 0 {
		return maxBytes
	}
	return min(max(quota, minBytes), maxBytes)
}

// forget drops the oldest removed boxes where too many are remembered. It waits for a
// hundredth more than it must, so that it is not done each time.
func (c Clerk) forget(rows Rows, w *Writes) error {
	excess := int(w.Shelf.Gone) - c.Remember
	if excess <= c.Remember/100 {
		return nil
	}
	old, err := rows.Forgettable(excess)
	if err != nil {
		return fmt.Errorf("read removed boxes: %w", err)
	}
	for _, b := range old {
		if b.Place == w.Box.Place { // it is there again
			continue
		}
		w.Forgets = append(w.Forgets, b)
		w.Shelf.Gone--
		w.Shelf.Floor = max(w.Shelf.Floor, b.Change)
	}
	return nil
}
