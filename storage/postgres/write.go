package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// boxTables are the tables of the index whose keys begin with owner and box; the others
// have no box.
func boxTables() []string {
	return []string{"mailboxes", "entries", "mails", "expunged", "sets", "keywords", "notes"}
}

func ownerTables() []string {
	return append(boxTables(), "shares", "subscriptions",
		"drives", "drive_objects", "drive_parts", "drive_links", "drive_requests", "shelves", "boxes")
}

// free adds the blobs of an owner's files and cabinet to what the first Forget freed.
func (r *rows) free(calls [][]mailstore.Change, answers []mailstore.Answer) {
	for i, changes := range calls {
		for j, c := range changes {
			if _, ok := c.(mailstore.Forget); ok && answers[i].Err == nil {
				answers[i].Events[j].Freed = append(answers[i].Events[j].Freed, r.blobs...)
				return
			}
		}
	}
}

// write is a round trip that writes all of w but does not commit. First is made what
// is made of stored rows, then they are deleted.
func (r *rows) write(w mailstore.Writes, by token) (*pgx.Batch, error) {
	b := &pgx.Batch{}
	if w.Wipe {
		for _, table := range ownerTables() {
			b.Queue(`delete from `+table+` where owner = $1`, r.owner)
		}
	}
	r.writeOwner(b, w, by)
	r.writeBoxes(b, w.Mailboxes)
	if err := r.writeMessages(b, w.Messages); err != nil {
		return nil, err
	}
	if len(w.Dropped) > 0 {
		for _, table := range boxTables() {
			b.Queue(`delete from `+table+` where owner = $1 and box = any($2)`, r.owner, boxNumbers(w.Dropped))
		}
	}
	r.writePruned(b, w.Mailboxes)
	r.writeShares(b, w)
	r.writeNotes(b, w.Notes)
	r.writeNames(b, w.Subscriptions)
	if err := r.writeTallies(b, w.Tallies(), w.Wipe); err != nil {
		return nil, err
	}
	return b, nil
}

// writeOwner leaves the token of the transaction, too, so that it is known who wrote last. An owner who is
// forgotten and begins anew keeps the row: others may be waiting for its lock.
func (r *rows) writeOwner(b *pgx.Batch, w mailstore.Writes, by token) {
	k := w.Books
	if !k.Open {
		k = r.books
	}
	switch {
	case w.Wipe && !w.Books.Open:
		b.Queue(`delete from owners where owner = $1`, r.owner)
	case r.there:
		b.Queue(`update owners set modseq = $2, box = $3, valid = $4, bytes = $5, messages = $6, quota = $7, tokens = $8 where owner = $1`,
			r.owner, int64(k.Modseq), int64(k.Box), int64(k.Valid), k.Bytes, k.Messages, k.Quota, r.tokens.and(by))
	default:
		b.Queue(`insert into owners (owner, modseq, box, valid, bytes, messages, quota, tokens) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			r.owner, int64(k.Modseq), int64(k.Box), int64(k.Valid), k.Bytes, k.Messages, k.Quota, r.tokens.and(by))
	}
}

func (r *rows) writeBoxes(b *pgx.Batch, boxes []mailstore.Mailbox) {
	if len(boxes) == 0 {
		return
	}
	var names, uses []string
	var n [10][]int64
	for _, m := range boxes {
		names, uses = append(names, m.Name), append(uses, m.Use)
		for i, v := range []int64{
			int64(m.ID), int64(m.UIDValidity), int64(m.UIDNext), int64(m.Modseq), int64(m.Floor),
			int64(m.Messages), int64(m.Unseen), int64(m.Deleted), int64(m.Expunged), m.Bytes,
		} {
			n[i] = append(n[i], v)
		}
	}
	b.Queue(`insert into mailboxes (owner, box, name, use, uidvalidity, uidnext, modseq, floor, messages, unseen, deleted, expunged, bytes)
		select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
			$9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
		on conflict (owner, box) do update set name = excluded.name, use = excluded.use, uidnext = excluded.uidnext, modseq = excluded.modseq,
			floor = excluded.floor, messages = excluded.messages, unseen = excluded.unseen, deleted = excluded.deleted,
			expunged = excluded.expunged, bytes = excluded.bytes`,
		r.owner, n[0], names, uses, n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9])
}

// writePruned drops what a mailbox remembers no longer.
func (r *rows) writePruned(b *pgx.Batch, boxes []mailstore.Mailbox) {
	for _, m := range boxes {
		if stored := r.boxes[m.ID]; stored != nil && m.Floor > stored.Floor {
			b.Queue(`delete from expunged where owner = $1 and box = $2 and modseq <= $3`, r.owner, int64(m.ID), int64(m.Floor))
		}
	}
}

func (r *rows) writeShares(b *pgx.Batch, w mailstore.Writes) {
	var put, drop [][]byte
	var counts []int64
	for id, n := range w.Shares {
		if n > 1 {
			put, counts = append(put, id[:]), append(counts, int64(n))
		} else {
			drop = append(drop, id[:])
		}
	}
	if len(put) > 0 {
		b.Queue(`insert into shares (owner, blob, entries) select $1, * from unnest($2::bytea[], $3::bigint[])
			on conflict (owner, blob) do update set entries = excluded.entries`, r.owner, put, counts)
	}
	if len(drop) > 0 {
		b.Queue(`delete from shares where owner = $1 and blob = any($2)`, r.owner, drop)
	}
}

func (r *rows) writeNotes(b *pgx.Batch, notes map[mailstore.MailboxID][]byte) {
	for box, note := range notes {
		if len(note) == 0 {
			b.Queue(`delete from notes where owner = $1 and box = $2`, r.owner, int64(box))
		} else {
			b.Queue(`insert into notes (owner, box, note) values ($1, $2, $3) on conflict (owner, box) do update set note = excluded.note`, r.owner, int64(box), note)
		}
	}
}

func (r *rows) writeNames(b *pgx.Batch, names map[string]bool) {
	var on, off []string
	for name, subscribed := range names {
		if subscribed {
			on = append(on, name)
		} else {
			off = append(off, name)
		}
	}
	if len(on) > 0 {
		b.Queue(`insert into subscriptions (owner, name) select $1, unnest($2::text[]) on conflict do nothing`, r.owner, on)
	}
	if len(off) > 0 {
		b.Queue(`delete from subscriptions where owner = $1 and name = any($2)`, r.owner, off)
	}
}

// checkClasses refuses mail that a row has no code for, before anything is asked.
func checkClasses(changes []mailstore.Change) error {
	for _, c := range changes {
		if a, ok := c.(mailstore.Append); ok && classCode(a.Mail.Class) < 0 {
			return fmt.Errorf("mail of an unknown class for mailbox %d", a.Box)
		}
	}
	return nil
}
