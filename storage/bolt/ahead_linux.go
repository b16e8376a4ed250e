package bolt

import "golang.org/x/sys/unix"

// willNeed is a hint; b lies in the file's mapping and begins with a page.
func willNeed(b []byte) { _ = unix.Madvise(b, unix.MADV_WILLNEED) }
