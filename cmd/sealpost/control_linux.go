package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// shortPath names a socket by less than the 108 bytes a socket's name may have,
// however deep its folder lies; done forgets the name.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) < 100 {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}
