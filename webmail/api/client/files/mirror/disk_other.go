//go:build !linux

package mirror

import (
	"errors"
	"os"
)

const nonblock = 0

var errCannot = errors.New("this system cannot")

func exchange(*os.Root, string, string) error { return errCannot }

func renameFresh(dir *os.Root, from, to string) error { return linkFresh(dir, from, to) }

func settle(*os.Root) error { return nil }

const settlesAll = false // each file is made durable by itself
