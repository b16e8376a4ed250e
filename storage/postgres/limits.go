package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/account/limit"
)

const (
	purposeLimits = "limits"

	// A row is written at a moment and seen when it is committed: who looks again asks for
	// what is this much older than what was there when it looked last.
	limitsLate = 10 * time.Second
	// Who slept for longer does not hear what was told meanwhile.
	limitsKept = 2 * time.Minute
	tidyRounds = 60
)

// Limits is where a node tells others what it used of limits: a row of its own for each round
// in which it used any. A node's rounds are committed in their order, so the highest that
// was heard of each node says which were.
type Limits struct {
	known  *Known
	node   []byte
	latest time.Time // by the database's clock: when it was looked last
	heard  map[string]heard
}

type heard struct {
	round uint64
	at    time.Time
}

var _ limit.Exchange = (*Limits)(nil)

// Limits is a node's, from when it starts until it ends.
func (x *Known) Limits() *Limits {
	l := &Limits{known: x, node: make([]byte, 16), heard: map[string]heard{}}
	rand.Read(l.node)
	return l
}

// Tell is one round trip, whose commit waits for no disk: what a crash of the database loses
// of it, limits are passed by. The caller asks one at a time.
func (l *Limits) Tell(ctx context.Context, round uint64, used []byte) (others [][]byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var now time.Time
	var rows []limitRow
	err = again(ctx, func() error {
		rows = nil
		return l.known.d.with(ctx, func(c *pgxpool.Conn) error {
			b := &pgx.Batch{}
			b.Queue("begin isolation level read committed")
			b.Queue("set local synchronous_commit = off")
			b.Queue("select clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
			if len(used) > 0 {
				b.Queue(`insert into limits (node, round, at, used) values ($1, $2, clock_timestamp(), $3) on conflict do nothing`,
					l.node, int64(round), l.known.key.Seal(purposeLimits, l.row(l.node, round), used))
			}
			if round%tidyRounds == 1 {
				b.Queue(`delete from limits where at < clock_timestamp() - $1::bigint * interval '1 microsecond'`, limitsKept.Microseconds())
			}
			b.Queue(`select node, round, at, used from limits where at > $1 order by node, round`, l.latest.Add(-limitsLate)).
				Query(func(found pgx.Rows) error {
					var r limitRow
					_, err := pgx.ForEachRow(found, []any{&r.node, &r.round, &r.at, &r.used}, func() error {
						rows = append(rows, limitRow{bytes.Clone(r.node), r.round, r.at, bytes.Clone(r.used)})
						return nil
					})
					return err
				})
			b.Queue("commit")
			return c.SendBatch(ctx, b).Close()
		})
	})
	if err != nil {
		return nil, fmt.Errorf("share limits: %w", err)
	}
	return l.fresh(rows, now), nil
}

// limitRow is a row as it lies there.
type limitRow struct {
	node  []byte
	round int64
	at    time.Time
	used  []byte
}

func (*Limits) row(node []byte, round uint64) string {
	return fmt.Sprintf("%s %d", hex.EncodeToString(node), round)
}

// fresh are those of other nodes that were not heard yet.
func (l *Limits) fresh(rows []limitRow, now time.Time) (others [][]byte) {
	for _, r := range rows {
		name, round := string(r.node), uint64(r.round)
		if bytes.Equal(r.node, l.node) || l.heard[name].round >= round {
			continue
		}
		l.heard[name] = heard{round, r.at}
		used, err := l.known.key.Open(purposeLimits, l.row(r.node, round), r.used)
		if err != nil {
			l.known.d.o.Log.Error("what another node used of limits is damaged", "error", err)
			continue
		}
		others = append(others, used)
	}
	for name, h := range l.heard {
		if now.Sub(h.at) > 2*limitsKept {
			delete(l.heard, name)
		}
	}
	l.latest = now
	return others
}
