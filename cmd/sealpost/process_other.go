//go:build !linux

package main

import (
	"errors"
	"syscall"
)

// closeMouth keeps what is made from others' eyes and asks for no core dumps.
func closeMouth() error {
	syscall.Umask(0o077)
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// becomeOwner does nothing here: start commands as the server's user.
func becomeOwner(string) error { return nil }

// ownFolder is for Linux: elsewhere the folder's owner is who made it.
func ownFolder(string) error { return nil }

// hideTyping cannot be done here.
func hideTyping(int) (restore func(), err error) {
	return nil, errors.New("not on this system: expected --passphrase-file")
}
