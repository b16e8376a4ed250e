package postgres

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
	"sealpost/storage/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestIndex(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			storagetest.Index(t, engineAt(isolation))
		})
	}
}

func engineAt(isolation string) storagetest.Open {
	all := &engines{isolation: isolation}
	return func(t testing.TB, o storagetest.Options) *storagetest.Engine {
		x, done := all.take(t)
		x.o.Now, x.o.Remember = o.Now, o.Remember
		return &storagetest.Engine{
			Index: x.Index(),
			Check: func(t storagetest.TB) { checkRows(t, x.DB) },
			Close: done,
			Skip:  func(ctx context.Context) error { return x.Skip(ctx) },
			Reopen: func() mailstore.Index {
				x.reopen(t)
				return x.Index()
			},
		}
	}
}

type engine struct {
	*DB
	database *pgtest.Database
}

func (x *engine) reopen(t testing.TB) {
	t.Helper()
	options := x.o
	x.DB.Close()
	x.DB = openAt(t, x.database, options)
}

// engines gives a suite empty engines. One that a test is done with is given to the
// next: its connections know the statements already.
type engines struct {
	isolation string
	mu        sync.Mutex
	idle      []*engine
}

// take lends one until done, or until the test ends.
func (all *engines) take(t testing.TB) (x *engine, done func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if n := len(all.idle); n > 0 {
		x, all.idle = all.idle[n-1], all.idle[:n-1]
	} else {
		x = &engine{database: pgtest.Take(t)}
		x.database.Keep()
		x.DB = openAt(t, x.database, Options{Isolation: all.isolation, Connections: 8})
	}
	done = sync.OnceFunc(func() {
		if _, err := x.pool.Exec(context.Background(), pgtest.Empty); err != nil {
			t.Errorf("empty the database: %v", err)
			return
		}
		all.mu.Lock()
		defer all.mu.Unlock()
		all.idle = append(all.idle, x)
	})
	t.Cleanup(done)
	return x, done
}

func openAt(t testing.TB, database *pgtest.Database, o Options) *DB {
	t.Helper()
	config, err := pgxpool.ParseConfig(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, config, o)
}

func openWith(t testing.TB, config *pgxpool.Config, o Options) *DB {
	t.Helper()
	d, err := open(context.Background(), config, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
