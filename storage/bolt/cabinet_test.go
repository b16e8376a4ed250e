package bolt

import (
	"context"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/cabinet/storagetest"
)

var filestoreRef = filestore.Ref{ID: filestore.ID{7}, Size: 81}

func TestCabinet(t *testing.T) {
	t.Parallel()
	storagetest.Store(t, openCabinet)
}

func openCabinet(t testing.TB, o storagetest.Options) *storagetest.Engine {
	path := filepath.Join(t.TempDir(), "index")
	return cabinetAt(t, path, Options{Now: o.Now, RememberBoxes: o.Remember})
}

func cabinetAt(t testing.TB, path string, o Options) *storagetest.Engine {
	d := openAt(t, path, o)
	t.Cleanup(func() { d.Close() })
	return &storagetest.Engine{
		Store: d.Cabinet(), Index: d.Index(),
		Check: func(t storagetest.TB) { checkRows(t, d) },
		Close: func() { d.Close() },
		Reopen: func() *storagetest.Engine {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			return cabinetAt(t, path, o)
		},
	}
}

// A file of before there were cabinets gets its tables when it is opened for writing;
// read only, as in a backup, it has empty ones.
func TestOlderFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	if _, err := d.Index().Apply(t.Context(), "a", []mailstore.Change{mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}}); err != nil {
		t.Fatal(err)
	}
	if err := d.file.Update(func(tx *bbolt.Tx) error {
		for t := range tableCount {
			if young(t) {
				if err := tx.DeleteBucket(tableNames[t]); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	old := openAt(t, path, Options{ReadOnly: true})
	if l, err := old.Cabinet().List(t.Context(), "a", 0); err != nil || len(l.Boxes) != 0 || !l.Complete {
		t.Errorf("read only: %+v, %v", l, err)
	}
	for id, err := range old.Index().Blobs(t.Context()) {
		t.Errorf("read only: blob %s, %v", id, err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, path, Options{})
	defer d.Close()
	w := cabinet.Wish{Place: cabinet.Place{Drawer: "drafts", Name: "a"}, Blob: &filestoreRef}
	if _, _, err := d.Cabinet().Apply(t.Context(), "a", w); err != nil {
		t.Errorf("opened for writing: %v", err)
	}
}

// What a backup brings back has changes that no client knows, and tells each to compare.
func TestSkipCabinet(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	defer d.Close()
	ctx := context.Background()
	if _, err := d.Index().Apply(ctx, "a", []mailstore.Change{mailstore.SetQuota{}}); err != nil {
		t.Fatal(err)
	}
	w := cabinet.Wish{Place: cabinet.Place{Drawer: "drafts", Name: "a"}, Blob: &filestoreRef}
	if _, _, err := d.Cabinet().Apply(ctx, "a", w); err != nil {
		t.Fatal(err)
	}
	if err := d.Skip(ctx); err != nil {
		t.Fatal(err)
	}
	l, err := d.Cabinet().List(ctx, "a", 5) // a change of the state that was lost
	if err != nil || l.Complete || l.Change <= skipped {
		t.Errorf("after the restore: %+v, %v", l, err)
	}
	w.Was = 1
	if b, _, err := d.Cabinet().Apply(ctx, "a", w); err != nil || b.Change <= skipped || b.Version != 2 {
		t.Errorf("next box is %+v, %v", b, err)
	}
	if l, err := d.Cabinet().List(ctx, "a", l.Change); err != nil || !l.Complete || len(l.Boxes) != 1 {
		t.Errorf("since then: %+v, %v", l, err)
	}
}
