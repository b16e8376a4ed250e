package postgres

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
	"sealpost/storage/postgres/pgtest"
	"sealpost/test/bridge"
)

// A server, or a network, that says nothing any more keeps nobody waiting for ever, whoever asks and
// however much they would have waited; and what is asked when it is back finds a
// connection that works.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	config := parse(t, database.URL)
	b, err := bridge.New("unix", filepath.Join(config.ConnConfig.Host, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	config.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", b.Address())
	}
	const patience = 2 * time.Second
	d := openWith(t, config, Options{Connections: 6, Patience: patience})
	defer d.Close()
	inbox, _ := begin(t, d, "o")
	ctx, cancel := context.WithTimeout(context.Background(), 60*patience) // where nobody else ends it
	defer cancel()
	reads := map[string]func() error{
		"mailboxes": func() error { _, err := d.Index().Mailboxes(ctx, "o"); return err },
		"roster":    func() error { _, err := d.Index().Roster(ctx, "o", inbox); return err },
		"blobs":     func() error { return firstError(d.Index().Blobs(ctx)) },
		"append":    func() error { _, err := d.Index().Apply(ctx, "o", appends(inbox, 1)); return err },
	}
	all := func(want func(what string, err error, took time.Duration)) {
		var busy sync.WaitGroup
		for what, do := range reads {
			for range 3 {
				busy.Go(func() {
					began := time.Now()
					err := do()
					want(what, err, time.Since(began))
				})
			}
		}
		busy.Wait()
	}
	for _, idle := range []time.Duration{0, 1500 * time.Millisecond} { // of connections in the pool
		all(func(what string, err error, _ time.Duration) { // so there are as many as there may be
			if err != nil {
				t.Errorf("%s before: %v", what, err)
			}
		})
		time.Sleep(idle)
		b.Hold(bridge.Back)
		all(func(what string, err error, took time.Duration) {
			if err == nil || mailstore.Refused(err) || errors.Is(err, ErrDamaged) {
				t.Errorf("%s from a silent server: %v", what, err)
			}
			if took > 6*patience {
				t.Errorf("%s waited %v", what, took)
			}
		})
		b.Abandon() // as after a failover: those connections will never say anything
		b.Hold()
		all(func(what string, err error, took time.Duration) {
			if err != nil || took > 2*patience {
				t.Errorf("%s afterwards: %v, after %v", what, err, took)
			}
		})
	}
	storagetest.Check(t, d.Index(), "o")
	time.Sleep(1500 * time.Millisecond)
	b.Strand() // all six of the pool; who comes first waits for one of them, and not for each
	for _, most := range []time.Duration{idleTry + patience, patience} {
		began := time.Now()
		if err := reads["roster"](); err != nil || time.Since(began) > most {
			t.Errorf("after connections were stranded: %v, after %v", err, time.Since(began))
		}
	}
}

func firstError[T any](all func(func(T, error) bool)) (first error) {
	all(func(_ T, err error) bool {
		first = err
		return err == nil
	})
	return first
}
