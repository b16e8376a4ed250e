package bolt

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"slices"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// index is the file as mailstore sees it.
type index struct{ d *DB }

// read runs fn on an owner's rows; it is not run for an unknown owner.
func (x index) read(ctx context.Context, o mailstore.Owner, fn func(*rows) error) error {
	return x.d.view(ctx, func(tx *bbolt.Tx) error {
		r, err := openTables(tx).rows(o)
		if errors.Is(err, mailstore.ErrNoOwner) || err == nil && !r.Open {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(r)
	})
}

func (x index) Mailboxes(ctx context.Context, o mailstore.Owner) (all []mailstore.Mailbox, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		if all, err = r.Mailboxes(); err != nil {
			return err
		}
		for i, m := range all {
			all[i].Subscribed = r.subscriptions.Get(nameKey(r.num, m.Name)) != nil
		}
		return nil
	})
	slices.SortFunc(all, func(a, b mailstore.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

func (x index) Subscriptions(ctx context.Context, o mailstore.Owner) (names []string, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		names, err = r.Subscriptions()
		return err
	})
	return names, err
}

func (x index) Usage(ctx context.Context, o mailstore.Owner) (u mailstore.Usage, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		u = r.Usage
		return nil
	})
	return u, err
}

func (x index) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	var events []mailstore.Event
	err := x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		r, err := t.rows(o)
		if err != nil {
			return nil, err
		}
		clerk := mailstore.Clerk{Now: x.d.o.Now(), Remember: x.d.o.Remember}
		writes, done, err := clerk.Stamp(r, changes)
		if err != nil {
			return nil, err
		}
		events = done
		return r.plan(writes)
	}, nil))
	if err != nil {
		return nil, err
	}
	return events, nil
}

// snapshot is rows copied out of a transaction, so that it ends before anybody
// reads them at leisure: a tenth of what they take when decoded.
type snapshot struct {
	num  uint32
	box  mailstore.MailboxID
	data []byte // records: kind, UID, MODSEQ, length of row, row
}

const (
	kindEntry byte = iota
	kindGone
)

func (s *snapshot) add(kind byte, uid mailstore.UID, m mailstore.Modseq, row []byte) {
	s.data = append(s.data, kind)
	s.data = binary.BigEndian.AppendUint32(s.data, uint32(uid))
	s.data = binary.BigEndian.AppendUint64(s.data, uint64(m))
	s.data = binary.BigEndian.AppendUint32(s.data, uint32(len(row)))
	s.data = append(s.data, row...)
}

func (s *snapshot) entries(yield func(mailstore.Entry, error) bool) {
	for b := s.data; len(b) > 0; {
		kind, uid := b[0], mailstore.UID(binary.BigEndian.Uint32(b[1:]))
		modseq := mailstore.Modseq(binary.BigEndian.Uint64(b[5:]))
		size := binary.BigEndian.Uint32(b[13:])
		row := b[17 : 17+size]
		b = b[17+size:]
		e, ok := mailstore.Entry{UID: uid, Modseq: modseq, Gone: true}, true
		if kind == kindEntry {
			key := uidKey(s.num, s.box, uid)
			if e, ok = decodeEntry(key, row); !ok {
				yield(e, damaged(bucketEntries, key))
				return
			}
		}
		if !yield(e, nil) {
			return
		}
	}
}

func (x index) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		s := snapshot{box: b}
		err := x.read(ctx, o, func(r *rows) error {
			if !boxInKey(b) {
				return nil
			}
			s.num = r.num
			if since == 0 {
				return s.all(r)
			}
			return s.changed(r, since)
		})
		if err != nil {
			yield(mailstore.Entry{}, err)
			return
		}
		s.entries(yield)
	}
}

func (s *snapshot) all(r *rows) error {
	for k, v := range under(r.entries, boxKey(s.num, s.box)) {
		if len(k) != 12 {
			return damaged(bucketEntries, k)
		}
		s.add(kindEntry, mailstore.UID(binary.BigEndian.Uint32(k[8:])), 0, v)
	}
	return nil
}

