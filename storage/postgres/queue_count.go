package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/smtp/outbound/queue"
)

// Every mail that is put asks how many there are. Of many that is known for a while, and
// nodes that put mail meanwhile may pass the limit together.
const (
	manyRows  = 2000
	countsFor = time.Second
)

// counted is how many rows there were.
type counted struct {
	mu  sync.Mutex
	all int
	at  time.Time
}

// recall says how many rows there were a moment ago, if they were many.
func (c *counted) recall(now time.Time) (all int, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := now.Sub(c.at)
	return c.all, c.all >= manyRows && since >= 0 && since < countsFor
}

func (c *counted) note(all int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all, c.at = all, now
}

// Count counts all rows once a second if there are 2,000 or more; those of the group always.
func (q *Queue) Count(ctx context.Context, group string) (c queue.Count, err error) {
	now := q.d.o.Now()
	recalled, known := q.counted.recall(now)
	var all *int
	err = q.d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select case when $3 then (select count(*) from queue where queue = $1) end, count(*), coalesce(sum(size), 0)::bigint
			from queue where queue = $1 and grp = $2`, q.name, []byte(group), !known).QueryRow(func(row pgx.Row) error {
			return row.Scan(&all, &c.Group, &c.Bytes)
		})
	})
	if err != nil {
		return queue.Count{}, err
	}
	if c.All = recalled; all != nil {
		c.All = *all
		q.counted.note(c.All, now)
	}
	return c, nil
}

func (q *Queue) Depth(ctx context.Context, now time.Time) (d queue.Depth, err error) {
	err = q.d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select count(*), count(*) filter (where not held and due <= `+nowSQL+`), count(*) filter (where held), coalesce(sum(size), 0)::bigint,
			coalesce(`+nowSQL+` - min(due) filter (where not held and due <= `+nowSQL+`), 0)
			from queue where queue = $1`, q.name, q.playedAt(now)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&d.Mails, &d.Due, &d.Held, &d.Bytes, &d.Late)
		})
	})
	if err != nil {
		return queue.Depth{}, err
	}
	return d, nil
}
