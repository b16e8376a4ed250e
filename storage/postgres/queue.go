package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

// purposeQueue is what the mark of a queue is sealed for (nodekey).
const purposeQueue = "key of a queue"

// Queue keeps the rows of a queue for many nodes at once, all of which have the same node
// key. It is a queue.Store.
//
// A row is in the hands of whoever was given its last fence. The database's clock says
// when a row is due and when a lease has ended, so a node with a wrong clock takes nobody's
// mail; of the times that Lease is given only how far they are apart counts. The
// queue.Queue above has to go by the same clock: its Now is that of this Queue.
type Queue struct {
	d       *DB
	name    string
	clock   clock
	counted counted
	played  *atomic.Int64 // tests play at times of their own: the last one; else nil
}

// Queue opens or makes the queue of that name. It fails with ErrOtherKey or ErrDamaged.
func (d *DB) Queue(ctx context.Context, name string, k *nodekey.Key) (*Queue, error) {
	q := &Queue{d: d, name: name}
	var mark []byte
	var found bool
	err := q.write(ctx, func(b *pgx.Batch, _ bool) {
		b.Queue(`insert into queues (queue, mark) select $1, $2 where not exists (select from queue where queue = $1) on conflict do nothing`,
			name, k.Seal(purposeQueue, name, nil))
		one(b, &found, []any{&mark}, `select mark from queues where queue = $1`, name)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: rows, and no mark of their key", ErrDamaged)
	}
	if err == nil {
		if _, wrong := k.Open(purposeQueue, name, mark); wrong != nil {
			err = ErrOtherKey
		}
	}
	if err == nil {
		_, err = q.Next(ctx) // and what time it is
	}
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	return q, nil
}

// write runs statements in a transaction of their own, in one round trip, and again after
// a loss or a broken connection. cut says that what was asked before may have been done. Each
// statement checks by itself all that it relies on, so read committed is right
// whatever the database's default is, and takers never lose against each other.
func (q *Queue) write(ctx context.Context, ask func(b *pgx.Batch, cut bool)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cut := false
	return again(ctx, func() error {
		b := &pgx.Batch{}
		b.Queue("begin isolation level read committed")
		ask(b, cut)
		b.Queue("commit")
		err := q.d.with(ctx, func(c *pgxpool.Conn) error { return c.SendBatch(ctx, b).Close() })
		cut = cut || broken(err)
		return err
	})
}

// tokensAnd are the tokens of a row when the call of that parameter wrote to it.
func tokensAnd(parameter string) string {
	return `substr(` + parameter + `::bytea || tokens, 1, ` + strconv.Itoa(keptTokens*tokenSize) + `)`
}

// newToken is what a call leaves in the rows it writes, by which it knows them again after a cut.
func newToken() []byte {
	t := make([]byte, tokenSize)
	rand.Read(t)
	return t
}

// Insert takes an id that is there after a cut for its own: ids are random.
func (q *Queue) Insert(ctx context.Context, r queue.Row) error {
	if !queueIDFits(r.ID) {
		return errors.New("mail has no id a row can have")
	}
	from, length := q.end(r.Until)
	put, token, wasCut := false, newToken(), false
	err := q.write(ctx, func(b *pgx.Batch, cut bool) {
		put, wasCut = false, cut
		b.Queue(`insert into queue (queue, id, grp, due, fence, until, held, size, body, data, tokens)
			values ($1, $2, $3, $4, $5, `+untilSQL+`, $8, $9, $10, $11, $12) on conflict do nothing`,
			append(q.values(r, from, length), token)...).Exec(func(done pgconn.CommandTag) error {
			put = done.RowsAffected() == 1
			return nil
		})
	})
	if err == nil && !put && !wasCut {
		err = fmt.Errorf("there is a mail %s", r.ID)
	}
	return err
}

// values are the parameters $1 to $11 of a statement that writes a row. $6 and $7 are when
// its lease begins and how long it is.
func (q *Queue) values(r queue.Row, from, length *int64) []any {
	data := r.Data
	if data == nil {
		data = []byte{}
	}
	return []any{q.name, string(r.ID), []byte(r.Group), nanoseconds(r.Due), int64(r.Fence), from, length, r.Held, r.Body.Size, bodyOf(r), data}
}

// found is what a statement saw of a row that it was to change.
type found struct{ changed, there, ours bool }

// verdict is why a row was not changed.
func (f found) verdict() error {
	switch {
	case f.changed:
		return nil
	case f.there:
		return queue.ErrLease
	}
	return queue.ErrNoSuch
}

func (q *Queue) Update(ctx context.Context, r queue.Row, fence uint64) error {
	if !queueIDFits(r.ID) {
		return queue.ErrNoSuch
	}
	from, length := q.end(r.Until)
	token := newToken()
	var f found
	err := q.write(ctx, func(b *pgx.Batch, cut bool) {
		f = found{}
		b.Queue(`with changed as (
				update queue set grp = $3, due = $4, fence = $5, until = `+untilSQL+`, held = $8, size = $9, body = $10, data = $11, tokens = `+tokensAnd("$12")+`
				where queue = $1 and id = $2 and fence = $13 returning id)
			select exists (select from changed), exists (select from queue where queue = $1 and id = $2),
				exists (select from queue where queue = $1 and id = $2 and position($12::bytea in tokens) > 0)`,
			append(q.values(r, from, length), token, int64(fence))...).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&f.changed, &f.there, &f.ours)
			f.changed = f.changed || cut && f.ours
			return err
		})
	})
	if err != nil {
		return err
	}
	return f.verdict()
}

