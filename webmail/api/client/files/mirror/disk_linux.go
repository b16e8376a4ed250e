package mirror

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const nonblock = unix.O_NONBLOCK // a file that became a pipe since it was listed keeps nobody waiting

// exchange gives each of two names of a folder what the other had, in one step.
func exchange(dir *os.Root, a, b string) error {
	return renameat(dir, a, b, unix.RENAME_EXCHANGE)
}

// renameFresh gives a file another name in its folder, which nothing has.
func renameFresh(dir *os.Root, from, to string) error {
	err := renameat(dir, from, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, errCannot) {
		return linkFresh(dir, from, to)
	}
	return err
}

var errCannot = errors.New("this file system cannot")

func renameat(dir *os.Root, from, to string, flags uint) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	at := int(f.Fd())
	err = unix.Renameat2(at, from, at, to, flags)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return errCannot
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// settle makes all that was written to the folder's file system durable.
func settle(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

const settlesAll = true
