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

// engineAt gives the suite empty engines. One that a test is done with is given to the
// next: its connections know the statements already.
func engineAt(isolation string) storagetest.Open {
	var mu sync.Mutex
	var idle []*engine
	return func(t testing.TB, o storagetest.Options) *storagetest.Engine {
		mu.Lock()
		defer mu.Unlock()
		var x *engine
		if n := len(idle); n > 0 {
			x, idle = idle[n-1], idle[:n-1]
		} else {
			x = &engine{database: pgtest.Take(t)}
			x.database.Keep()
			x.DB = openAt(t, x.database, Options{Isolation: isolation, Connections: 8})
		}
		x.o.Now, x.o.Remember = o.Now, o.Remember
		done := sync.OnceFunc(func() {
			if _, err := x.pool.Exec(context.Background(), pgtest.Empty); err != nil {
				t.Errorf("empty the database: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			idle = append(idle, x)
		})
		t.Cleanup(done)
		return &storagetest.Engine{
			Index: x.Index(),
			Check: func(t storagetest.TB) { checkRows(t, x.DB) },
			Close: done,
			Reopen: func() mailstore.Index {
				options := x.o
				x.DB.Close()
				x.DB = openAt(t, x.database, options)
				return x.Index()
			},
		}
	}
}

type engine struct {
	*DB
	database *pgtest.Database
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
