package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// evict makes the kernel forget what it keeps in memory of the files below the
// folders, and of no other program's. Who maps them must have ended.
func evict(folders ...string) error {
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	seen := map[uint64]bool{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) || err == nil && !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if err != nil || seen[info.Sys().(*syscall.Stat_t).Ino] {
				return nil
			}
			seen[info.Sys().(*syscall.Stat_t).Ino] = true
			f, err := os.Open(name)
			if err != nil {
				return nil
			}
			defer f.Close()
			if err := f.Sync(); err != nil { // what is not written cannot be forgotten
				return err
			}
			if _, _, no := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); no != 0 {
				return no
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ownLike gives folders to whom another one belongs.
func ownLike(of string, folders ...string) error {
	info, err := os.Stat(of)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	for _, folder := range folders {
		if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}