// changed merges the two logs in the order of MODSEQ.
func (s *snapshot) changed(r *rows, since mailstore.Modseq) error {
	if since == math.MaxUint64 {
		return nil
	}
	changes := newLog(r.changes, s, since)
	expunged := newLog(r.expunged, s, since)
	for changes.key != nil || expunged.key != nil {
		if changes.bad || expunged.bad {
			return damaged(bucketChanges, boxKey(s.num, s.box))
		}
		if changes.key == nil || expunged.key != nil && expunged.modseq < changes.modseq {
			s.add(kindGone, expunged.uid, expunged.modseq, nil)
			expunged.set(expunged.cursor.Next())
			continue
		}
		key := uidKey(s.num, s.box, changes.uid)
		row := r.entries.Get(key)
		if row == nil {
			return damaged(bucketEntries, key)
		}
		s.add(kindEntry, changes.uid, changes.modseq, row)
		changes.set(changes.cursor.Next())
	}
	return nil
}

// log walks one mailbox's part of changes or expunged.
type log struct {
	cursor *bbolt.Cursor
	prefix []byte
	key    []byte // nil at the end
	modseq mailstore.Modseq
	uid    mailstore.UID
	bad    bool
}

func newLog(b *bbolt.Bucket, s *snapshot, since mailstore.Modseq) *log {
	l := &log{cursor: b.Cursor(), prefix: boxKey(s.num, s.box)}
	l.set(l.cursor.Seek(modseqKey(s.num, s.box, since+1, 0)))
	return l
}

func (l *log) set(key, _ []byte) {
	l.key = nil
	if len(key) < len(l.prefix) || string(key[:len(l.prefix)]) != string(l.prefix) {
		return
	}
	var ok bool
	l.modseq, l.uid, ok = readModseqKey(key)
	l.key, l.bad = key, !ok
}

const (
	pageMails = 100     // of Mails read in one transaction,
	pageBytes = 1 << 20 // or so many bytes of them
)

func (x index) Mails(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		for rest := uids; len(rest) > 0; {
			var page []mailstore.Mail
			var failed error
			err := x.read(ctx, o, func(r *rows) error {
				page, rest, failed = mailPage(r, b, rest)
				return nil
			})
			if err == nil && page == nil && failed == nil {
				return // the owner or all that was left is gone
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			if err = errors.Join(err, failed); err != nil {
				yield(mailstore.Mail{}, err)
				return
			}
		}
	}
}

// mailPage reads the first of uids, up to a page, and says which are left. What
// it read before a damaged row is good.
func mailPage(r *rows, b mailstore.MailboxID, uids []mailstore.UID) (page []mailstore.Mail, rest []mailstore.UID, err error) {
	if !boxInKey(b) {
		return nil, nil, nil
	}
	size := 0
	for i, uid := range uids {
		if len(page) == pageMails || size > pageBytes {
			return page, uids[i:], nil
		}
		m, err := r.mail(b, uid)
		if errors.Is(err, mailstore.ErrNoMail) {
			continue
		}
		if err != nil {
			return page, nil, err
		}
		page = append(page, clone(m))
		size += len(m.Outer) + len(m.Envelope)
	}
	return page, nil, nil
}

// Blobs reads in one transaction, so that a message moved meanwhile is neither
// missed in its old place nor in its new one.
func (x index) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		err := x.d.view(ctx, func(tx *bbolt.Tx) error {
			for k, v := range under(tx.Bucket(bucketMails), nil) {
				m, ok := decodeMail(k, v)
				if !ok {
					return damaged(bucketMails, k)
				}
				for _, l := range m.Letters {
					if !yield(l.ID, nil) {
						return errStopped
					}
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(filestore.ID{}, err)
		}
	}
}

var errStopped = errors.New("the reader stopped")
