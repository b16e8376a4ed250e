package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A password that other programs of the machine may guess is none.
func TestDavPasswords(t *testing.T) {
	t.Parallel()
	word := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(word, []byte("fifteen letters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, []string{"expected a password of 16 characters or more"}, "file", "dav", "--password-file", word)
	fails(t, exitFailed, []string{"expected a user without a colon"}, "file", "dav", "--user", "a:b")
	if a, err := (fileDavCommand{User: "ann"}).password(); err != nil || len(a) < leastPassword {
		t.Errorf("a random password has %d characters, %v", len(a), err)
	}
}
