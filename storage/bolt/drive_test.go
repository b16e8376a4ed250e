package bolt

import (
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore/drive/storagetest"
)

func TestDrive(t *testing.T) {
	t.Parallel()
	storagetest.Store(t, func(t testing.TB, now func() time.Time) *storagetest.Engine {
		return driveAt(t, filepath.Join(t.TempDir(), "index"), Options{Now: now})
	})
}

func driveAt(t testing.TB, path string, o Options) *storagetest.Engine {
	d := openAt(t, path, o)
	t.Cleanup(func() { d.Close() })
	return &storagetest.Engine{
		Store: d.Drive(), Index: d.Index(), Check: func(t testing.TB) { checkRows(t, d); checkDrives(t, d) },
		Reopen: func() *storagetest.Engine {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			return driveAt(t, path, o)
		},
	}
}

// checkDrives counts the rows of files that no listing would show.
func checkDrives(t testing.TB, d *DB) {
	t.Helper()
	if err := d.view(t.Context(), func(tx *bbolt.Tx) error {
		tables, n := &tables{tx: tx}, map[table]int{}
		known := map[uint32]bool{}
		for k, v := range under(tables.in(tableOwners), nil) {
			if o, ok := decodeOwner(k, v); ok {
				known[o.num] = true
			}
		}
		for i := tableDrives; i <= tableRequested; i++ {
			for k := range under(tables.in(i), nil) {
				n[i]++
				if i != tableLinks && i != tableRequests && !known[readOwner(k)] {
					t.Errorf("%s has a row of nobody", tableNames[i])
				}
			}
		}
		for k := range under(tables.in(tableParts), nil) {
			if tables.get(tableObjects, k[:20]) == nil {
				t.Errorf("a part of no object: %x", k)
			}
		}
		if n[tableLinks] != n[tableLinked] || n[tableRequests] != n[tableRequested] {
			t.Errorf("rows of files: %v", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
