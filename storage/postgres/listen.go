package postgres

import (
	"context"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sealpost/mailstore/notify"
)

const (
	channel = "sealpost_hints"

	// A payload has to be shorter than 8,000 octets of text (PostgreSQL's manual on NOTIFY).
	notifyOctets = 7999 / 4 * 3
	notifyPace   = 5 * time.Millisecond

	listenDial  = 5 * time.Second
	listenCheck = 10 * time.Second // without a word, the connection is tried
	listenAgain = 250 * time.Millisecond
)

// Hints joins nodes by LISTEN and NOTIFY, over two connections of its own: no transaction
// of the pool waits for it or fails of it.
func (d *DB) Hints() notify.Wire {
	config := d.pool.Config().ConnConfig
	// A hint need not outlive a crash, and without this each would wait for the disk. NOTIFY takes
	// a lock that all others who NOTIFY in the database wait for, so it is not for transactions that sync.
	config.RuntimeParams["synchronous_commit"] = "off"
	config.RuntimeParams["application_name"] = "sealpost hints"
	return &hints{config: config}
}

type hints struct {
	config *pgx.ConnConfig

	mu   sync.Mutex
	conn *pgx.Conn // of Send; nil: not connected
}

// Limits are for who packs frames.
func (h *hints) Limits() (int, time.Duration) { return notifyOctets, notifyPace }

// errListen says that there is no connection, and nothing of where to.
var errListen = errors.New("no connection to the database")

// why is an error as it may be logged.
func why(err error) error {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return fault{e}
	}
	return errListen
}

// Listen hears until ctx ends, and connects again.
func (h *hints) Listen(ctx context.Context, e notify.Ear) {
	for failed := 1; ; failed++ {
		heard, err := h.hear(ctx, e)
		if ctx.Err() != nil {
			return
		}
		if heard {
			failed = 1
		}
		e.Down(why(err))
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain * time.Duration(min(failed, 8))):
		}
	}
}

// hear is one connection's life. heard says whether it was one.
func (h *hints) hear(ctx context.Context, e notify.Ear) (heard bool, err error) {
	c, err := h.connect(ctx)
	if err != nil {
		return false, err
	}
	defer hangUp(c)
	err = within(ctx, listenDial, func(ctx context.Context) error {
		_, err := c.Exec(ctx, "listen "+channel)
		return err
	})
	if err != nil {
		return false, err
	}
	e.Up()
	for {
		wait, stop := context.WithTimeout(ctx, listenCheck)
		n, err := c.WaitForNotification(wait)
		late := wait.Err() != nil
		stop()
		switch {
		case err == nil:
			if frame, err := base64.RawStdEncoding.DecodeString(n.Payload); err == nil {
				e.Hear(frame)
			}
		case ctx.Err() != nil:
			return true, ctx.Err()
		case !late:
			return true, err
		default: // nothing was said: a connection that was cut without a word looks the same
			if err := within(ctx, listenDial, c.Ping); err != nil {
				return true, err
			}
		}
	}
}

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	return do(ctx)
}

func (h *hints) connect(ctx context.Context) (c *pgx.Conn, err error) {
	err = within(ctx, listenDial, func(ctx context.Context) error {
		c, err = pgx.ConnectConfig(ctx, h.config.Copy())
		return err
	})
	return c, err
}

// hangUp closes a connection that may be broken, without a word that could be waited for.
func hangUp(c *pgx.Conn) { _ = c.PgConn().Conn().Close() }

// Send commits a NOTIFY.
func (h *hints) Send(ctx context.Context, frame []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		c, err := h.connect(ctx)
		if err != nil {
			return why(err)
		}
		h.conn = c
	}
	_, err := h.conn.Exec(ctx, "select pg_notify($1, $2)", channel, base64.RawStdEncoding.EncodeToString(frame))
	if err != nil {
		hangUp(h.conn)
		h.conn = nil
		return why(err)
	}
	return nil
}

// Close ends Send's connection.
func (h *hints) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn != nil {
		hangUp(h.conn)
		h.conn = nil
	}
	return nil
}
