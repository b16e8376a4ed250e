//go:build !linux

package spool

import "os"

func nameless(dir string) (*os.File, error) { return unlinked(dir) }
