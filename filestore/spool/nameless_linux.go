package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// nameless opens a file that never had a name, so that not even a crash
// leaves one behind. Some file systems cannot do that.
func nameless(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return unlinked(dir)
	}
	return f, nil
}
