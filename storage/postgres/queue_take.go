package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/smtp/outbound/queue"
)

// The database's clock, in nanoseconds since 1970, when a statement came.
const clockSQL = `(extract(epoch from statement_timestamp()) * 1000000000)::bigint`

const (
	// nowSQL is it, unless $2 is a time that a test plays at.
	nowSQL = `coalesce($2::bigint, ` + clockSQL + `)`
	// untilSQL is the end of a lease of length $7 that begins now, or at $6; 0 without a length.
	untilSQL = `coalesce(coalesce($6::bigint, ` + clockSQL + `) + $7::bigint, 0)`
)

// takeSQL leases rows. Who is leasing one at the same moment has its lock and is not waited
// for; a row that changed since the statement began is looked at again as it is now.
var takeSQL = `update queue q set fence = q.fence + 1, until = ` + nowSQL + ` + $5::bigint, tokens = ` + tokensAnd("$6") + `
	where q.queue = $1 and q.id = any(array(
		select d.id from queue d
		where d.queue = $1 and not d.held and d.due <= ` + nowSQL + ` and d.until <= ` + nowSQL + ` and d.grp <> all($3::bytea[])
		order by d.due limit $4 for update skip locked))
	returning ` + queueColumns

// takenSQL finds what a call leased whose answer did not come.
const takenSQL = `select ` + queueColumns + ` from queue q
	where q.queue = $1 and not q.held and q.due <= ` + nowSQL + ` and q.until > ` + nowSQL + ` and substr(q.tokens, 1, 8) = $3`

// Lease is one statement, however many it takes. When the connection breaks, what it had taken
// is looked up, so that it does not lie until the lease ends.
func (q *Queue) Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) (rows []queue.Row, err error) {
	if n <= 0 {
		return nil, ctx.Err()
	}
	ctx, stop := context.WithTimeout(ctx, q.d.o.Patience)
	defer stop()
	at, length, token, without := q.playedAt(now), int64(until.Sub(now)), newToken(), make([][]byte, 0, len(skip))
	for group, on := range skip {
		if on {
			without = append(without, []byte(group))
		}
	}
	take := func(b *pgx.Batch) *pgx.QueuedQuery {
		return b.Queue(takeSQL, q.name, at, without, n, length, token)
	}
	mine := func(b *pgx.Batch) *pgx.QueuedQuery { return b.Queue(takenSQL, q.name, at, token) }
	if rows, err = q.leased(ctx, take, mine); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b queue.Row) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return rows, nil
}

// leased takes rows, or after a cut those that were taken, if any were.
func (q *Queue) leased(ctx context.Context, take, mine func(*pgx.Batch) *pgx.QueuedQuery) (rows []queue.Row, err error) {
	keep := func(answer pgx.Rows) (err error) {
		rows, err = q.collect(answer)
		return err
	}
	wasCut := false
	err = q.write(ctx, func(b *pgx.Batch, cut bool) {
		rows = nil
		if wasCut = cut; cut {
			mine(b).Query(keep)
		} else {
			take(b).Query(keep)
		}
	})
	if err == nil && wasCut && len(rows) == 0 { // nothing was
		return q.leased(ctx, take, mine)
	}
	return rows, err
}

// nextSQL tells what time it is and when there is something to take: the first row that is
// free and due; without one, when the first lease of those that are due ends, or the next row
// is due. Of these, what comes after the first is asked only if it is needed.
const nextSQL = `select ` + nowSQL + `, coalesce(
	(select greatest(due, until) from queue where queue = $1 and not held and due <= ` + nowSQL + ` and until <= ` + nowSQL + ` order by due limit 1),
	least(
		(select min(until) from queue where queue = $1 and not held and due <= ` + nowSQL + `),
		(select due from queue where queue = $1 and not held and due > ` + nowSQL + ` order by due limit 1)))`

func (q *Queue) Next(ctx context.Context) (time.Time, error) {
	var at *int64
	if q.played != nil {
		at = new(int64)
		*at = q.played.Load()
	}
	var now int64
	var next *int64
	var asked, answered time.Time
	err := q.d.view(ctx, func(b *pgx.Batch) {
		asked = q.d.o.Now()
		b.Queue(nextSQL, q.name, at).QueryRow(func(row pgx.Row) error {
			answered = q.d.o.Now()
			return row.Scan(&now, &next)
		})
	})
	if err != nil {
		return time.Time{}, err
	}
	if q.played == nil {
		q.clock.hear(asked, answered, instant(now))
	}
	if next == nil {
		return time.Time{}, nil
	}
	return instant(*next), nil
}
