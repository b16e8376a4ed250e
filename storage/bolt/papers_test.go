package bolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealpost/filestore/kept"
	"sealpost/filestore/kept/storagetest"
	"sealpost/filestore/nodekey"
)

func TestPapers(t *testing.T) {
	t.Parallel()
	dirs, key := t.TempDir(), nodekey.Random()
	storagetest.Papers(t, func(t *testing.T) (kept.Rows, func() error) {
		x, err := OpenPapers(filepath.Join(dirs, filepath.Base(t.Name())), key, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		return x.Rows, x.Close
	})
}

// F01: nobody's name and nothing of what was put can be read in the file, and with another key
// nobody opens it.
func TestPapersAreSealed(t *testing.T) {
	t.Parallel()
	file, key := filepath.Join(t.TempDir(), "papers.db"), nodekey.Random()
	x, err := OpenPapers(file, key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	storagetest.FillPapers(t, x.Papers, word)
	if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte(word)) || bytes.Contains(text, []byte("alice")) {
		t.Errorf("the file can be read: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPapers(file, nodekey.Random(), Options{}); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
}
