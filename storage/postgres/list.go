package postgres

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// What one page of List or Mails has at most: rows, and octets of mails.
const (
	listRows  = 512
	listMails = 128
	listBytes = 1 << 20
)

func (x index) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	return func(yield func(*mailstore.Line, error) bool) {
		if !boxFits(b) || !ownerFits(o) {
			return
		}
		l := listing{x: x, owner: o, box: b, columns: c, most: listRows, rest: uids}
		if c != (mailstore.Columns{}) {
			l.most = listMails
		}
		for first := true; first || l.rest.Len() > 0; first = false {
			if err := l.read(ctx); err != nil {
				yield(nil, about(err, "list", b))
				return
			}
			for i := range l.page {
				if !yield(&l.page[i], nil) {
					return
				}
			}
		}
	}
}

// listing is one page of a list after the other.
type listing struct {
	x       index
	owner   mailstore.Owner
	box     mailstore.MailboxID
	columns mailstore.Columns
	most    int
	rest    mailstore.UIDSet // that was not read
	flags   flagReader
	page    []mailstore.Line
}

// read reads the next page: the messages of some runs of UIDs, up to the first one too many.
func (l *listing) read(ctx context.Context) error {
	var lo, hi []int64
	asked := 0
	for first, last := range l.rest.Runs() {
		lo, hi = append(lo, int64(first)), append(hi, int64(last))
		if asked += int(last-first) + 1; asked >= l.most {
			break
		}
	}
	read := mailstore.UID(0) // up to it all is read
	if len(hi) > 0 {
		read = mailstore.UID(hi[len(hi)-1])
	}
	var cut bool
	err := l.x.d.view(ctx, func(q *pgx.Batch) {
		l.page, cut = l.page[:0], false
		q.Queue(l.sql(), l.owner, int64(l.box), lo, hi, l.most).Query(func(found pgx.Rows) (err error) {
			cut, err = l.keep(found)
			return err
		})
	})
	if cut {
		read = l.page[len(l.page)-1].UID
	}
	l.rest = l.rest.Minus(l.rest.Between(1, read))
	return err
}

// mailsByKey joins the mails of entries, each by its whole key: the limit keeps a planner that has
// seen no statistics yet from going through the mailbox for every message.
const mailsByKey = ` left join lateral (select * from mails m where m.owner = e.owner and m.box = e.box and m.uid = e.uid limit 1) m on true`

// sql looks each run up in the index, in the order of the runs.
func (l *listing) sql() string {
	columns, mails := "", ""
	if l.columns != (mailstore.Columns{}) {
		columns, mails = ", m.id, m.form, m.class, m.envelope", mailsByKey
	}
	if l.columns.Whole {
		columns += ", m.letters, m.outer_"
	}
	return `select l.* from unnest($3::bigint[], $4::bigint[]) with ordinality as r (lo, hi, n)
		cross join lateral (select ` + entryColumns + columns + ` from entries e` + mails + `
			where e.owner = $1 and e.box = $2 and e.uid between r.lo and r.hi order by e.uid limit $5) l
		order by r.n, l.uid limit $5`
}

// keep takes rows until the page is full, and says whether there may be more.
func (l *listing) keep(found pgx.Rows) (cut bool, err error) {
	var x entryRow
	var m mailRow
	size := 0
	scans := x.scan(m.scan(l.columns)...)
	_, err = pgx.ForEachRow(found, scans, func() error {
		if cut = cut || size > listBytes; cut {
			return nil
		}
		line := mailstore.Line{Entry: x.entry(&l.flags)}
		if l.columns != (mailstore.Columns{}) {
			var err error
			if line.Mail, err = m.mail(line.UID, l.columns.Whole); err != nil {
				return damaged("mails", l.owner, l.box, line.UID)
			}
			size += len(line.Mail.Outer) + len(line.Mail.Envelope)
		}
		l.page = append(l.page, line)
		return nil
	})
	return cut || len(l.page) == l.most, err
}

// mailRow is a row of mails on its way.
type mailRow struct {
	id, envelope, letters, outer []byte
	form, class                  *int16
}

func (x *mailRow) scan(c mailstore.Columns) []any {
	switch {
	case c.Whole:
		return []any{&x.id, &x.form, &x.class, &x.envelope, &x.letters, &x.outer}
	case c.Envelope:
		return []any{&x.id, &x.form, &x.class, &x.envelope}
	}
	return nil
}

func (x *mailRow) mail(uid mailstore.UID, whole bool) (m mailstore.Mail, err error) {
	if len(x.id) != len(m.ID) || x.form == nil || x.class == nil || *x.class < 0 || int(*x.class) >= len(classes()) {
		return m, ErrDamaged
	}
	m = mailstore.Mail{UID: uid, ID: [16]byte(x.id), Form: formOf(*x.form), Class: classes()[*x.class], Envelope: x.envelope}
	if whole {
		var ok bool
		if m.Letters, ok = decodeLetters(x.letters); !ok {
			return m, ErrDamaged
		}
		m.Outer = x.outer
	}
	return m, nil
}

func (x index) Mails(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		if !boxFits(b) || !ownerFits(o) {
			return
		}
		for rest := uids; len(rest) > 0; {
			page, done, err := x.mailPage(ctx, o, b, rest[:min(len(rest), listMails)])
			if err != nil {
				yield(mailstore.Mail{}, about(err, "mails", b))
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			rest = rest[done:]
		}
	}
}

// mailPage reads the first of some mails, and says how many of uids it is done with.
func (x index) mailPage(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) (page []mailstore.Mail, done int, err error) {
	numbers := make([]int64, len(uids))
	for i, uid := range uids {
		numbers[i] = int64(uid)
	}
	err = x.d.view(ctx, func(q *pgx.Batch) {
		page, done = nil, len(uids)
		q.Queue(`select p.n, m.id, m.form, m.class, m.envelope, m.letters, m.outer_ from unnest($3::bigint[]) with ordinality as p (uid, n)
			join mails m on m.owner = $1 and m.box = $2 and m.uid = p.uid order by p.n`, o, int64(b), numbers).Query(func(found pgx.Rows) error {
			var row mailRow
			var n, size int
			_, err := pgx.ForEachRow(found, append([]any{&n}, row.scan(mailstore.Columns{Whole: true})...), func() error {
				if size > listBytes {
					done = min(done, n-1)
					return nil
				}
				m, err := row.mail(uids[n-1], true)
				if err != nil {
					return damaged("mails", o, b, uids[n-1])
				}
				page, size = append(page, m), size+len(m.Outer)+len(m.Envelope)
				return nil
			})
			return err
		})
	})
	return page, done, err
}