func (q *Queue) Delete(ctx context.Context, id queue.ID, fence uint64) error {
	if !queueIDFits(id) {
		return queue.ErrNoSuch
	}
	var f found
	err := q.write(ctx, func(b *pgx.Batch, cut bool) {
		f = found{}
		b.Queue(`with gone as (delete from queue where queue = $1 and id = $2 and fence = $3 returning id)
			select exists (select from gone), exists (select from queue where queue = $1 and id = $2)`,
			q.name, string(id), int64(fence)).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&f.changed, &f.there)
			f.changed = f.changed || cut && !f.there
			return err
		})
	})
	if err != nil {
		return err
	}
	return f.verdict()
}

// Get returns a damaged row without its data.
func (q *Queue) Get(ctx context.Context, id queue.ID) (queue.Row, error) {
	if !queueIDFits(id) {
		return queue.Row{}, queue.ErrNoSuch
	}
	rows, err := q.read(ctx, ` where q.queue = $1 and q.id = $2`, q.name, string(id))
	switch {
	case err != nil:
		return queue.Row{}, err
	case len(rows) == 0:
		return queue.Row{}, queue.ErrNoSuch
	}
	return rows[0], nil
}

func (q *Queue) List(ctx context.Context, after queue.ID, n int) ([]queue.Row, error) {
	return q.read(ctx, ` where q.queue = $1 and q.id > $2 order by q.id limit $3`, q.name, string(after), n)
}

// read reads rows as they stand.
func (q *Queue) read(ctx context.Context, which string, args ...any) (rows []queue.Row, err error) {
	err = q.d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select `+queueColumns+` from queue q`+which, args...).Query(func(answer pgx.Rows) (err error) {
			rows, err = q.collect(answer)
			return err
		})
	})
	return rows, err
}

// Blobs fails if one row does not say which blob is its.
func (q *Queue) Blobs(ctx context.Context) (ids []filestore.ID, err error) {
	err = q.d.view(ctx, func(b *pgx.Batch) {
		ids = nil
		b.Queue(`select id, body from queue where queue = $1 and size <> 0`, q.name).Query(func(answer pgx.Rows) error {
			var id string
			var body []byte
			_, err := pgx.ForEachRow(answer, []any{&id, &body}, func() error {
				if len(body) != len(filestore.ID{}) {
					return damaged("queue", id)
				}
				ids = append(ids, filestore.ID(body))
				return nil
			})
			return err
		})
	})
	return ids, err
}

var _ queue.Store = (*Queue)(nil)
