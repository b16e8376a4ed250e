package postgres

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"sealpost/filestore/nodekey"
	indextest "sealpost/mailstore/storagetest"
	"sealpost/move/carry"
	"sealpost/move/carry/storagetest"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// An owner is carried into the database, and out of it, while they write.
func TestChase(t *testing.T) {
	t.Parallel()
	homes := &engines{isolation: "read committed"}
	for name, into := range map[string]int{"into": 1, "out of": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Chase(t, func(t testing.TB, o storagetest.Options) (y storagetest.Yard) {
				key := nodekey.Random()
				x, leave := homes.take(t)
				t.Cleanup(leave)
				x.o.Now, x.o.Remember, x.o.RememberBoxes = o.Now, o.Remember, o.RememberBoxes
				known, err := x.Known(context.Background(), key)
				embedded, _ := embeddedEnd(t, key, bolt.Options{Now: o.Now, Remember: o.Remember, RememberBoxes: o.RememberBoxes})
				cluster := &carry.End{Index: x.Index(), Cabinet: x.Cabinet(), Drive: x.Drive(), Accounts: x.Accounts(), SignIns: x.SignIns(), Rows: known.Carried()}
				y.Ends[into] = storagetest.Engine{End: cluster, Check: func(t indextest.TB) { checkRows(t, x.DB) }}
				y.Ends[1-into] = storagetest.Engine{End: embedded}
				for i := range y.Ends {
					blobs, wrong := disk.Open(filepath.Join(t.TempDir(), "blobs"), disk.Options{})
					if err = errors.Join(err, wrong); err == nil {
						t.Cleanup(func() { blobs.Close() })
					}
					y.Ends[i].Blobs = blobs
				}
				journal, wrong := bolt.OpenJournal(filepath.Join(t.TempDir(), "move.db"), bolt.Options{})
				if err := errors.Join(err, wrong); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { journal.Close() })
				y.Journal = journal
				return y
			})
		})
	}
}
