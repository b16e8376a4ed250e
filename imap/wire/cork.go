package wire

import (
	"net"
	"sync"
)

// cork is the socket below TLS. crypto/tls writes record by record, up to 16 KiB
// each and at first 1,400 octets; a piece of output is many, and the kernel is asked
// once for all of them.
type cork struct {
	net.Conn
	held []byte // borrowed while a piece is written; nil: nothing is held back
}

// corked is a piece of output as TLS makes it: 40 more octets for every 1,400.
const corked = outSize + outSize/32

var corks = sync.Pool{New: func() any { b := make([]byte, 0, corked); return &b }}

func (k *cork) Write(p []byte) (int, error) {
	if k.held == nil {
		return k.Conn.Write(p)
	}
	if len(k.held)+len(p) > cap(k.held) {
		if err := k.pour(); err != nil {
			return 0, err
		}
	}
	if len(p) > cap(k.held) {
		return k.Conn.Write(p)
	}
	k.held = append(k.held, p...)
	return len(p), nil
}

// pour writes what is held back.
func (k *cork) pour() error {
	_, err := k.Conn.Write(k.held)
	k.held = k.held[:0]
	return err
}

// through writes p over TLS and what that makes of it to the socket.
func (k *cork) through(tls net.Conn, p []byte) error {
	k.held = (*corks.Get().(*[]byte))[:0]
	_, err := tls.Write(p)
	if err == nil {
		err = k.pour()
	}
	held := k.held
	k.held = nil
	corks.Put(&held)
	return err
}
