package postgres

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore/notify"
	"sealpost/mailstore/notify/relaytest"
	"sealpost/storage/postgres/pgtest"
)

// listeners join nodes over a cluster of PostgreSQL.
type listeners struct {
	cluster *pgtest.Cluster
}

func (l listeners) Stop(testing.TB) { l.cluster.Kill() }

func (l listeners) Start(t testing.TB) {
	t.Helper()
	if err := l.cluster.Start(); err != nil {
		t.Fatal(err)
	}
}

func (l listeners) Wire(t testing.TB) notify.Wire {
	t.Helper()
	d := openWith(t, parse(t, l.cluster.URL("postgres")), Options{})
	t.Cleanup(func() { d.Close() })
	return d.Hints()
}

func (l listeners) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), l.cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Overhear gives payloads as they are, and what they are the base64 of.
func (l listeners) Overhear(t testing.TB, heard func([]byte)) {
	t.Helper()
	c := l.connect(t)
	if _, err := c.Exec(t.Context(), "listen "+channel); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		defer c.Close(context.Background())
		for {
			n, err := c.WaitForNotification(ctx)
			if err != nil {
				return
			}
			heard([]byte(n.Payload))
		}
	}()
}

// Shout says octets as they are, as far as they can be text, and as base64.
func (l listeners) Shout(t testing.TB, octets []byte) {
	t.Helper()
	c := l.connect(t)
	defer c.Close(context.Background())
	_, _ = c.Exec(t.Context(), "select pg_notify($1, $2)", channel, string(octets))
	if _, err := c.Exec(t.Context(), "select pg_notify($1, $2)", channel, base64.RawStdEncoding.EncodeToString(octets)); err != nil {
		t.Fatal(err)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	relaytest.Run(t, listeners{pgtest.Start(t)})
}

// Who has no connection to spare, or is in the midst of a commit, is not waited for.
func TestHintsNeedNoPool(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{Connections: 1})
	defer d.Close()
	held, err := d.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	w := d.Hints()
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := w.Send(ctx, []byte("a frame")); err != nil {
		t.Errorf("a hint waits for the pool: %v", err)
	}
}

func BenchmarkHints(b *testing.B) {
	relaytest.Latency(b, listeners{pgtest.Start(b)})
}
