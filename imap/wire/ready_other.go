//go:build !unix

package wire

// ready is not to be had here: waiting is done inside TLS.
var ready func(fd uintptr) bool
