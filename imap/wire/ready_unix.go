//go:build unix

package wire

import "syscall"

// ready says whether a read would not have to wait: octets, an end or an error.
var ready = func(fd uintptr) bool {
	var octet [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), octet[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
