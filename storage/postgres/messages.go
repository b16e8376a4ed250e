package postgres

import (
	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// messageRows are what becomes of messages, as columns.
type messageRows struct {
	fresh, changed entryRows
	mails          mailRows
	copies         copyRows
	replaced       letterRows
	gone           placeRows // rows to delete
	expunged       placeRows // UIDs to remember
	expungedAt     []int64
}

type placeRows struct{ boxes, uids []int64 }

func (p *placeRows) add(box mailstore.MailboxID, uid mailstore.UID) {
	p.boxes, p.uids = append(p.boxes, int64(box)), append(p.uids, int64(uid))
}

type entryRows struct {
	placeRows
	modseqs, received, saved, sizes []int64
	flags                           []int16
	keywords                        []string
}

func (x *entryRows) add(m *mailstore.Message) {
	e := &m.Entry
	x.placeRows.add(m.Box, e.UID)
	x.modseqs = append(x.modseqs, int64(e.Modseq))
	x.received, x.saved = append(x.received, seconds(e.Received)), append(x.saved, seconds(e.Saved))
	x.sizes = append(x.sizes, e.Size)
	bits, keywords := encodeFlags(e.Flags)
	x.flags, x.keywords = append(x.flags, bits), append(x.keywords, keywords)
}

type mailRows struct {
	placeRows
	ids, letters, outers, envelopes [][]byte
	forms, classes                  []int16
}

func (x *mailRows) add(m *mailstore.Message) {
	mail := m.Mail
	x.placeRows.add(m.Box, m.Entry.UID)
	x.ids = append(x.ids, mail.ID[:])
	x.forms, x.classes = append(x.forms, int16(mail.Form)), append(x.classes, classCode(mail.Class))
	x.letters = append(x.letters, encodeLetters(mail.Letters))
	x.outers, x.envelopes = append(x.outers, present(mail.Outer)), append(x.envelopes, present(mail.Envelope))
}

// present is b, and not the null that nil would be.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// copyRows are mails to be made of stored ones; without letters they keep theirs.
type copyRows struct {
	from, to placeRows
	letters  [][]byte
}

type letterRows struct {
	placeRows
	letters [][]byte
}

func (x *messageRows) add(m *mailstore.Message) {
	uid := m.Entry.UID
	if m.Entry.Gone {
		x.expunged.add(m.Box, uid)
		x.expungedAt = append(x.expungedAt, int64(m.Entry.Modseq))
		if m.Was != 0 {
			x.gone.add(m.Box, uid)
		}
		return
	}
	var letters []byte
	if m.Letters != nil {
		letters = encodeLetters(m.Letters)
	}
	switch {
	case m.Mail != nil:
		x.mails.add(m)
	case m.From != (mailstore.Place{}):
		x.copies.from.add(m.From.Box, m.From.UID)
		x.copies.to.add(m.Box, uid)
		x.copies.letters = append(x.copies.letters, letters)
	case m.Letters != nil:
		x.replaced.add(m.Box, uid)
		x.replaced.letters = append(x.replaced.letters, letters)
	}
	if m.Was == 0 {
		x.fresh.add(m)
	} else {
		x.changed.add(m)
	}
}

func (r *rows) writeMessages(b *pgx.Batch, messages []mailstore.Message) error {
	var x messageRows
	for i := range messages {
		x.add(&messages[i])
	}
	x.writeMails(r.owner, b)
	x.writeEntries(r.owner, b)
	x.writeGone(r.owner, b)
	return nil
}

// writeMails makes copies before it changes or deletes what they are made of.
func (x *messageRows) writeMails(o mailstore.Owner, b *pgx.Batch) {
	if c := x.copies; len(c.letters) > 0 {
		b.Queue(`insert into mails (owner, box, uid, id, form, class, letters, outer_, envelope)
			select $1, p.box, p.uid, m.id, m.form, m.class, coalesce(p.letters, m.letters), m.outer_, m.envelope
			from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[]) as p (from_box, from_uid, box, uid, letters)
			join mails m on m.owner = $1 and m.box = p.from_box and m.uid = p.from_uid`,
			o, c.from.boxes, c.from.uids, c.to.boxes, c.to.uids, c.letters)
	}
	if c := x.replaced; len(c.letters) > 0 {
		b.Queue(`update mails m set letters = p.letters from unnest($2::bigint[], $3::bigint[], $4::bytea[]) as p (box, uid, letters)
			where m.owner = $1 and m.box = p.box and m.uid = p.uid`, o, c.boxes, c.uids, c.letters)
	}
	if m := x.mails; len(m.ids) > 0 {
		b.Queue(`insert into mails (owner, box, uid, id, form, class, letters, outer_, envelope)
			select $1, * from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::smallint[], $6::smallint[], $7::bytea[], $8::bytea[], $9::bytea[])`,
			o, m.boxes, m.uids, m.ids, m.forms, m.classes, m.letters, m.outers, m.envelopes)
	}
}

func (x *messageRows) writeEntries(o mailstore.Owner, b *pgx.Batch) {
	if e := x.fresh; len(e.uids) > 0 {
		b.Queue(`insert into entries (owner, box, uid, modseq, received, saved, size, flags, keywords)
			select $1, * from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::smallint[], $9::text[])`,
			o, e.boxes, e.uids, e.modseqs, e.received, e.saved, e.sizes, e.flags, e.keywords)
	}
	if e := x.changed; len(e.uids) > 0 {
		b.Queue(`update entries e set modseq = p.modseq, flags = p.flags, keywords = p.keywords
			from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[]) as p (box, uid, modseq, flags, keywords)
			where e.owner = $1 and e.box = p.box and e.uid = p.uid`,
			o, e.boxes, e.uids, e.modseqs, e.flags, e.keywords)
	}
}

func (x *messageRows) writeGone(o mailstore.Owner, b *pgx.Batch) {
	if g := x.gone; len(g.uids) > 0 {
		for _, table := range []string{"entries", "mails"} {
			b.Queue(`delete from `+table+` e using unnest($2::bigint[], $3::bigint[]) as p (box, uid)
				where e.owner = $1 and e.box = p.box and e.uid = p.uid`, o, g.boxes, g.uids)
		}
	}
	if g := x.expunged; len(g.uids) > 0 {
		b.Queue(`insert into expunged (owner, box, modseq, uid) select $1, * from unnest($2::bigint[], $3::bigint[], $4::bigint[])`,
			o, g.boxes, x.expungedAt, g.uids)
	}
}
