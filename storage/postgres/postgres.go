// Package postgres keeps the index of mailboxes, cabinets and files in a PostgreSQL
// database, for many nodes at once, and which blob lies where at remote stores
// (packs.go).
//
// It never knows what a mail says: it holds what stays visible of one, and ids.
//
// Invariants: a call that returned is committed on the server; a call that was refused
// changed nothing; whoever changes something of an owner holds the lock of the
// owner's row from before it reads until it has committed, so numbers become visible
// in the order in which they are given. Every key begins with the owner's id, but for
// links and requests: who comes by one knows nothing else.
// migrations has every table; docs/decisions/0038 says why they are so.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/mailstore"
)

// Options are settings of an engine; the zero value is good.
type Options struct {
	Now           func() time.Time // nil: time.Now
	Remember      int              // expunged UIDs kept of a mailbox; 0: 100,000
	RememberBoxes int              // removed boxes kept of a cabinet; 0: 10,000
	Connections   int              // at most; 0: 20
	Patience      time.Duration    // for one transaction, waiting for its turn included; 0: 30 s
	Isolation     string           // of PostgreSQL; empty: read committed, which is enough
	Password      string           // of the database; empty: what the connection string or its passfile says
	Log           *slog.Logger     // nil: none
}

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	o    Options
	pool *pgxpool.Pool

	mu      sync.Mutex
	busy    map[mailstore.Owner]*line // who is being written for
	closed  bool
	writers sync.WaitGroup
}

// Open connects to a database, given as a URL or in words (libpq's connection strings),
// and brings its tables up to date. Other nodes may do so at the same time, and
// older ones may be at work. It fails with ErrNewer.
func Open(ctx context.Context, database string, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, errors.New("database is not a connection string") // pgx would quote it
	}
	if o.Password != "" {
		config.ConnConfig.Password = o.Password
	}
	return open(ctx, config, o)
}

func open(ctx context.Context, config *pgxpool.Config, o Options) (*DB, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Remember == 0 {
		o.Remember = 100_000
	}
	if o.RememberBoxes == 0 {
		o.RememberBoxes = 10_000
	}
	if o.Connections == 0 {
		o.Connections = 20
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Isolation == "" {
		o.Isolation = "read committed"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	settle(config, o)
	d := &DB{o: o, busy: map[mailstore.Owner]*line{}}
	config.ConnConfig.DialFunc = hearing(config.ConnConfig.DialFunc, o.silence())
	config.ShouldPing = d.tryIdle
	var err error
	if d.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open database: %w", quiet(err))
	}
	if err := d.prepare(ctx); err != nil {
		d.pool.Close()
		return nil, fmt.Errorf("open database: %w", quiet(err))
	}
	return d, nil
}

// settle sets what every connection needs, where the connection string is silent.
func settle(config *pgxpool.Config, o Options) {
	config.MaxConns = int32(o.Connections)
	config.MaxConnIdleTime = 5 * time.Minute
	for name, value := range map[string]string{
		"application_name":              "sealpost",
		"default_transaction_isolation": o.Isolation,
		// 250 is said after a commit, so a commit must be durable whatever the database's default is.
		"synchronous_commit": "on",
		// A node that is paused in a transaction loses it, and the owner's lock, to the others.
		"idle_in_transaction_session_timeout": "10s",
		"lock_timeout":                        "20s",
		// So does one that is gone while an answer is on its way to it: else the server would
		// try to send it for as long as TCP does. Where there is no TCP, or no such time, it says nothing.
		"tcp_user_timeout": fmt.Sprintf("%dms", o.silence().Milliseconds()),
		// All statements but one look rows up by their keys: a plan for any number of them is
		// the right one for all, and none has to be made each time.
		"plan_cache_mode": "force_generic_plan",
		"enable_seqscan":  "off",
	} {
		if _, said := config.ConnConfig.RuntimeParams[name]; !said {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
}

// prepare makes the tables, and warns of what loses mail.
func (d *DB) prepare(ctx context.Context) error {
	if err := d.migrate(ctx); err != nil {
		return err
	}
	if err := d.skipIfPutBack(ctx); err != nil {
		return fmt.Errorf("skip numbers: %w", err)
	}
	settings := map[string]string{}
	err := d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding', 'synchronous_standby_names')`).
			Query(func(rows pgx.Rows) error {
				var name, value string
				_, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error {
					settings[name] = value
					return nil
				})
				return err
			})
	})
	if err != nil {
		return err
	}
	if e := settings["server_encoding"]; e != "" && e != "UTF8" {
		return fmt.Errorf("encoding of the database is %s, and has to be UTF8", e)
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		if settings[name] == "off" {
			d.o.Log.Warn("a crash of the database can lose mail that was acknowledged", "setting", name)
		}
	}
	if names, known := settings["synchronous_standby_names"]; known && names == "" {
		d.o.Log.Warn("no synchronous standby: what the database's disk loses is lost")
	}
	return nil
}

// Index is the database as mailstore sees it.
func (d *DB) Index() mailstore.Index { return index{d} }

// Close waits for calls under way and closes all connections. Later calls fail.
func (d *DB) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.writers.Wait()
	d.pool.Close()
	return nil
}

// view reads in one round trip; what it asks in more than one statement is of one
// moment. queue may be called more than once, and begins anew each time.
func (d *DB) view(ctx context.Context, queue func(*pgx.Batch)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return againFor(ctx, d.o.Patience, func() error {
		asked := &pgx.Batch{}
		queue(asked)
		b := asked
		if asked.Len() > 1 || d.o.Isolation == "serializable" { // which would make writers lose against readers
			b = &pgx.Batch{}
			b.Queue("begin isolation level repeatable read, read only")
			b.QueuedQueries = append(b.QueuedQueries, asked.QueuedQueries...)
			b.Queue("commit")
		}
		return d.with(ctx, func(c *pgxpool.Conn) error { return c.SendBatch(ctx, b).Close() })
	})
}

// write is one statement that can be done twice.
func (d *DB) write(ctx context.Context, sql string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return againFor(ctx, d.o.Patience, func() error {
		return d.with(ctx, func(c *pgxpool.Conn) error {
			_, err := c.Exec(ctx, sql, args...)
			return err
		})
	})
}

// with lends a connection. One that is left in a transaction does not come back.
func (d *DB) with(ctx context.Context, fn func(*pgxpool.Conn) error) error {
	c, err := d.pool.Acquire(ctx)
	if err != nil {
		return d.shut(err)
	}
	defer c.Release()
	return fn(c)
}

// shut is an error of the pool, whose own does not say what it means.
func (d *DB) shut(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return err
}
