package bolt

import (
	"context"
	"path/filepath"
	"testing"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

func TestIndex(t *testing.T) {
	t.Parallel()
	storagetest.Index(t, openEngine)
}

// openEngine opens a new file for the suite.
func openEngine(t testing.TB, o storagetest.Options) *storagetest.Engine {
	path := filepath.Join(t.TempDir(), "index")
	options := Options{Now: o.Now, Remember: o.Remember}
	d := openAt(t, path, options)
	t.Cleanup(func() { d.Close() })
	return &storagetest.Engine{
		Index: d.Index(),
		Check: func(t storagetest.TB) { checkRows(t, d) },
		Close: func() { d.Close() },
		Skip:  func(ctx context.Context) error { return d.Skip(ctx) },
		Reopen: func() mailstore.Index {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = openAt(t, path, options)
			return d.Index()
		},
	}
}

func openAt(t testing.TB, path string, o Options) *DB {
	t.Helper()
	d, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
