package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// closeMouth keeps what is in memory out of files: no core dumps, not for the
// kernel either, and nothing made that others could read.
func closeMouth() error {
	syscall.Umask(0o077)
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}

// becomeOwner makes root the user whose folder it works in, so that what a
// command leaves there can be read by the server later.
func becomeOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return nil // it will be made, or we are who we are
	}
	as, ok := info.Sys().(*syscall.Stat_t)
	if !ok || as.Uid == 0 {
		return nil
	}
	err = errors.Join(syscall.Setgroups([]int{int(as.Gid)}), syscall.Setgid(int(as.Gid)), syscall.Setuid(int(as.Uid)))
	if err != nil {
		return fmt.Errorf("act as the owner of %s: %w", dir, err)
	}
	return nil
}

// ownFolder keeps root from serving another's data folder: what it wrote there
// the server's own user could not read when it is started next.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	if as, ok := info.Sys().(*syscall.Stat_t); ok && as.Uid != 0 {
		return fmt.Errorf("the data folder %s belongs to user %d and this is root: serve as that user, or give root the folder", dir, as.Uid)
	}
	return nil
}

// hideTyping stops a terminal from showing what is typed until restore.
func hideTyping(fd int) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }, nil
}
