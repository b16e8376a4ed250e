package bolt

import (
	"context"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

// checkRows looks at every row: each is whole and stands where it belongs, none
// is left over, and bbolt finds its pages in order.
func checkRows(t storagetest.TB, d *DB) {
	t.Helper()
	err := d.view(context.Background(), func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		tables := openTables(tx)
		known := map[uint32]bool{}
		for k := range under(tables.owners, nil) {
			r, err := tables.rows(mailstore.Owner(k))
			if err != nil {
				return err
			}
			if known[r.num] || r.num == 0 || uint64(r.num) > tables.owners.Sequence() {
				t.Errorf("owner number %d is given twice or not given at all", r.num)
			}
			known[r.num] = true
			if err := checkOwnerRows(t, r); err != nil {
				return err
			}
		}
		for _, name := range buckets()[1:8] {
			for k := range under(tx.Bucket(name), nil) {
				if num := readOwner(k); !known[num] {
					t.Errorf("%s has a row of owner %d, who is not there", name, num)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func readOwner(key []byte) uint32 {
	return uint32(key[0])<<24 | uint32(key[1])<<16 | uint32(key[2])<<8 | uint32(key[3])
}

// checkOwnerRows counts the rows that no mailbox's listing would show.
func checkOwnerRows(t storagetest.TB, r *rows) error {
	t.Helper()
	boxes, err := r.Mailboxes()
	if err != nil {
		return err
	}
	var messages, expunged int
	for _, b := range boxes {
		messages += int(b.Messages)
		expunged += int(b.Expunged)
		for e, err := range r.Entries(b.ID) {
			if err != nil {
				return err
			}
			if r.changes.Get(modseqKey(r.num, b.ID, e.Modseq, e.UID)) == nil {
				t.Errorf("entry %d of mailbox %d has no change row", e.UID, b.ID)
			}
		}
	}
	points := map[[16]byte]int{}
	for k, v := range under(r.mails, ownerKey(r.num)) {
		m, ok := decodeMail(k, v)
		if !ok {
			return damaged(bucketMails, k)
		}
		for _, l := range m.Letters {
			points[l.ID]++
		}
	}
	for k, v := range under(r.shares, ownerKey(r.num)) {
		n, ok := decodeShares(k, v)
		if !ok {
			return damaged(bucketShares, k)
		}
		if id := [16]byte(k[4:]); n < 2 || points[id] != n {
			t.Errorf("blob %x: row says %d, entries %d", id, n, points[id])
		}
	}
	for id, n := range points {
		if shared := r.shares.Get(shareKey(r.num, id)) != nil; shared != (n > 1) {
			t.Errorf("blob %x: %d entries, row of shares: %v", id, n, shared)
		}
	}
	for what, n := range map[*bbolt.Bucket]int{r.entries: messages, r.mails: messages, r.changes: messages, r.expunged: expunged} {
		rows := 0
		for range under(what, ownerKey(r.num)) {
			rows++
		}
		if rows != n {
			t.Errorf("%d rows where mailboxes count %d", rows, n)
		}
	}
	return nil
}
