package bolt

import (
	"errors"
	"fmt"
	"math"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
)

// plan checks that all of w can be written, so that writing fails only where
// the whole commit does.
func (r *rows) plan(w mailstore.Writes) (func() error, error) {
	if w.Empty() {
		return nil, nil
	}
	if r.num == 0 && r.in(tableOwners).Sequence() >= math.MaxUint32 {
		return nil, errors.New("no owner numbers left")
	}
	for _, m := range w.Messages {
		if m.Mail != nil && classCode(m.Mail.Class) < 0 {
			return nil, fmt.Errorf("mail of an unknown class for mailbox %d", m.Box)
		}
	}
	return func() error { return r.write(w) }, nil
}

// write puts first what is made of stored rows, then deletes.
func (r *rows) write(w mailstore.Writes) error {
	p := put{}
	if w.Wipe {
		r.wipe(&p)
	}
	if w.Books.Open {
		r.putOwner(&p, w.Books)
	}
	for _, m := range w.Mailboxes {
		key := boxKey(r.num, m.ID)
		p.put(r.in(tableMailboxes), key, encodeMailbox(key, m))
	}
	r.putMessages(&p, w.Messages)
	if r.keepsSets() {
		for box, t := range w.Tallies() {
			r.putTally(&p, box, t)
		}
	}
	for _, box := range w.Dropped {
		r.drop(&p, boxKey(r.num, box))
	}
	r.prune(&p, w.Mailboxes)
	for id, n := range w.Shares {
		key := shareKey(r.num, id)
		if n > 1 {
			p.put(r.in(tableShares), key, encodeShares(key, n))
		} else {
			p.delete(r.in(tableShares), key)
		}
	}
	r.putNotes(&p, w.Notes)
	for name, on := range w.Subscriptions {
		if key := nameKey(r.num, name); on {
			p.put(r.in(tableSubscriptions), key, nil)
		} else {
			p.delete(r.in(tableSubscriptions), key)
		}
	}
	return p.err
}

func (r *rows) putMessages(p *put, messages []mailstore.Message) {
	for _, m := range messages {
		if !m.Entry.Gone && !inPlace(m) {
			r.putMessage(p, m)
		}
	}
	for _, m := range messages { // when all copies of them are made
		if !m.Entry.Gone && inPlace(m) {
			r.putMessage(p, m)
		}
	}
	for _, m := range messages {
		if m.Entry.Gone {
			r.expunge(p, m)
		}
	}
}

// put writes until the first error, and keeps it.
type put struct{ err error }

func (p *put) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *put) put(b *bbolt.Bucket, key, value []byte) {
	if p.err == nil {
		p.err = b.Put(key, value)
	}
}

func (p *put) delete(b *bbolt.Bucket, key []byte) {
	if p.err == nil {
		p.err = b.Delete(key)
	}
}

// deleteUnder deletes all rows whose keys begin with prefix.
func (p *put) deleteUnder(b *bbolt.Bucket, prefix []byte) {
	var keys [][]byte // a cursor does not survive a deletion
	for k := range under(b, prefix) {
		keys = append(keys, k)
	}
	for _, k := range keys {
		p.delete(b, k)
	}
}

func (r *rows) putOwner(p *put, books mailstore.Books) {
	if r.num == 0 {
		next, err := r.in(tableOwners).NextSequence()
		p.note(err)
		r.num = uint32(next)
	}
	r.owner.Books = books
	p.put(r.in(tableOwners), []byte(r.id), encodeOwner([]byte(r.id), r.owner))
}

// inPlace says whether the stored mail itself gets other letters.
func inPlace(m mailstore.Message) bool { return m.Letters != nil && m.From == (mailstore.Place{}) }

func (r *rows) putMessage(p *put, m mailstore.Message) {
	uid := m.Entry.UID
	key := uidKey(r.num, m.Box, uid)
	switch {
	case m.Mail != nil:
		p.put(r.in(tableMails), key, encodeMail(key, m.Mail))
	case m.From != (mailstore.Place{}):
		r.copyMail(p, m.From, key, m.Letters)
	case m.Letters != nil:
		r.copyMail(p, mailstore.Place{Box: m.Box, UID: uid}, key, m.Letters)
	}
	row := entry{Entry: m.Entry, born: m.Born}
	if m.Was != 0 {
		stored, err := r.entry(m.Box, uid)
		p.note(err)
		row.born = stored.born
		p.delete(r.in(tableChanges), modseqKey(r.num, m.Box, m.Was, uid)) // there is one unless it was born so
	}
	if row.Modseq != row.born {
		p.put(r.in(tableChanges), modseqKey(r.num, m.Box, row.Modseq, uid), nil)
	}
	p.put(r.in(tableEntries), key, encodeEntry(key, row))
}

// copyMail puts a stored mail under a key, with other letters if there are some.
func (r *rows) copyMail(p *put, from mailstore.Place, key []byte, letters []mailstore.Stored) {
	m, err := r.mail(from.Box, from.UID)
	p.note(err)
	if letters != nil {
		m.Letters = letters
	}
	p.put(r.in(tableMails), key, encodeMail(key, &m))
}

func (r *rows) expunge(p *put, m mailstore.Message) {
	uid := m.Entry.UID
	key := uidKey(r.num, m.Box, uid)
	if m.Was != 0 {
		p.delete(r.in(tableEntries), key)
		p.delete(r.in(tableMails), key)
		p.delete(r.in(tableChanges), modseqKey(r.num, m.Box, m.Was, uid))
	}
	p.put(r.in(tableExpunged), modseqKey(r.num, m.Box, m.Entry.Modseq, uid), nil)
}

// drop deletes a mailbox and what is under it; with an owner's key all of the owner's.
func (r *rows) drop(p *put, key []byte) {
	for _, t := range []table{tableMailboxes, tableEntries, tableMails, tableChanges, tableExpunged, tableSets, tableKeywords, tableNotes} {
		p.deleteUnder(r.in(t), key)
	}
}

func (r *rows) wipe(p *put) {
	r.drop(p, ownerKey(r.num))
	p.deleteUnder(r.in(tableShares), ownerKey(r.num))
	p.deleteUnder(r.in(tableSubscriptions), ownerKey(r.num))
	r.wipeCabinet(p)
	r.wipeDrive(p)
	p.delete(r.in(tableOwners), []byte(r.id))
}

// prune drops what a mailbox no longer remembers.
func (r *rows) prune(p *put, boxes []mailstore.Mailbox) {
	for _, m := range boxes {
		if m.Floor == 0 {
			continue
		}
		var keys [][]byte
		for k := range under(r.in(tableExpunged), boxKey(r.num, m.ID)) {
			if modseq, _, ok := readModseqKey(k); !ok || modseq > m.Floor {
				break
			}
			keys = append(keys, k)
		}
		for _, k := range keys {
			p.delete(r.in(tableExpunged), k)
		}
	}
}
