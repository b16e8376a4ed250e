package bolt

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// perFile bounds what the rows of a file of one part take in the index, in octets.
const perFile = 600

// Who brings a million files of one octet, which no quota of bytes ends, gets as many as an
// account may have, whose rows are bounded; what is declared and given up leaves none; and
// when the account goes, all of it goes at once.
func TestMillionFiles(t *testing.T) {
	t.Parallel()
	files, most := 10*drive.MaxBatch, 10*drive.MaxBatch
	if *long {
		files, most = 1_000_000, 200_000
	}
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	defer d.Close()
	if _, err := d.Index().Apply(t.Context(), "alice", []mailstore.Change{mailstore.SetQuota{}}); err != nil {
		t.Fatal(err)
	}
	store, begun := d.Drive(), time.Now()
	for came := 0; came < files; came += drive.MaxBatch {
		var b drive.Bring
		for range min(drive.MaxBatch, max(most-came, 1)) {
			x := drive.Whole{ID: drive.NewID()}
			x.Part.Blob.Size = 1
			rand.Read(x.Part.Blob.ID[:])
			rand.Read(x.Part.Sum[:])
			b.Whole = append(b.Whole, x)
		}
		if _, err := store.Apply(t.Context(), "alice", b); came < most && err != nil || came >= most && !errors.Is(err, drive.ErrTooMany) {
			t.Fatalf("after %d files: %v", came, err)
		}
	}
	all, err := store.Totals(t.Context(), "alice")
	if err != nil || all.Objects != int64(most) || all.Bytes != all.Objects {
		t.Fatalf("there are %+v, %v", all, err)
	}
	rows := driveBytes(t, d)
	t.Logf("%d files of %d in %v: %d octets of rows each, a file of %d MiB", most, files, time.Since(begun).Round(time.Millisecond), rows/most, size(t, path)>>20)
	if rows > most*perFile {
		t.Errorf("%d octets of rows", rows)
	}
	if !*long {
		declareAndLeave(t, store, 20)
		if now := driveBytes(t, d); now > rows+64<<10 {
			t.Errorf("what was given up left %d octets", now-rows)
		}
	}
	begun = time.Now()
	events, err := d.Index().Apply(t.Context(), "alice", []mailstore.Change{mailstore.Forget{}})
	if err != nil || len(events[0].Freed) != most {
		t.Fatalf("%d blobs were freed, %v", len(events[0].Freed), err)
	}
	t.Logf("forgotten in %v", time.Since(begun).Round(time.Millisecond))
	checkRows(t, d)
	checkDrives(t, d)
	if left := driveBytes(t, d); left > rows/2 {
		t.Errorf("%d octets are left", left)
	}
}

// declareAndLeave begins uploads and gives them up.
func declareAndLeave(t *testing.T, store drive.Store, n int) {
	t.Helper()
	for range n {
		id := drive.NewID()
		if _, err := store.Apply(t.Context(), "alice", drive.Begin{ID: id, Size: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Apply(t.Context(), "alice", drive.Remove{Object: id}); err != nil {
			t.Fatal(err)
		}
	}
}

// driveBytes is how much of the file the pages of drives take.
func driveBytes(t *testing.T, d *DB) (n int) {
	t.Helper()
	if err := d.view(t.Context(), func(tx *bbolt.Tx) error {
		all := &tables{tx: tx}
		for i := tableDrives; i <= tableRequested; i++ {
			s := all.in(i).Stats()
			n += s.LeafAlloc + s.BranchAlloc
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
