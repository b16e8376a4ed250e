package postgres

import (
	"context"
	"encoding/binary"
	"iter"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// Entries reads all rows before it yields the first, since nobody may keep a connection, and
// with it a moment, for as long as a reader likes. They are packed: some 25 bytes each.
func (x index) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		var p packed
		if boxFits(b) {
			err := x.view(ctx, o, func(q *pgx.Batch) {
				p = packed{}
				if since == 0 {
					q.Queue(allEntries, o, int64(b)).Query(p.keep)
				} else {
					q.Queue(entriesSince, o, int64(b), sinceNumber(since)).Query(p.keep)
				}
			})
			if err != nil {
				yield(mailstore.Entry{}, about(err, "entries", b))
				return
			}
		}
		p.entries(yield)
	}
}

const (
	allEntries = `select ` + entryColumns + `, false from entries e where owner = $1 and box = $2 order by uid`

	// What is there stands before what is gone at the same MODSEQ.
	entriesSince = `select ` + entryColumns + `, false as gone from entries e where owner = $1 and box = $2 and modseq > $3
		union all select x.box, x.uid, x.modseq, 0, 0, 0, 0::smallint, '', true from expunged x where owner = $1 and box = $2 and modseq > $3
		order by modseq, gone, uid`
)

// packed are entries as they came, in a few bytes each.
type packed struct {
	flags map[combination]uint64 // numbers of combinations,
	sets  [][]string             // and what they are
	data  []byte
	last  entryRow
}

func (p *packed) keep(found pgx.Rows) error {
	var x entryRow
	var gone bool
	var reader flagReader
	p.flags = map[combination]uint64{}
	_, err := pgx.ForEachRow(found, x.scan(&gone), func() error {
		p.add(&x, gone, &reader)
		return nil
	})
	return err
}

func (p *packed) add(x *entryRow, gone bool, reader *flagReader) {
	c := combination{x.flags, x.keywords}
	n, known := p.flags[c]
	if !known {
		n = uint64(len(p.sets))
		p.sets = append(p.sets, reader.read(c.bits, c.keywords))
		if len(p.flags) < maxCombinations {
			p.flags[c] = n
		}
	}
	n <<= 1
	if gone {
		n |= 1
	}
	p.data = binary.AppendUvarint(p.data, n)
	p.data = binary.AppendVarint(p.data, int64(x.e.UID)-int64(p.last.e.UID))
	p.data = binary.AppendVarint(p.data, int64(x.e.Modseq)-int64(p.last.e.Modseq))
	if !gone {
		p.data = binary.AppendVarint(p.data, x.received-p.last.received)
		p.data = binary.AppendVarint(p.data, x.saved-p.last.saved)
		p.data = binary.AppendUvarint(p.data, uint64(x.e.Size))
		p.last.received, p.last.saved = x.received, x.saved
	}
	p.last.e.UID, p.last.e.Modseq = x.e.UID, x.e.Modseq
}

func (p *packed) entries(yield func(mailstore.Entry, error) bool) {
	data := p.data
	number := func() uint64 {
		v, n := binary.Uvarint(data)
		data = data[n:]
		return v
	}
	step := func() int64 {
		v, n := binary.Varint(data)
		data = data[n:]
		return v
	}
	var uid, modseq, received, saved int64
	for len(data) > 0 {
		n := number()
		uid, modseq = uid+step(), modseq+step()
		e := mailstore.Entry{UID: mailstore.UID(uid), Modseq: mailstore.Modseq(modseq), Gone: n&1 == 1}
		if !e.Gone {
			received, saved = received+step(), saved+step()
			e.Received, e.Saved = moment(received), moment(saved)
			e.Size, e.Flags = int64(number()), p.sets[n>>1]
		}
		if !yield(e, nil) {
			return
		}
	}
}
