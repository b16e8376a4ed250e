package storagetest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Hidden fails for each of some words that stands in a file below a folder, and when there
// are fewer than least octets: then what was stored is not where the test looks.
func Hidden(t testing.TB, dir string, least int, words ...string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		seen += len(b)
		for _, word := range words {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s has %q", filepath.Base(path), word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < least {
		t.Errorf("only %d octets on the disk", seen)
	}
}
