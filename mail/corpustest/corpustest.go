// Package corpustest finds real mail for tests. It is not part of this repository: $SEALPOST_CORPUS
// names its folder, or it lies beside the checkout in shared/corpus.
package corpustest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// dir is where the corpus would be. Tests run in the folders of their packages.
func dir() string {
	if named := os.Getenv("SEALPOST_CORPUS"); named != "" {
		return named
	}
	root := "."
	for range 16 {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Join(root, "..")
	}
	return filepath.Join(root, "..", "shared", "corpus")
}

// Find is what a name below the corpus leads to, absolute, and whether it is there.
func Find(name ...string) (path string, there bool) {
	path, err := filepath.Abs(filepath.Join(append([]string{dir()}, name...)...))
	if err == nil {
		_, err = os.Stat(path)
	}
	return path, err == nil
}

// Path is what a name below the corpus leads to. A test for which it is not there is skipped.
func Path(t testing.TB, name ...string) string {
	t.Helper()
	path, there := Find(name...)
	if !there {
		t.Skipf("no corpus of real mail at %s (set SEALPOST_CORPUS)", path)
	}
	return path
}

// Files are all files below a folder of the corpus. A test that gets none is skipped.
func Files(t testing.TB, folder ...string) (files []string) {
	t.Helper()
	root := Path(t, folder...)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no mail in %s", root)
	}
	return files
}

// Match are the files that match a pattern below the corpus. A test that gets none is skipped.
func Match(t testing.TB, pattern ...string) []string {
	t.Helper()
	pattern = append([]string{dir()}, pattern...)
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no mail like %s (set SEALPOST_CORPUS)", filepath.Join(pattern...))
	}
	return files
}
