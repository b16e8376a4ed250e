package bolt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

// A full disk is a temporary error; when there is room again the index goes on
// by itself, with all that was acknowledged.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("needs root to mount a small disk:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	d := openAt(t, filepath.Join(dir, "index"), Options{})
	defer d.Close()
	box := openOwner(t, d, "o")

	ballast := filepath.Join(dir, "ballast")
	for round := range 3 {
		fillDisk(t, ballast)
		stored, err := appendUntilError(d, box)
		if !errors.Is(err, syscall.ENOSPC) || mailstore.Refused(err) {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := d.Index().Apply(t.Context(), "o", []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(100_000), Size: 1}}); err == nil {
			t.Error("a full disk took more")
		}
		if err := d.Compact(t.Context()); err == nil {
			t.Error("a full disk took a copy")
		}
		before := len(collectEntries(t, d, "o", box))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		appendTo(t, d, "o", box, 1)
		if n := len(collectEntries(t, d, "o", box)); n != before+1 || n < stored {
			t.Errorf("%d messages, then %d, of which %d were acknowledged this round", before, n, stored)
		}
		storagetest.Check(t, d.Index(), "o")
		checkRows(t, d)
		if err := d.Compact(t.Context()); err != nil {
			t.Error(err)
		}
		d.retired.Wait() // the old file gives its room back
	}
}

func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte("x"), 4096))
	}
}

func appendUntilError(d *DB, box mailstore.MailboxID) (stored int, err error) {
	for ; stored < 1000; stored++ {
		if _, err = d.Index().Apply(context.Background(), "o", []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(2000), Size: 1}}); err != nil {
			break
		}
	}
	return stored, err
}
