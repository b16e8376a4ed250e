package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"os"
	"reflect"
	"syscall"
	"time"
	"unsafe"
)

// past is a deadline that makes a read give what is there, and wait for nothing.
var past = time.Unix(1, 0)

// Rest is for who is about to wait: it sends what was gathered, gives back what
// is held for reading, and says whether there is input or an end already. Behind
// it Await needs so little stack that a new goroutine has enough, so this one,
// whose stack has grown, may end (docs/decisions/0037).
func (c *Conn) Rest() (more bool) {
	if c.Buffered() || c.Over() {
		return true
	}
	c.dropReader()
	if err := c.Flush(); err != nil {
		c.end(err)
		return true
	}
	secure, ok := c.conn.(*tls.Conn)
	if !ok {
		c.rested = true
		return false
	}
	// What TLS has read and not handed on would not show on the socket.
	secure.SetReadDeadline(past)
	switch n, err := secure.Read(c.first[:]); {
	case n > 0:
		c.peeked = true
		return true
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		c.end(err)
		return true
	}
	empty(secure)
	c.rested = true
	return false
}

// empty takes from a TLS connection the buffers of what it has read, which it
// would keep for as long as it lives: 4 KiB after a handshake, 17 KiB and more
// after large records, with the words of the last command in them, which may be
// a password. crypto/tls has no call for it; where its fields are others than we
// know, nothing happens, and a test says so.
func empty(c *tls.Conn) {
	v := reflect.ValueOf(c).Elem()
	input, ok1 := field[bytes.Reader](v, "input")
	raw, ok2 := field[bytes.Buffer](v, "rawInput")
	hand, ok3 := field[bytes.Buffer](v, "hand")
	if ok1 && ok2 && ok3 && input.Len() == 0 && raw.Len() == 0 && hand.Len() == 0 {
		input.Reset(nil) // it points into raw
		*raw, *hand = bytes.Buffer{}, bytes.Buffer{}
	}
}

// field is a field of that name and type.
func field[T any](v reflect.Value, name string) (*T, bool) {
	f := v.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil, false
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr())), true
}

// readiness is the socket below TLS, asked whether anything came. To wait there
// takes a tenth of the stack that waiting inside TLS takes.
type readiness struct {
	raw  syscall.RawConn
	look func(fd uintptr) bool
}

func newReadiness(socket any) readiness {
	c, ok := socket.(syscall.Conn)
	if !ok || ready == nil {
		return readiness{}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return readiness{}
	}
	return readiness{raw, ready}
}

// wait returns when there is something to read or the deadline has come; at once
// where it cannot tell.
func (r readiness) wait() error {
	if r.raw == nil {
		return nil
	}
	return r.raw.Read(r.look)
}
