package postgres

import (
	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// What rows asks of the database: each puts a statement into a round trip, and what comes
// back into rows.

func (r *rows) askOwner(b *pgx.Batch) {
	b.Queue(`select modseq, box, valid, bytes, messages, quota, tokens from owners where owner = $1 for update`, r.owner).
		Query(func(found pgx.Rows) error {
			k := &r.books
			_, err := pgx.ForEachRow(found, []any{&k.Modseq, &k.Box, &k.Valid, &k.Bytes, &k.Messages, &k.Quota, &r.tokens}, func() error {
				r.there, k.Open = true, true
				if len(r.tokens) == 0 || len(r.tokens)%tokenSize != 0 {
					return damaged("owners", r.owner)
				}
				return nil
			})
			return err
		})
}

const boxColumns = `box, name, use, uidvalidity, uidnext, modseq, floor, messages, unseen, deleted, expunged, bytes`

func boxScan(m *mailstore.Mailbox, more ...any) []any {
	return append([]any{
		&m.ID, &m.Name, &m.Use, &m.UIDValidity, &m.UIDNext, &m.Modseq, &m.Floor,
		&m.Messages, &m.Unseen, &m.Deleted, &m.Expunged, &m.Bytes,
	}, more...)
}

func (r *rows) keepBoxes(found pgx.Rows) error {
	var m mailstore.Mailbox
	_, err := pgx.ForEachRow(found, boxScan(&m), func() error {
		kept := m
		r.boxes[m.ID] = &kept
		return nil
	})
	return err
}

func (r *rows) askBoxes(b *pgx.Batch, ids []mailstore.MailboxID) {
	numbers := boxNumbers(ids)
	if len(numbers) == 0 {
		return
	}
	for _, id := range ids {
		r.boxes[id] = nil
	}
	b.Queue(`select `+boxColumns+` from mailboxes where owner = $1 and box = any($2)`, r.owner, numbers).Query(r.keepBoxes)
}

// boxNumbers leaves out what is no mailbox's.
func boxNumbers(ids []mailstore.MailboxID) (numbers []int64) {
	for _, id := range ids {
		if boxFits(id) {
			numbers = append(numbers, int64(id))
		}
	}
	return numbers
}

func (r *rows) askAllBoxes(b *pgx.Batch) {
	r.allBoxes = true
	b.Queue(`select `+boxColumns+` from mailboxes where owner = $1`, r.owner).Query(r.keepBoxes)
}

// placeNumbers are places as columns, without those that cannot be.
func placeNumbers(places []mailstore.Place) (boxes, uids []int64) {
	for _, p := range places {
		if boxFits(p.Box) {
			boxes, uids = append(boxes, int64(p.Box)), append(uids, int64(p.UID))
		}
	}
	return boxes, uids
}

const entryColumns = `e.box, e.uid, e.modseq, e.received, e.saved, e.size, e.flags, e.keywords`

// entryRow is a row of entries on its way.
type entryRow struct {
	box             mailstore.MailboxID
	e               mailstore.Entry
	received, saved int64
	flags           int16
	keywords        string
}

func (x *entryRow) scan(more ...any) []any {
	return append([]any{&x.box, &x.e.UID, &x.e.Modseq, &x.received, &x.saved, &x.e.Size, &x.flags, &x.keywords}, more...)
}

func (x *entryRow) entry(flags *flagReader) mailstore.Entry {
	e := x.e
	e.Received, e.Saved = moment(x.received), moment(x.saved)
	e.Flags = flags.read(x.flags, x.keywords)
	return e
}

func (r *rows) keepEntries(found pgx.Rows) error {
	var x entryRow
	_, err := pgx.ForEachRow(found, x.scan(), func() error {
		r.keepEntry(x.box, x.entry(&r.flags))
		return nil
	})
	return err
}

func (r *rows) keepEntry(box mailstore.MailboxID, e mailstore.Entry) {
	p := mailstore.Place{Box: box, UID: e.UID}
	if r.entries[p] == nil {
		r.order[box] = append(r.order[box], e.UID)
	}
	r.entries[p] = &e
}

func (r *rows) askEntries(b *pgx.Batch, places []mailstore.Place) {
	for _, p := range places {
		if r.entries[p] == nil {
			r.entries[p] = nil
		}
	}
	boxes, uids := placeNumbers(places)
	if len(boxes) == 0 {
		return
	}
	b.Queue(`select `+entryColumns+` from unnest($2::bigint[], $3::bigint[]) as p (box, uid)
		join entries e on e.owner = $1 and e.box = p.box and e.uid = p.uid`, r.owner, boxes, uids).Query(r.keepEntries)
}

func (r *rows) keepLetters(into map[mailstore.Place][]mailstore.Stored, box mailstore.MailboxID, uid mailstore.UID, encoded []byte) error {
	letters, ok := decodeLetters(encoded)
	if !ok {
		return damaged("mails", r.owner, box, uid)
	}
	into[mailstore.Place{Box: box, UID: uid}] = letters
	for _, l := range letters {
		r.unshared = append(r.unshared, l.ID)
	}
	return nil
}

func (r *rows) askLetters(b *pgx.Batch, places []mailstore.Place) {
	boxes, uids := placeNumbers(places)
	if len(boxes) == 0 {
		return
	}
	b.Queue(`select m.box, m.uid, m.letters from unnest($2::bigint[], $3::bigint[]) as p (box, uid)
		join mails m on m.owner = $1 and m.box = p.box and m.uid = p.uid`, r.owner, boxes, uids).
		Query(func(found pgx.Rows) error {
			var box mailstore.MailboxID
			var uid mailstore.UID
			var encoded []byte
			_, err := pgx.ForEachRow(found, []any{&box, &uid, &encoded}, func() error {
				return r.keepLetters(r.letters, box, uid, encoded)
			})
			return err
		})
}

// askWhole reads all of a mailbox that have a mark, with their letters.
func (r *rows) askWhole(b *pgx.Batch, what boxMark) {
	r.whole[what] = true
	if !boxFits(what.box) {
		return
	}
	sql := `select ` + entryColumns + `, m.letters from entries e` + mailsByKey + ` where e.owner = $1 and e.box = $2`
	if what.mark == mailstore.MarkDeleted {
		sql += ` and e.flags & 8 <> 0`
	}
	b.Queue(sql+` order by e.uid`, r.owner, int64(what.box)).Query(func(found pgx.Rows) error {
		var x entryRow
		var encoded []byte
		_, err := pgx.ForEachRow(found, x.scan(&encoded), func() error {
			r.keepEntry(x.box, x.entry(&r.flags))
			return r.keepLetters(r.letters, x.box, x.e.UID, encoded)
		})
		return err
	})
}

// askPassing reads a page of a mailbox, whose letters are kept until the next one.
func (r *rows) askPassing(b *pgx.Batch, box mailstore.MailboxID, after mailstore.UID, page *[]mailstore.Entry) {
	r.passing, r.unshared = map[mailstore.Place][]mailstore.Stored{}, nil
	if !boxFits(box) {
		return
	}
	b.Queue(`select `+entryColumns+`, m.letters from entries e`+mailsByKey+`
		where e.owner = $1 and e.box = $2 and e.uid > $3 order by e.uid limit $4`, r.owner, int64(box), int64(after), pageEntries).
		Query(func(found pgx.Rows) error {
			var x entryRow
			var encoded []byte
			_, err := pgx.ForEachRow(found, x.scan(&encoded), func() error {
				*page = append(*page, x.entry(&r.flags))
				return r.keepLetters(r.passing, x.box, x.e.UID, encoded)
			})
			return err
		})
}

func (r *rows) askShares(b *pgx.Batch, ids []filestore.ID) {
	blobs := make([][]byte, len(ids))
	for i := range ids {
		r.shares[ids[i]] = 1
		blobs[i] = ids[i][:]
	}
	b.Queue(`select blob, entries from shares where owner = $1 and blob = any($2)`, r.owner, blobs).
		Query(func(found pgx.Rows) error {
			var blob []byte
			var n int
			_, err := pgx.ForEachRow(found, []any{&blob, &n}, func() error {
				if len(blob) != len(filestore.ID{}) {
					return damaged("shares", r.owner)
				}
				r.shares[filestore.ID(blob)] = n
				return nil
			})
			return err
		})
}

// askBlobs reads the blobs of files and of the cabinet.
func (r *rows) askBlobs(b *pgx.Batch) {
	b.Queue(`select blob from drive_parts where owner = $1 union all select blob from boxes where owner = $1 and not gone`, r.owner).
		Query(each(&heldBlobRow{}, func(id filestore.ID) { r.blobs = append(r.blobs, id) }))
}

// heldBlobRow is a row of which a blob is all that is asked for.
type heldBlobRow struct{ blob []byte }

func (x *heldBlobRow) scan() []any { return []any{&x.blob} }

func (x *heldBlobRow) value() (id filestore.ID, err error) {
	if !readID((*[16]byte)(&id), x.blob, true) {
		err = damaged("drive_parts or boxes")
	}
	return id, err
}

func (r *rows) askNames(b *pgx.Batch) {
	r.named = true
	b.Queue(`select name from subscriptions where owner = $1`, r.owner).Query(func(found pgx.Rows) (err error) {
		r.names, err = pgx.CollectRows(found, pgx.RowTo[string])
		return err
	})
}

func (r *rows) askNotes(b *pgx.Batch, boxes []mailstore.MailboxID) {
	for _, box := range boxes {
		r.notes[box] = nil
	}
	b.Queue(`select box, note from notes where owner = $1 and box = any($2)`, r.owner, boxNumbers(boxes)).
		Query(func(found pgx.Rows) error {
			var box mailstore.MailboxID
			var note []byte
			_, err := pgx.ForEachRow(found, []any{&box, &note}, func() error {
				r.notes[box] = note
				return nil
			})
			return err
		})
}

func (r *rows) askNoted(b *pgx.Batch) {
	b.Queue(`select coalesce(sum(octet_length(note)), 0)::bigint from notes where owner = $1`, r.owner).
		QueryRow(func(row pgx.Row) error { return row.Scan(&r.noted) })
}
