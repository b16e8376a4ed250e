package bolt

import (
	"context"
	"encoding/binary"
	"iter"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
)

const (
	listRows  = 512       // of List read in one transaction,
	listBytes = 256 << 10 // or so many bytes of them
)

func (x index) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	return func(yield func(*mailstore.Line, error) bool) {
		if !boxInKey(b) {
			return
		}
		n := min(uids.Len(), listRows)
		l := listing{found: make([]found, 0, n), data: make([]byte, 0, n*rowSize), box: b, columns: c, next: 1, last: uids.Last(), many: uids.Len() >= aheadFrom}
		for l.next != 0 && l.next <= l.last {
			l.clear()
			next := l.next
			err := x.read(ctx, o, func(r *rows) error { return l.fill(r, uids) })
			if !l.each(yield) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if l.next == next {
				return // the owner is gone
			}
		}
	}
}

// listing is one page of a list after the other, each copied out of its transaction.
type listing struct {
	box     mailstore.MailboxID
	columns mailstore.Columns
	next    mailstore.UID // to be read; 0: none is left
	last    mailstore.UID
	many    bool // there is much to be read

	reader  entryReader
	ahead   [2]ahead // of entries and mails
	found   []found
	mails   []mailstore.Mail // of found, without what is in data and letters; none where only entries are read
	data    []byte           // what was copied of found, one after the other
	letters []mailstore.Stored
	line    mailstore.Line
}

// found is a message whose parts end at these places in data.
type found struct {
	uid                           mailstore.UID
	row, envelope, outer, letters int
}

// rowSize is what most rows of entries take, and no more than.
const rowSize = 48

func (l *listing) clear() {
	l.found, l.mails, l.data, l.letters = l.found[:0], l.mails[:0], l.data[:0], l.letters[:0]
}

// fill reads on from next.
func (l *listing) fill(r *rows, uids mailstore.UIDSet) error {
	l.reader.begin(r.num, l.box)
	for i := range l.ahead {
		l.ahead[i].begin(r.tx, l.many)
	}
	entries := walk{cursor: r.in(tableEntries).Cursor(), key: uidKey(r.num, l.box, 0), ahead: &l.ahead[0]}
	var mails walk
	if l.columns != (mailstore.Columns{}) {
		mails = walk{cursor: r.in(tableMails).Cursor(), key: uidKey(r.num, l.box, 0), ahead: &l.ahead[1]}
	}
	for first, last := range uids.Between(l.next, l.last).Runs() {
		for uid, row := entries.seek(first); row != nil && uid <= last; uid, row = entries.step() {
			if len(l.found) == listRows || len(l.data) > listBytes {
				l.next = uid
				return nil
			}
			if err := l.add(r, uid, row, &mails); err != nil {
				return err
			}
		}
	}
	l.next = 0
	return nil
}

func (l *listing) add(r *rows, uid mailstore.UID, row []byte, mails *walk) error {
	f := found{uid: uid}
	l.data = append(l.data, row...)
	f.row = len(l.data)
	if mails.cursor != nil {
		at, row := mails.seek(uid)
		if row == nil || at != uid {
			return damaged(tableEntries, uidKey(r.num, l.box, uid))
		}
		m, ok := l.mail(mails.key, row)
		if !ok {
			return damaged(tableMails, mails.key)
		}
		l.data = append(l.data, m.Envelope...)
		f.envelope = len(l.data)
		if l.columns.Whole {
			l.data = append(l.data, m.Outer...)
		}
		m.Envelope, m.Outer = nil, nil
		l.mails = append(l.mails, m)
	}
	f.outer, f.letters = len(l.data), len(l.letters)
	l.found = append(l.found, f)
	return nil
}

// mail reads a row of mails; its letters go to those of the page.
func (l *listing) mail(key, row []byte) (m mailstore.Mail, ok bool) {
	m, letters, ok := readMail(key, row, l.letters)
	if l.columns.Whole {
		l.letters = letters
	} else {
		l.letters = letters[:len(l.letters)]
	}
	return m, ok
}

// each yields the page, and says whether to go on.
func (l *listing) each(yield func(*mailstore.Line, error) bool) bool {
	start, letters := 0, 0
	for i := range l.found {
		f := &l.found[i]
		ok := l.reader.read(f.uid, l.data[start:f.row], &l.line.Entry)
		if !ok {
			yield(nil, damaged(tableEntries, l.reader.key(f.uid)))
			return false
		}
		if f.envelope > 0 {
			l.line.Mail = l.mails[i]
			l.line.Mail.Envelope = l.data[f.row:f.envelope:f.envelope]
			if l.columns.Whole {
				l.line.Mail.Outer = l.data[f.envelope:f.outer:f.outer]
				l.line.Mail.Letters = l.letters[letters:f.letters:f.letters]
			}
		}
		start, letters = f.outer, f.letters
		if !yield(&l.line, nil) {
			return false
		}
	}
	return true
}

// walk goes through the rows of a mailbox.
type walk struct {
	cursor *bbolt.Cursor
	key    []byte // that of the row it stands at, or of another of the mailbox
	at     mailstore.UID
	row    []byte
	ahead  *ahead
}

// near is so close that a step or two cost less than a search from the root.
const near = 8

// seek goes to a UID or the next one that is there. It only goes forward.
func (w *walk) seek(uid mailstore.UID) (mailstore.UID, []byte) {
	if w.row == nil || w.at > uid || uid-w.at > near {
		binary.BigEndian.PutUint32(w.key[8:], uint32(uid))
		return w.take(w.cursor.Seek(w.key))
	}
	for w.row != nil && w.at < uid {
		w.step()
	}
	return w.at, w.row
}

func (w *walk) step() (mailstore.UID, []byte) { return w.take(w.cursor.Next()) }

func (w *walk) take(k, v []byte) (mailstore.UID, []byte) {
	if len(k) != 12 || string(k[:8]) != string(w.key[:8]) {
		w.row = nil
		return 0, nil
	}
	w.ahead.pass(k)
	w.at, w.row = uidIn(k), v
	copy(w.key[8:], k[8:])
	return w.at, w.row
}
