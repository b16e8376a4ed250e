package bolt

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

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
		tables := &tables{tx: tx}
		known := map[uint32]bool{}
		for k := range under(tables.in(tableOwners), nil) {
			r, err := tables.rows(mailstore.Owner(k))
			if err != nil {
				return err
			}
			if known[r.num] || r.num == 0 || uint64(r.num) > tables.in(tableOwners).Sequence() {
				t.Errorf("owner number %d is given twice or not given at all", r.num)
			}
			known[r.num] = true
			if err := checkOwnerRows(t, r); err != nil {
				return err
			}
		}
		for _, name := range slices.Concat(tableNames[tableMailboxes:tableSubscriptions+1], tableNames[tableShelves:tableShelved+1], tableNames[tableSets:tableNotes+1]) {
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
	var messages, changed, expunged int
	for _, b := range boxes {
		messages += int(b.Messages)
		expunged += int(b.Expunged)
		n, err := checkEntries(t, r, b.ID)
		if err != nil {
			return err
		}
		changed += n
		if err := checkSets(t, r, b.ID); err != nil {
			return err
		}
	}
	for k := range under(r.in(tableNotes), ownerKey(r.num)) {
		if box := mailstore.MailboxID(binary.BigEndian.Uint32(k[4:])); box != mailstore.NoteOwner && box != mailstore.NoteImports && !slices.ContainsFunc(boxes, func(b mailstore.Mailbox) bool { return b.ID == box }) {
			t.Errorf("a note of mailbox %d, which is not there", box)
		}
	}
	points := map[[16]byte]int{}
	for k, v := range under(r.in(tableMails), ownerKey(r.num)) {
		m, ok := decodeMail(k, v)
		if !ok {
			return damaged(tableMails, k)
		}
		for _, l := range m.Letters {
			points[l.ID]++
		}
	}
	for k, v := range under(r.in(tableShares), ownerKey(r.num)) {
		n, ok := decodeShares(k, v)
		if !ok {
			return damaged(tableShares, k)
		}
		if id := [16]byte(k[4:]); n < 2 || points[id] != n {
			t.Errorf("blob %x: row says %d, entries %d", id, n, points[id])
		}
	}
	for id, n := range points {
		if shared := r.get(tableShares, shareKey(r.num, id)) != nil; shared != (n > 1) {
			t.Errorf("blob %x: %d entries, row of shares: %v", id, n, shared)
		}
	}
	shelf, err := shelves{r}.Shelf()
	if err != nil {
		return err
	}
	kept := int(shelf.Boxes + shelf.Gone)
	counts := map[table]int{
		tableEntries: messages, tableMails: messages, tableChanges: changed, tableExpunged: expunged,
		tableBoxes: kept, tableShelved: kept,
	}
	for _, err := range (shelves{r}).changed(0) {
		if err != nil {
			return err
		}
	}
	for table, n := range counts {
		rows := 0
		for range under(r.in(table), ownerKey(r.num)) {
			rows++
		}
		if rows != n {
			t.Errorf("%s: %d rows where mailboxes count %d", tableNames[table], rows, n)
		}
	}
	return nil
}

// checkEntries counts the entries that changed since they were born.
func checkEntries(t storagetest.TB, r *rows, box mailstore.MailboxID) (changed int, err error) {
	t.Helper()
	born := mailstore.Modseq(0)
	for k, v := range under(r.in(tableEntries), boxKey(r.num, box)) {
		e, ok := decodeEntry(k, v)
		if !ok {
			return 0, damaged(tableEntries, k)
		}
		if e.born < born {
			t.Errorf("entry %d of mailbox %d was born before the one below it", e.UID, box)
		}
		born = e.born
		logged := r.get(tableChanges, modseqKey(r.num, box, e.Modseq, e.UID)) != nil
		if logged != (e.Modseq != e.born) {
			t.Errorf("entry %d of mailbox %d: born %d, now %d, in the log of changes: %v", e.UID, box, e.born, e.Modseq, logged)
		}
		if logged {
			changed++
		}
	}
	return changed, nil
}

// checkSets compares what is kept beside the entries with them. That sets and
// keywords are those of mailboxes that exist, checkCounts says.
func checkSets(t storagetest.TB, r *rows, box mailstore.MailboxID) error {
	t.Helper()
	if !r.keepsSets() {
		t.Errorf("the file keeps no sets")
	}
	var tally mailstore.Tally
	for e, err := range r.Entries(box) {
		if err != nil {
			return err
		}
		tally.Note(nil, &e)
	}
	pages := 0
	for _, m := range mailstore.Marks() {
		kept, err := r.Marked(box, m)
		if err != nil {
			return err
		}
		want, _ := tally.Sets(m)
		if !kept.Equal(want) {
			t.Errorf("mailbox %d: set %d is %v, its entries %v", box, m, kept, want)
		}
		for range want.Pages() {
			pages++
		}
	}
	for range under(r.in(tableSets), boxKey(r.num, box)) {
		pages--
	}
	if pages != 0 {
		t.Errorf("mailbox %d: pages of sets too few %d", box, pages)
	}
	for k, v := range under(r.in(tableKeywords), boxKey(r.num, box)) {
		n, spelling, ok := decodeKeyword(k, v)
		if w := tally.Words[string(k[8:])]; !ok || w.More != n || strings.ToLower(spelling) != string(k[8:]) {
			t.Errorf("mailbox %d: a keyword is counted %d times and is not", box, n)
		}
		delete(tally.Words, string(k[8:]))
	}
	if len(tally.Words) > 0 {
		t.Errorf("mailbox %d: %d keywords are not counted", box, len(tally.Words))
	}
	return nil
}
