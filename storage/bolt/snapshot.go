package bolt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"sealpost/mailstore"
)

// snapshot is one moment of a mailbox, copied out of a transaction so that it
// ends before anybody reads at leisure. Rows stay as they are stored: they take
// a fifth of what they take when decoded.
type snapshot struct {
	num  uint32
	box  mailstore.MailboxID
	seen []sighting
	data []byte              // the rows of seen, one after the other
	note func(mailstore.UID) // if set, instead of keeping rows
}

// sighting is an entry, or an expunged UID.
type sighting struct {
	modseq mailstore.Modseq
	uid    mailstore.UID
	gone   bool
	end    int // of its row in data
	size   int
}

func (s *snapshot) keep(uid mailstore.UID, m mailstore.Modseq, row []byte) {
	if s.note != nil {
		s.note(uid)
		return
	}
	s.data = append(s.data, row...)
	s.seen = append(s.seen, sighting{modseq: m, uid: uid, end: len(s.data), size: len(row)})
}

// all copies every entry.
func (s *snapshot) all(r *rows) error {
	for k, v := range under(r.in(tableEntries), boxKey(s.num, s.box)) {
		if len(k) != 12 {
			return damaged(tableEntries, k)
		}
		s.keep(uidIn(k), 0, v)
	}
	return nil
}

// changed copies what changed after since, in the order of MODSEQ; within one
// what is there stands before what is gone, each by UID.
func (s *snapshot) changed(r *rows, since mailstore.Modseq) error {
	if since >= math.MaxInt64 {
		return nil
	}
	for _, look := range []func(*rows, mailstore.Modseq) error{s.born, s.altered, s.expunged} {
		if err := look(r, since); err != nil {
			return err
		}
	}
	slices.SortFunc(s.seen, func(a, b sighting) int {
		if a.modseq == b.modseq && a.gone != b.gone {
			if a.gone {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.modseq, b.modseq), cmp.Compare(a.uid, b.uid))
	})
	return nil
}

// born copies the entries that are as they entered the mailbox, after since:
// they are at its end.
func (s *snapshot) born(r *rows, since mailstore.Modseq) error {
	prefix := boxKey(s.num, s.box)
	c := r.in(tableEntries).Cursor()
	k, v := c.Seek(boxKey(s.num, s.box+1))
	if k == nil {
		k, v = c.Last()
	}
	if !bytes.HasPrefix(k, prefix) {
		k, v = c.Prev()
	}
	for ; k != nil && bytes.HasPrefix(k, prefix); k, v = c.Prev() {
		e, ok := decodeEntry(k, v)
		if !ok {
			return damaged(tableEntries, k)
		}
		if e.born <= since {
			return nil
		}
		if e.Modseq == e.born {
			s.keep(e.UID, e.Modseq, v)
		}
	}
	return nil
}

// altered copies the entries that changed after they were born.
func (s *snapshot) altered(r *rows, since mailstore.Modseq) error {
	for k := range after(r.in(tableChanges), s.num, s.box, since) {
		modseq, uid, ok := readModseqKey(k)
		if !ok {
			return damaged(tableChanges, k)
		}
		row := r.get(tableEntries, uidKey(s.num, s.box, uid))
		if row == nil {
			return damaged(tableChanges, k)
		}
		s.keep(uid, modseq, row)
	}
	return nil
}

func (s *snapshot) expunged(r *rows, since mailstore.Modseq) error {
	for k := range after(r.in(tableExpunged), s.num, s.box, since) {
		modseq, uid, ok := readModseqKey(k)
		if !ok {
			return damaged(tableExpunged, k)
		}
		s.seen = append(s.seen, sighting{modseq: modseq, uid: uid, gone: true})
	}
	return nil
}

// entries decodes what was copied.
func (s *snapshot) entries(yield func(mailstore.Entry, error) bool) {
	key := uidKey(s.num, s.box, 0)
	for _, at := range s.seen {
		e := mailstore.Entry{UID: at.uid, Modseq: at.modseq, Gone: true}
		if !at.gone {
			binary.BigEndian.PutUint32(key[8:], uint32(at.uid))
			row, ok := decodeEntry(key, s.data[at.end-at.size:at.end])
			if !ok {
				yield(mailstore.Entry{}, damaged(tableEntries, key))
				return
			}
			e = row.Entry
		}
		if !yield(e, nil) {
			return
		}
	}
}
