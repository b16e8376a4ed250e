package drive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

const alice = drive.Owner("alice")

// newDrive is a drive whose blobs are on a disk that may fail.
func newDrive(t *testing.T, path string, fs *faultfs.FS) (*drive.Drive, *mailstore.Store, func()) {
	t.Helper()
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open("/blobs", disk.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store := &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: new(notify.Bus), Log: log, Now: time.Now}
	if _, err := store.Index.Apply(t.Context(), mailstore.Owner(alice), []mailstore.Change{mailstore.SetQuota{}}); err != nil {
		t.Fatal(err)
	}
	end := func() { blobs.Close(); db.Close() }
	t.Cleanup(end)
	return &drive.Drive{Store: db.Drive(), Blobs: blobs, Bus: store.Bus, Log: log, Now: time.Now, Secret: make([]byte, 32), Patience: time.Hour}, store, end
}

func count(t *testing.T, b filestore.Blobs) (n int) {
	t.Helper()
	for _, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func put(t *testing.T, d *drive.Drive, id drive.ID, n int, b []byte) error {
	t.Helper()
	_, err := d.Put(t.Context(), drive.By{Owner: alice}, id, n, sha256.Sum256(b), bytes.NewReader(b))
	return err
}

// On a full disk a part is refused whole; what stood before stands, and when there is
// room again the upload goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	d, _, _ := newDrive(t, filepath.Join(t.TempDir(), "index"), fs)
	b := storagetest.Content(1, drive.PartSize+500)
	o, err := d.Begin(t.Context(), drive.By{Owner: alice}, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, d, o.ID, 1, b[drive.PartSize:]); err != nil {
		t.Fatal(err)
	}
	fs.SetCapacity(6 << 20)
	if err := put(t, d, o.ID, 0, b[:drive.PartSize]); !errors.Is(err, filestore.ErrFull) {
		t.Fatalf("a full disk: %v", err)
	}
	if have, err := d.Have(t.Context(), drive.By{Owner: alice}, o.ID); err != nil || len(have) != 1 || count(t, d.Blobs) != 1 {
		t.Errorf("there are %v, %v", have, err)
	}
	if _, err := d.Complete(t.Context(), drive.By{Owner: alice}, o.ID, nil); !errors.Is(err, drive.ErrMissing) {
		t.Errorf("half a file: %v", err)
	}
	fs.SetCapacity(-1)
	if err := put(t, d, o.ID, 0, b[:drive.PartSize]); err != nil {
		t.Fatal(err)
	}
	whole(t, d, o.ID, b)
}

func whole(t *testing.T, d *drive.Drive, id drive.ID, want []byte) {
	t.Helper()
	if _, err := d.Complete(t.Context(), drive.By{Owner: alice}, id, nil); err != nil {
		t.Fatal(err)
	}
	c, err := d.Open(t.Context(), alice, id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("reads back %d octets, %v", len(got), err)
	}
}

// A crash at any moment of a part leaves at worst a blob for the sweeper, and never a
// row that points at nothing; the upload goes on.
func TestCrashes(t *testing.T) {
	t.Parallel()
	b := storagetest.Content(2, 400_000)
	for cut := 1; cut <= 14; cut++ {
		fs, path := faultfs.New(uint64(cut)), filepath.Join(t.TempDir(), "index")
		d, _, end := newDrive(t, path, fs)
		o, err := d.Begin(t.Context(), drive.By{Owner: alice}, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		fs.CutAfter(cut)
		stored := put(t, d, o.ID, 0, b) == nil
		fs.PowerCut()
		end()
		d, store, _ := newDrive(t, path, fs)
		have, err := d.Have(t.Context(), drive.By{Owner: alice}, o.ID)
		if err != nil || stored && len(have) != 1 {
			t.Fatalf("cut %d: there are %v, %v; it was stored: %v", cut, have, err, stored)
		}
		if err := put(t, d, o.ID, 0, b); err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		whole(t, d, o.ID, b)
		if _, err := store.Sweep(t.Context(), -time.Hour); err != nil {
			t.Fatal(err)
		}
		if n := count(t, d.Blobs); n != 1 {
			t.Errorf("cut %d: %d blobs are left", cut, n)
		}
		whole(t, d, o.ID, b)
	}
}

// lost is a store whose answers do not arrive: whether a wish was granted nobody knows.
type lost struct {
	drive.Store
	granted bool
	err     error
}

func (l *lost) Apply(ctx context.Context, o drive.Owner, w drive.Wish) (drive.Done, error) {
	if l.granted {
		if _, err := l.Store.Apply(ctx, o, w); err != nil {
			return drive.Done{}, err
		}
	}
	return drive.Done{}, l.err
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	b := []byte("sealed octets")
	for _, granted := range []bool{true, false} {
		d, store, _ := newDrive(t, filepath.Join(t.TempDir(), "index"), faultfs.New(3))
		o, err := d.Begin(t.Context(), drive.By{Owner: alice}, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		good := d.Store
		d.Store = &lost{good, granted, errors.New("commit: who knows")}
		if err := put(t, d, o.ID, 0, b); err == nil || drive.Refused(err) {
			t.Fatalf("an answer that was lost: %v", err)
		}
		d.Store = good
		if n := count(t, d.Blobs); n != 1 {
			t.Errorf("granted %v: %d blobs: a row may point at it", granted, n)
		}
		if err := put(t, d, o.ID, 0, b); err != nil {
			t.Fatal(err)
		}
		whole(t, d, o.ID, b)
		if _, err := store.Sweep(t.Context(), -time.Hour); err != nil || count(t, d.Blobs) != 1 {
			t.Errorf("after the sweep %d blobs, %v", count(t, d.Blobs), err)
		}
	}
}
