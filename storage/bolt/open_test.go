package bolt

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/mailstore"
)

func TestOpenInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	began := time.Now()
	if _, err := Open(path, Options{Wait: 100 * time.Millisecond}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("waited %v", waited)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	openAt(t, path, Options{}).Close()
}

func TestClosed(t *testing.T) {
	t.Parallel()
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	d.Close()
	_, err := d.Index().Apply(t.Context(), "o", []mailstore.Change{mailstore.SetQuota{}})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("Apply: %v", err)
	}
	if _, err := d.Index().Mailboxes(t.Context(), "o"); !errors.Is(err, ErrClosed) {
		t.Errorf("Mailboxes: %v", err)
	}
	if err := d.Compact(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Compact: %v", err)
	}
}

func TestOpenNewer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	openAt(t, path, Options{}).Close()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint32(nil, schema+1))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good")
	openAt(t, good, Options{}).Close()
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	noMeta := append(make([]byte, 2*os.Getpagesize()), whole[2*os.Getpagesize():]...)
	for name, content := range map[string][]byte{"text": []byte("this is not an index\n"), "zeros": make([]byte, 1<<16), "no meta pages": noMeta} {
		path := filepath.Join(t.TempDir(), "index")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The file is its owner's alone, whatever the umask was when it was made.
func TestOpenMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	openAt(t, path, Options{}).Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	d := openAt(t, path, Options{})
	defer d.Close()
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

// Who waits for the lock on a file that a compaction replaces meanwhile must
// not end up with the file that has no name any more.
func TestOpenWhileReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	openOwner(t, d, "o")
	type result struct {
		d   *DB
		err error
	}
	other := make(chan result)
	go func() {
		d, err := Open(path, Options{Wait: 10 * time.Second})
		other <- result{d, err}
	}()
	time.Sleep(100 * time.Millisecond) // it has opened the old file and waits
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.retired.Wait() // the old file is unlocked
	openOwner(t, d, "later")
	d.Close()
	r := <-other
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.d.Close()
	if boxes, err := r.d.Index().Mailboxes(t.Context(), "later"); err != nil || len(boxes) == 0 {
		t.Errorf("the other process has a file without a name: %v", err)
	}
}
