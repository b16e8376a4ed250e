package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// index is the database as mailstore sees it.
type index struct{ d *DB }

// one queues a statement for one row, which may be missing.
func one(b *pgx.Batch, found *bool, scans []any, sql string, args ...any) {
	*found = false
	b.Queue(sql, args...).QueryRow(func(row pgx.Row) error {
		err := row.Scan(scans...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		*found = err == nil
		return err
	})
}

// about says what was read, and of which mailbox.
func about(err error, what string, b mailstore.MailboxID) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s of mailbox %d: %w", what, b, err)
}

const listedBoxes = `select m.box, m.name, m.use, m.uidvalidity, m.uidnext, m.modseq, m.floor, m.messages, m.unseen, m.deleted, m.expunged, m.bytes,
	s.name is not null from mailboxes m left join subscriptions s on s.owner = m.owner and s.name = m.name where m.owner = $1`

func (x index) Mailboxes(ctx context.Context, o mailstore.Owner) (all []mailstore.Mailbox, err error) {
	err = x.view(ctx, o, func(b *pgx.Batch) {
		all = nil
		b.Queue(listedBoxes+` order by m.name`, o).Query(func(found pgx.Rows) error {
			var m mailstore.Mailbox
			_, err := pgx.ForEachRow(found, boxScan(&m, &m.Subscribed), func() error {
				all = append(all, m)
				return nil
			})
			return err
		})
	})
	return all, err
}

// view reads of an owner; of one that cannot be there nothing is read.
func (x index) view(ctx context.Context, o mailstore.Owner, queue func(*pgx.Batch)) error {
	if !ownerFits(o) {
		return ctx.Err()
	}
	return x.d.view(ctx, queue)
}

func (x index) Subscriptions(ctx context.Context, o mailstore.Owner) (names []string, err error) {
	err = x.view(ctx, o, func(b *pgx.Batch) {
		names = nil
		b.Queue(`select name from subscriptions where owner = $1 order by name`, o).Query(func(found pgx.Rows) error {
			var name string
			_, err := pgx.ForEachRow(found, []any{&name}, func() error {
				names = append(names, name)
				return nil
			})
			return err
		})
	})
	return names, err
}

func (x index) Usage(ctx context.Context, o mailstore.Owner) (u mailstore.Usage, err error) {
	var found bool
	err = x.view(ctx, o, func(b *pgx.Batch) {
		one(b, &found, []any{&u.Bytes, &u.Messages, &u.Quota}, `select bytes, messages, quota from owners where owner = $1`, o)
	})
	return u, err
}

func (x index) Modseq(ctx context.Context, o mailstore.Owner) (m mailstore.Modseq, err error) {
	var found bool
	err = x.view(ctx, o, func(b *pgx.Batch) {
		one(b, &found, []any{&m}, `select modseq from owners where owner = $1`, o)
	})
	return m, err
}

func (x index) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (note []byte, err error) {
	if !boxFits(b) {
		return nil, ctx.Err()
	}
	var found bool
	err = x.view(ctx, o, func(q *pgx.Batch) {
		note = nil
		one(q, &found, []any{&note}, `select note from notes where owner = $1 and box = $2`, o, int64(b))
	})
	return note, about(err, "note", b)
}

func (x index) Entry(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	var row entryRow
	found := false
	if boxFits(b) {
		err := x.view(ctx, o, func(q *pgx.Batch) {
			one(q, &found, row.scan(), `select `+entryColumns+` from entries e where owner = $1 and box = $2 and uid = $3`, o, int64(b), int64(uid))
		})
		if err != nil {
			return mailstore.Entry{}, about(err, "entry", b)
		}
	}
	if !found {
		return mailstore.Entry{}, mailstore.ErrNoMail
	}
	return row.entry(&flagReader{}), nil
}

func (x index) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	if !ownerFits(o) {
		return nil, mailstore.ErrNoOwner
	}
	if err := checkClasses(changes); err != nil {
		return nil, err
	}
	c := &call{changes: changes, size: sizeOf(changes), done: make(chan struct{})}
	if err := x.d.submit(ctx, o, c); err != nil {
		return nil, err
	}
	return c.answer.Events, nil
}

// sinceNumber is a MODSEQ as a bigint can be compared with.
func sinceNumber(m mailstore.Modseq) int64 { return int64(min(m, math.MaxInt64)) }

// Blobs reads all of one moment, so that a message moved meanwhile is neither missed in
// its old place nor in its new one. It alone goes through tables.
func (x index) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		err := x.d.with(ctx, func(c *pgxpool.Conn) error {
			return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `set local enable_seqscan = on`); err != nil {
					return err
				}
				return eachBlob(ctx, tx, yield)
			})
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(filestore.ID{}, fmt.Errorf("list blobs: %w", quiet(err)))
		}
	}
}

func eachBlob(ctx context.Context, tx pgx.Tx, yield func(filestore.ID, error) bool) error {
	found, err := tx.Query(ctx, `select blob from drive_parts union all select blob from boxes where not gone`)
	if err != nil {
		return err
	}
	var b heldBlobRow
	_, err = pgx.ForEachRow(found, b.scan(), func() error {
		id, err := b.value()
		if err == nil && !yield(id, nil) {
			err = errStopped
		}
		return err
	})
	if err != nil {
		return err
	}
	return eachLetter(ctx, tx, yield)
}

func eachLetter(ctx context.Context, tx pgx.Tx, yield func(filestore.ID, error) bool) error {
	found, err := tx.Query(ctx, `select letters from mails`)
	if err != nil {
		return err
	}
	var encoded []byte
	_, err = pgx.ForEachRow(found, []any{&encoded}, func() error {
		letters, ok := decodeLetters(encoded)
		if !ok {
			return damaged("mails")
		}
		for _, l := range letters {
			if !yield(l.ID, nil) {
				return errStopped
			}
		}
		return nil
	})
	return err
}

var errStopped = errors.New("the reader stopped")
