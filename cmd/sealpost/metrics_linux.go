package main

import "golang.org/x/sys/unix"

// diskSpace is how much a server's user may still write where path is, of how much.
func diskSpace(path string) (free, all float64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0, 0, false
	}
	return float64(s.Bavail) * float64(s.Bsize), float64(s.Blocks) * float64(s.Bsize), true
}
