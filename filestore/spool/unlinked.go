package spool

import "os"

// unlinked opens a file whose name lives for a moment. A crash in that moment
// leaves an empty file.
func unlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".spool-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
