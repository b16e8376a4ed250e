package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// asOwnerOf has root do something as the owner of a folder, and be root again
// after it: what it leaves in there is its owner's. Others do it as they are.
func asOwnerOf(dir string, do func() error) (err error) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return do() // it will be made, or we are who we are
	}
	as, ok := info.Sys().(*syscall.Stat_t)
	if !ok || as.Uid == 0 {
		return do()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("act as the owner of %s: %w", dir, err)
	}
	gid := os.Getegid()
	back := func() error {
		return errors.Join(syscall.Setresuid(0, 0, 0), syscall.Setresgid(gid, gid, gid), syscall.Setgroups(groups))
	}
	to := errors.Join(syscall.Setgroups([]int{int(as.Gid)}), syscall.Setresgid(int(as.Gid), int(as.Gid), 0), syscall.Setresuid(int(as.Uid), int(as.Uid), 0))
	if to != nil {
		return fmt.Errorf("act as the owner of %s: %w", dir, errors.Join(to, back()))
	}
	defer func() { err = errors.Join(err, back()) }()
	return do()
}
