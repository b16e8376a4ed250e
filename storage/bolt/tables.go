package bolt

import (
	"bytes"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// tables opens the buckets of one transaction, each when it is first used.
type tables struct {
	tx   *bbolt.Tx
	open [tableCount]*bbolt.Bucket
}

// appended is how full pages are left where rows mostly come at the end.
const appended = 0.9

// in is a table's bucket; nil if it is young and the file is older and read only.
func (t *tables) in(i table) *bbolt.Bucket {
	if t.open[i] == nil {
		t.open[i] = t.tx.Bucket(tableNames[i])
		switch i {
		case tableEntries, tableMails, tableChanges, tableExpunged:
			t.open[i].FillPercent = appended
		}
	}
	return t.open[i]
}

func (t *tables) get(i table, key []byte) []byte {
	if b := t.in(i); b != nil {
		return b.Get(key)
	}
	return nil
}

// damaged names a row by ids only.
func damaged(t table, key []byte) error {
	return fmt.Errorf("%w: %s row %x", ErrDamaged, tableNames[t], key)
}

// owner reads the row of an owner; one that is unknown has number 0.
func (t *tables) owner(o mailstore.Owner) (owner, error) {
	row := t.get(tableOwners, []byte(o))
	if row == nil {
		return owner{}, nil
	}
	found, ok := decodeOwner([]byte(o), row)
	if !ok {
		return owner{}, damaged(tableOwners, []byte(o))
	}
	return found, nil
}

// rows are one owner's rows, as mailstore.Clerk reads them.
type rows struct {
	*tables
	id mailstore.Owner
	owner
}

func (t *tables) rows(o mailstore.Owner) (*rows, error) {
	if !ownerFits(o) {
		return nil, mailstore.ErrNoOwner
	}
	found, err := t.owner(o)
	return &rows{tables: t, id: o, owner: found}, err
}

// under yields the rows whose keys begin with prefix, in order.
func under(b *bbolt.Bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// after yields one mailbox's part of changes or expunged, from since on.
func after(b *bbolt.Bucket, num uint32, box mailstore.MailboxID, since mailstore.Modseq) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c, prefix := b.Cursor(), boxKey(num, box)
		for k, _ := c.Seek(modseqKey(num, box, since+1, 0)); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			if !yield(k) {
				return
			}
		}
	}
}

func (r *rows) Books() (mailstore.Books, error) { return r.owner.Books, nil }

func (r *rows) Mailboxes() ([]mailstore.Mailbox, error) {
	var all []mailstore.Mailbox
	for k, v := range under(r.in(tableMailboxes), ownerKey(r.num)) {
		m, ok := decodeMailbox(k, v)
		if !ok {
			return nil, damaged(tableMailboxes, k)
		}
		all = append(all, m)
	}
	return all, nil
}

func (r *rows) Mailbox(id mailstore.MailboxID) (mailstore.Mailbox, error) {
	key := boxKey(r.num, id)
	var row []byte
	if boxInKey(id) {
		row = r.get(tableMailboxes, key)
	}
	if row == nil {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	m, ok := decodeMailbox(key, row)
	if !ok {
		return mailstore.Mailbox{}, damaged(tableMailboxes, key)
	}
	return m, nil
}

func (r *rows) Entry(box mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	e, err := r.entry(box, uid)
	return e.Entry, err
}

func (r *rows) entry(box mailstore.MailboxID, uid mailstore.UID) (entry, error) {
	key := uidKey(r.num, box, uid)
	row := r.get(tableEntries, key)
	if row == nil {
		return entry{}, mailstore.ErrNoMail
	}
	e, ok := decodeEntry(key, row)
	if !ok {
		return entry{}, damaged(tableEntries, key)
	}
	return e, nil
}

func (r *rows) Entries(box mailstore.MailboxID) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		for k, v := range under(r.in(tableEntries), boxKey(r.num, box)) {
			e, ok := decodeEntry(k, v)
			if !ok {
				yield(mailstore.Entry{}, damaged(tableEntries, k))
				return
			}
			if !yield(e.Entry, nil) {
				return
			}
		}
	}
}

// mail reads a mail; its Outer and Envelope live as long as the transaction.
func (r *rows) mail(box mailstore.MailboxID, uid mailstore.UID) (mailstore.Mail, error) {
	key := uidKey(r.num, box, uid)
	row := r.get(tableMails, key)
	if row == nil {
		return mailstore.Mail{}, mailstore.ErrNoMail
	}
	m, ok := decodeMail(key, row)
	if !ok {
		return mailstore.Mail{}, damaged(tableMails, key)
	}
	return m, nil
}

func (r *rows) Letters(box mailstore.MailboxID, uid mailstore.UID) ([]mailstore.Stored, error) {
	m, err := r.mail(box, uid)
	return m.Letters, err
}

func (r *rows) Shares(id filestore.ID) (int, error) {
	key := shareKey(r.num, id)
	row := r.get(tableShares, key)
	if row == nil {
		return 1, nil
	}
	n, ok := decodeShares(key, row)
	if !ok {
		return 0, damaged(tableShares, key)
	}
	return n, nil
}

func (r *rows) Subscriptions() ([]string, error) {
	var names []string
	for k := range under(r.in(tableSubscriptions), ownerKey(r.num)) {
		names = append(names, string(k[4:]))
	}
	return names, nil
}

func (r *rows) Expunged(box mailstore.MailboxID, n int) (floor mailstore.Modseq, count int, err error) {
	for k := range under(r.in(tableExpunged), boxKey(r.num, box)) {
		modseq, _, ok := readModseqKey(k)
		if !ok {
			return 0, 0, damaged(tableExpunged, k)
		}
		if count >= n && modseq > floor {
			break
		}
		floor, count = modseq, count+1
	}
	return floor, count, nil
}
