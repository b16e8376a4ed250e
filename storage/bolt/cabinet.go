package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// Rows of cabinets. A box that was removed keeps its row, with gone 1 and no blob,
// until it is forgotten.
//
//	shelves  owner u32                   change, floor, boxes, bytes, gone
//	boxes    owner u32, drawer u8, name  version, change, modified, gone u8, blob id (16), size
//	shelved  owner u32, change u64       drawer u8, name; one for each row in boxes
type cabinets struct{ d *DB }

// Cabinet is the file as mailstore/cabinet sees it.
func (d *DB) Cabinet() cabinet.Store { return cabinets{d} }

func placeKey(num uint32, p cabinet.Place) []byte {
	return append(append(ownerKey(num), cabinet.Drawer(p.Drawer)), p.Name...)
}

// readPlace reads what follows the owner in a key of boxes.
func readPlace(b []byte) (p cabinet.Place, ok bool) {
	if len(b) < 2 {
		return p, false
	}
	p = cabinet.Place{Drawer: cabinet.DrawerName(b[0]), Name: string(b[1:])}
	return p, p.Valid()
}

func changeKey(num uint32, c cabinet.Change) []byte {
	return binary.BigEndian.AppendUint64(ownerKey(num), uint64(c))
}

func encodeShelf(key []byte, s cabinet.Shelf) []byte {
	b := newRow(40)
	for _, v := range []uint64{uint64(s.Change), uint64(s.Floor), uint64(s.Boxes), uint64(s.Bytes), uint64(s.Gone)} {
		b = binary.AppendUvarint(b, v)
	}
	return sealRow(tableShelves, key, b)
}

func decodeShelf(key, row []byte) (s cabinet.Shelf, ok bool) {
	body, ok := unsealRow(tableShelves, key, row)
	f := fields{b: body, bad: !ok}
	s.Change, s.Floor = cabinet.Change(f.int64()), cabinet.Change(f.int64())
	s.Boxes, s.Bytes, s.Gone = f.int64(), f.int64(), f.int64()
	return s, f.done()
}

