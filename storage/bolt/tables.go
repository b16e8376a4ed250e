package bolt

import (
	"bytes"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// tables are the open buckets of a transaction.
type tables struct {
	owners, mailboxes, entries, mails, changes, expunged, shares, subscriptions *bbolt.Bucket
	accounts, addresses, domains                                                *bbolt.Bucket
}

// appended is how full pages are left where rows mostly come at the end.
const appended = 0.9

func openTables(tx *bbolt.Tx) *tables {
	t := &tables{
		owners:        tx.Bucket(bucketOwners),
		mailboxes:     tx.Bucket(bucketMailboxes),
		entries:       tx.Bucket(bucketEntries),
		mails:         tx.Bucket(bucketMails),
		changes:       tx.Bucket(bucketChanges),
		expunged:      tx.Bucket(bucketExpunged),
		shares:        tx.Bucket(bucketShares),
		subscriptions: tx.Bucket(bucketSubscriptions),
		accounts:      tx.Bucket(bucketAccounts),
		addresses:     tx.Bucket(bucketAddresses),
		domains:       tx.Bucket(bucketDomains),
	}
	for _, b := range []*bbolt.Bucket{t.entries, t.mails, t.changes, t.expunged} {
		b.FillPercent = appended
	}
	return t
}

// damaged names a row by ids only.
func damaged(bucket []byte, key []byte) error {
	return fmt.Errorf("%w: %s row %x", ErrDamaged, bucket, key)
}

// owner reads the row of an owner; one that is unknown has number 0.
func (t *tables) owner(o mailstore.Owner) (owner, error) {
	row := t.owners.Get([]byte(o))
	if row == nil {
		return owner{}, nil
	}
	found, ok := decodeOwner([]byte(o), row)
	if !ok {
		return owner{}, damaged(bucketOwners, []byte(o))
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
		c := b.Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func (r *rows) Books() (mailstore.Books, error) { return r.owner.Books, nil }

func (r *rows) Mailboxes() ([]mailstore.Mailbox, error) {
	var all []mailstore.Mailbox
	for k, v := range under(r.mailboxes, ownerKey(r.num)) {
		m, ok := decodeMailbox(k, v)
		if !ok {
			return nil, damaged(bucketMailboxes, k)
		}
		all = append(all, m)
	}
	return all, nil
}

func (r *rows) Mailbox(id mailstore.MailboxID) (mailstore.Mailbox, error) {
	key := boxKey(r.num, id)
	var row []byte
	if boxInKey(id) {
		row = r.mailboxes.Get(key)
	}
	if row == nil {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	m, ok := decodeMailbox(key, row)
	if !ok {
		return mailstore.Mailbox{}, damaged(bucketMailboxes, key)
	}
	return m, nil
}

func (r *rows) Entry(box mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	key := uidKey(r.num, box, uid)
	row := r.entries.Get(key)
	if row == nil {
		return mailstore.Entry{}, mailstore.ErrNoMail
	}
	e, ok := decodeEntry(key, row)
	if !ok {
		return mailstore.Entry{}, damaged(bucketEntries, key)
	}
	return e, nil
}

func (r *rows) Entries(box mailstore.MailboxID) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		for k, v := range under(r.entries, boxKey(r.num, box)) {
			e, ok := decodeEntry(k, v)
			if !ok {
				yield(e, damaged(bucketEntries, k))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// mail reads a mail; its Outer and Envelope live as long as the transaction.
func (r *rows) mail(box mailstore.MailboxID, uid mailstore.UID) (mailstore.Mail, error) {
	key := uidKey(r.num, box, uid)
	row := r.mails.Get(key)
	if row == nil {
		return mailstore.Mail{}, mailstore.ErrNoMail
	}
	m, ok := decodeMail(key, row)
	if !ok {
		return mailstore.Mail{}, damaged(bucketMails, key)
	}
	return m, nil
}

func (r *rows) Letters(box mailstore.MailboxID, uid mailstore.UID) ([]mailstore.Stored, error) {
	m, err := r.mail(box, uid)
	return m.Letters, err
}

func (r *rows) Shares(id filestore.ID) (int, error) {
	key := shareKey(r.num, id)
	row := r.shares.Get(key)
	if row == nil {
		return 1, nil
	}
	n, ok := decodeShares(key, row)
	if !ok {
		return 0, damaged(bucketShares, key)
	}
	return n, nil
}

func (r *rows) Subscriptions() ([]string, error) {
	var names []string
	for k := range under(r.subscriptions, ownerKey(r.num)) {
		names = append(names, string(k[4:]))
	}
	return names, nil
}

func (r *rows) Expunged(box mailstore.MailboxID, n int) (floor mailstore.Modseq, count int, err error) {
	for k := range under(r.expunged, boxKey(r.num, box)) {
		modseq, _, ok := readModseqKey(k)
		if !ok {
			return 0, 0, damaged(bucketExpunged, k)
		}
		if count >= n && modseq > floor {
			break
		}
		floor, count = modseq, count+1
	}
	return floor, count, nil
}
