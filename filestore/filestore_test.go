package filestore_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"sealpost/filestore"
)

func TestMarkFull(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		full bool
	}{
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		{errors.Join(io.EOF, syscall.EDQUOT), true},
		{syscall.EIO, false},
		{nil, false},
	} {
		got := filestore.MarkFull(test.err)
		if errors.Is(got, filestore.ErrFull) != test.full || !errors.Is(got, test.err) {
			t.Errorf("MarkFull(%v) = %v", test.err, got)
		}
	}
}