func encodeBox(key []byte, x cabinet.Box) []byte {
	b := newRow(60)
	b = binary.AppendUvarint(b, uint64(x.Version))
	b = binary.AppendUvarint(b, uint64(x.Change))
	b = binary.AppendVarint(b, x.Modified.Unix())
	if x.Gone {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = append(b, x.Blob.ID[:]...)
	b = binary.AppendUvarint(b, uint64(x.Blob.Size))
	return sealRow(tableBoxes, key, b)
}

func decodeBox(key, row []byte) (x cabinet.Box, ok bool) {
	body, ok := unsealRow(tableBoxes, key, row)
	f := fields{b: body, bad: !ok || len(key) < 4}
	x.Version, x.Change = cabinet.Version(f.int64()), cabinet.Change(f.int64())
	x.Modified = f.time()
	gone := f.byte()
	copy(x.Blob.ID[:], f.take(uint64(len(filestore.ID{}))))
	x.Blob.Size = f.int64()
	if !f.done() || gone > 1 {
		return cabinet.Box{}, false
	}
	x.Gone = gone == 1
	x.Place, ok = readPlace(key[4:])
	return x, ok
}

// shelves are one owner's rows as cabinet.Clerk reads them.
type shelves struct{ *rows }

func (s shelves) Shelf() (cabinet.Shelf, error) {
	key := ownerKey(s.num)
	row := s.get(tableShelves, key)
	if row == nil {
		return cabinet.Shelf{}, nil
	}
	shelf, ok := decodeShelf(key, row)
	if !ok {
		return shelf, damaged(tableShelves, key)
	}
	return shelf, nil
}

func (s shelves) Quota() int64 { return s.owner.Quota }

func (s shelves) Box(p cabinet.Place) (cabinet.Box, error) {
	key := placeKey(s.num, p)
	row := s.get(tableBoxes, key)
	if row == nil || !p.Valid() {
		return cabinet.Box{}, cabinet.ErrNoBox
	}
	x, ok := decodeBox(key, row)
	if !ok {
		return x, damaged(tableBoxes, key)
	}
	return x, nil
}

// changed yields the boxes that changed after since, in the order of changes.
func (s shelves) changed(since cabinet.Change) iter.Seq2[cabinet.Box, error] {
	return func(yield func(cabinet.Box, error) bool) {
		b := s.in(tableShelved)
		if b == nil || since >= math.MaxInt64 {
			return
		}
		prefix := ownerKey(s.num)
		c := b.Cursor()
		for k, v := c.Seek(changeKey(s.num, since+1)); k != nil && len(k) == 12 && string(k[:4]) == string(prefix); k, v = c.Next() {
			p, ok := readPlace(v)
			if !ok {
				yield(cabinet.Box{}, damaged(tableShelved, k))
				return
			}
			x, err := s.Box(p)
			if errors.Is(err, cabinet.ErrNoBox) || err == nil && uint64(x.Change) != binary.BigEndian.Uint64(k[4:]) {
				err = damaged(tableShelved, k)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}

func (s shelves) Forgettable(n int) (old []cabinet.Box, err error) {
	for x, err := range s.changed(0) {
		if err != nil {
			return nil, err
		}
		if x.Gone {
			old = append(old, x)
		}
		if len(old) == n {
			break
		}
	}
	return old, nil
}

func (s shelves) write(w cabinet.Writes) error {
	p := put{}
	s.putBox(&p, w.Before, w.Box)
	for _, x := range w.Forgets {
		s.forget(&p, x)
	}
	owner := ownerKey(s.num)
	p.put(s.in(tableShelves), owner, encodeShelf(owner, w.Shelf))
	return p.err
}

// putBox puts a box in the place of one that stands there, unless its Version is 0.
func (s shelves) putBox(p *put, before, b cabinet.Box) {
	if before.Version != 0 {
		p.delete(s.in(tableShelved), changeKey(s.num, before.Change))
	}
	key := placeKey(s.num, b.Place)
	p.put(s.in(tableBoxes), key, encodeBox(key, b))
	p.put(s.in(tableShelved), changeKey(s.num, b.Change), key[4:])
}

func (s shelves) forget(p *put, b cabinet.Box) {
	p.delete(s.in(tableBoxes), placeKey(s.num, b.Place))
	p.delete(s.in(tableShelved), changeKey(s.num, b.Change))
}

// read runs fn on an owner's rows; it is not run for an unknown owner.
func (x cabinets) read(ctx context.Context, o mailstore.Owner, fn func(shelves) error) error {
	return index{x.d}.read(ctx, o, func(r *rows) error { return fn(shelves{r}) })
}

func (x cabinets) List(ctx context.Context, o mailstore.Owner, since cabinet.Change) (l cabinet.List, err error) {
	err = x.read(ctx, o, func(s shelves) error {
		shelf, err := s.Shelf()
		if err != nil {
			return err
		}
		l.Change, l.Complete = shelf.Change, since == 0 || since >= shelf.Floor
		for b, err := range s.changed(since) {
			if err != nil {
				return err
			}
			if since > 0 || !b.Gone {
				l.Boxes = append(l.Boxes, b)
			}
		}
		return nil
	})
	return l, err
}

func (x cabinets) Box(ctx context.Context, o mailstore.Owner, p cabinet.Place) (b cabinet.Box, err error) {
	err = x.read(ctx, o, func(s shelves) error {
		b, err = s.Box(p)
		return err
	})
	if err == nil && b.Version == 0 {
		err = cabinet.ErrNoBox // an owner that is not known
	}
	return b, err
}

func (x cabinets) Shelf(ctx context.Context, o mailstore.Owner) (shelf cabinet.Shelf, err error) {
	err = x.read(ctx, o, func(s shelves) error {
		shelf, err = s.Shelf()
		return err
	})
	return shelf, err
}

func (x cabinets) Drawer(ctx context.Context, o mailstore.Owner, drawer string) (all []cabinet.Box, err error) {
	n := cabinet.Drawer(drawer)
	if n == 0 {
		return nil, nil
	}
	err = x.read(ctx, o, func(s shelves) error {
		for k, v := range under(s.in(tableBoxes), append(ownerKey(s.num), n)) {
			b, ok := decodeBox(k, v)
			if !ok {
				return damaged(tableBoxes, k)
			}
			if !b.Gone {
				all = append(all, b)
			}
		}
		return nil
	})
	return all, err
}

func (x cabinets) Apply(ctx context.Context, o mailstore.Owner, w cabinet.Wish) (b cabinet.Box, freed []filestore.ID, err error) {
	err = x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		r, err := t.rows(o)
		if err == nil && !r.Open {
			err = mailstore.ErrNoOwner
		}
		if err != nil {
			return nil, err
		}
		clerk := cabinet.Clerk{Now: x.d.o.Now(), Remember: x.d.o.RememberBoxes}
		writes, err := clerk.Stamp(shelves{r}, w)
		if err != nil {
			return nil, err
		}
		b = writes.Box
		if writes.Before.Version != 0 && !writes.Before.Gone {
			freed = []filestore.ID{writes.Before.Blob.ID}
		}
		return func() error { return shelves{r}.write(writes) }, nil
	}, nil))
	if err != nil {
		return cabinet.Box{}, nil, err
	}
	return b, freed, nil
}

// freeCabinet adds the blobs of an owner's cabinet to what the first Forget freed.
func (r *rows) freeCabinet(changes []mailstore.Change, events []mailstore.Event) error {
	for i, c := range changes {
		if _, ok := c.(mailstore.Forget); !ok || r.num == 0 {
			continue
		}
		for id, err := range r.boxBlobs(ownerKey(r.num)) {
			if err != nil {
				return err
			}
			events[i].Freed = append(events[i].Freed, id)
		}
		return nil
	}
	return nil
}

// boxBlobs yields the blobs of the boxes whose keys begin with prefix.
func (t *tables) boxBlobs(prefix []byte) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		for k, v := range under(t.in(tableBoxes), prefix) {
			x, ok := decodeBox(k, v)
			if !ok {
				yield(filestore.ID{}, damaged(tableBoxes, k))
				return
			}
			if !x.Gone && !yield(x.Blob.ID, nil) {
				return
			}
		}
	}
}

// wipeCabinet deletes an owner's cabinet.
func (r *rows) wipeCabinet(p *put) {
	for _, t := range []table{tableShelves, tableBoxes, tableShelved} {
		p.deleteUnder(r.in(t), ownerKey(r.num))
	}
}

// skipCabinet leaves out the changes that a later state may have numbered, and has
// every client compare all: the versions it knows may be of that state.
func (r *rows) skipCabinet(p *put) error {
	shelf, err := shelves{r}.Shelf()
	if err != nil || shelf.Change == 0 {
		return err
	}
	shelf.Change = cabinet.Change(raised(mailstore.Modseq(shelf.Change), math.MaxInt64))
	shelf.Floor = shelf.Change
	key := ownerKey(r.num)
	p.put(r.in(tableShelves), key, encodeShelf(key, shelf))
	return nil
}
