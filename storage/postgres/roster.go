package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// mailbox queues what is listed of one.
func mailbox(q *pgx.Batch, o mailstore.Owner, b mailstore.MailboxID, m *mailstore.Mailbox, found *bool) {
	one(q, found, boxScan(m, &m.Subscribed), listedBoxes+` and m.box = $2`, o, int64(b))
}

// pages queues a set.
func pages(q *pgx.Batch, into *mailstore.UIDSet, sql string, args ...any) {
	*into = mailstore.UIDSet{}
	q.Queue(sql, args...).Query(func(found pgx.Rows) error {
		var build mailstore.UIDSetBuilder
		var page uint32
		var uids []byte
		_, err := pgx.ForEachRow(found, []any{&page, &uids}, func() error {
			if build.AddPage(page, uids) != nil {
				return damaged("sets", page)
			}
			return nil
		})
		*into = build.Set()
		return err
	})
}

// numbers queues a set of which each UID is a row.
func numbers(q *pgx.Batch, into *mailstore.UIDSet, sql string, args ...any) {
	q.Queue(sql, args...).Query(func(found pgx.Rows) error {
		var uids []mailstore.UID
		var uid uint32
		_, err := pgx.ForEachRow(found, []any{&uid}, func() error {
			uids = append(uids, mailstore.UID(uid))
			return nil
		})
		if len(uids) > 0 {
			*into = mailstore.UIDsOf(uids...)
		}
		return err
	})
}

const (
	allPages    = `select page, uids from sets where owner = $1 and box = $2 and mark = $3 order by page`
	firstPage   = allPages + ` limit 1`
	keywordsNow = `select spelling from keywords where owner = $1 and box = $2 order by keyword`
)

func (x index) Roster(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (out mailstore.Roster, err error) {
	found := false
	if boxFits(b) {
		err = x.view(ctx, o, func(q *pgx.Batch) {
			out = mailstore.Roster{}
			mailbox(q, o, b, &out.Mailbox, &found)
			pages(q, &out.UIDs, allPages, o, int64(b), int16(mailstore.MarkThere))
			var unseen mailstore.UIDSet
			pages(q, &unseen, firstPage, o, int64(b), int16(mailstore.MarkUnseen))
			q.Queue(keywordsNow, o, int64(b)).Query(func(found pgx.Rows) error {
				out.FirstUnseen = unseen.First()
				var word string
				_, err := pgx.ForEachRow(found, []any{&word}, func() error {
					out.Keywords = append(out.Keywords, word)
					return nil
				})
				return err
			})
		})
	}
	if err == nil && !found {
		err = mailstore.ErrNoMailbox
	}
	if err != nil {
		return mailstore.Roster{}, about(err, "roster", b)
	}
	return out, nil
}

func (x index) Marked(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, m mailstore.Mark) (uids mailstore.UIDSet, err error) {
	if !boxFits(b) {
		return uids, ctx.Err()
	}
	err = x.view(ctx, o, func(q *pgx.Batch) { pages(q, &uids, allPages, o, int64(b), int16(m)) })
	return uids, about(err, "set", b)
}

func (x index) Changes(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (out mailstore.Changes, err error) {
	found := false
	if boxFits(b) {
		err = x.view(ctx, o, func(q *pgx.Batch) {
			out = mailstore.Changes{}
			x.changes(q, o, b, sinceNumber(since), &out, &found)
		})
	}
	switch {
	case err == nil && !found:
		err = mailstore.ErrNoMailbox
	case err == nil && since < out.Floor: // Vanished is what is there
		out.Vanished = mailstore.UIDSpan(1, out.UIDNext-1).Minus(out.Vanished)
	}
	if err != nil {
		return mailstore.Changes{}, about(err, "changes", b)
	}
	return out, nil
}

// changes leaves in Vanished the expunged, or when not all are remembered since then, those
// that are there.
func (x index) changes(q *pgx.Batch, o mailstore.Owner, b mailstore.MailboxID, since int64, out *mailstore.Changes, found *bool) {
	const remembered = `exists (select from mailboxes where owner = $1 and box = $2 and floor <= $3)`
	mailbox(q, o, b, &out.Mailbox, found)
	numbers(q, &out.Changed, `select uid from entries where owner = $1 and box = $2 and modseq > $3`, o, int64(b), since)
	pages(q, &out.Vanished, `select page, uids from sets where owner = $1 and box = $2 and mark = 0 and not `+remembered+` order by page`, o, int64(b), since)
	numbers(q, &out.Vanished, `select uid from expunged where owner = $1 and box = $2 and modseq > $3 and `+remembered, o, int64(b), since)
}
