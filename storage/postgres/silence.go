package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A server that stopped, or a network that lets nothing through, looks like one that is slow. Who
// reads would wait for as long as TCP does, a quarter of an hour, and others for the connection.

// errSilent is a broken connection: what was asked may have been done.
var errSilent = errors.New("the database says nothing")

const (
	idleTrusted = time.Second // a connection that was unused for longer is tried before it is lent,
	idleTry     = 2 * time.Second
)

// silence is how long an answer may not go on: longer than a lock is waited for (settle).
func (o Options) silence() time.Duration { return o.Patience * 5 / 6 }

// hearing ends connections on which nothing comes.
func hearing(dial pgconn.DialFunc, silence time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &hearer{c, silence}, nil
	}
}

// hearer is a connection. It is read from only when an answer is due.
type hearer struct {
	net.Conn
	silence time.Duration
}

func (h *hearer) Read(b []byte) (int, error) {
	var silent atomic.Bool
	end := time.AfterFunc(h.silence, func() {
		silent.Store(true)
		h.Conn.Close()
	})
	n, err := h.Conn.Read(b)
	end.Stop()
	if err != nil && silent.Load() {
		err = errSilent
	}
	return n, err
}

// tryIdle tries a connection that nobody used for a while. If it is broken, so may be all: they
// are made anew, or each would be waited for. The pool asks whether to try it, and so does again.
func (d *DB) tryIdle(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	if p.IdleDuration <= idleTrusted {
		return false
	}
	try, cancel := context.WithTimeout(ctx, idleTry)
	defer cancel()
	if err := p.Conn.Ping(try); err == nil {
		return false
	}
	if pool := d.pool; pool != nil && ctx.Err() == nil {
		pool.Reset()
	}
	return true
}
