// Package wire holds the octets of IMAP (RFC 9051, section 4): a connection
// that is read by whole commands and written in large pieces, a parser of
// arguments, sets of numbers and the spelling of mailbox names.
//
// It never knows what a command does, who sent it, or what a mail is.
//
// Invariants: one goroutine at a time reads and writes, and others may only nudge, send
// off or cut; the first read error is the last read; a client's octets are read
// as a command only where a command begins; every wait has an end; a connection
// that waits holds no buffer.
package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	inSize  = 4 << 10  // of an input buffer
	outSize = 32 << 10 // output that is gathered before it is sent
)

var (
	// ErrOver is the end of a connection that was said to the client, or decided.
	ErrOver = errors.New("imap: connection is over")

	// ErrTooBig is a line or command beyond its limit.
	ErrTooBig = errors.New("imap: command is too long")

	errLate   = errors.New("imap: nothing came in time")
	errNudged = errors.New("imap: nudged while waiting")
)

// Times are how long one read inside a command, and one write, may take.
type Times struct{ Read, Write time.Duration }

// Conn is a connection with manners: output is gathered, and sent when it is
// large or when we are about to wait for input, so nobody waits for what we
// hold back.
type Conn struct {
	Login time.Time // signing in must have happened by then; zero afterwards
	UTF8  bool      // the client takes UTF-8 in strings (RFC 6855, RFC 9051)

	conn   net.Conn // TLS or not
	socket net.Conn // what it began as; any goroutine may end it
	cork   *cork    // between the socket and TLS, once there is TLS
	under  *cork    // the same while TLS is being agreed on
	times  Times
	ready  readiness // of the socket

	in     *bufio.Reader // borrowed while something is read
	first  [1]byte       // what ended the last wait
	peeked bool          // first is yet to be read
	over   error         // of reading, for ever
	rested bool          // nothing is held since the last Rest
	linger bool          // the client may still be sending: let it read our last word

	out    []byte // borrowed while something is written
	failed error  // of writing, for ever

	leave     atomic.Pointer[string] // why the connection is to end, before its next command
	listening atomic.Bool            // a nudge may end the wait
	nudged    atomic.Bool
}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, inSize) }}
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}
)

// New takes over a connection.
func New(c net.Conn, t Times) *Conn {
	return &Conn{conn: c, socket: c, times: t, ready: newReadiness(c)}
}

// Under is the connection for TLS to be put over.
func (c *Conn) Under() net.Conn {
	c.under = &cork{Conn: c.conn}
	return c.under
}

// Net is the connection as it is now: TLS or not.
func (c *Conn) Net() net.Conn { return c.conn }

// Secure goes on over TLS, which was begun over what Under gave. What the client had
// sent before is forgotten: it came from whoever was on the line (RFC 9051, section 6.2.1).
func (c *Conn) Secure(over net.Conn) {
	c.conn, c.cork = over, c.under
	c.under = nil
	c.dropReader()
	c.peeked = false
}

// Buffered says whether the client has sent more than what was read so far.
func (c *Conn) Buffered() bool { return c.peeked || c.in != nil && c.in.Buffered() > 0 }

func (c *Conn) reader() *bufio.Reader {
	if c.in == nil {
		c.in = readers.Get().(*bufio.Reader)
		c.in.Reset(network{c})
	}
	return c.in
}

func (c *Conn) dropReader() {
	if c.in != nil {
		c.in.Reset(nil)
		readers.Put(c.in)
		c.in = nil
	}
}

// Await waits for input until a time, holding no buffers. With look it may
// return earlier, nudged, when somebody called Nudge or that time went by.
func (c *Conn) Await(until time.Time, look time.Duration) (nudged bool, err error) {
	if !c.rested && c.Rest() {
		return false, c.over
	}
	c.rested = false
	end := until
	if look > 0 {
		end = earlier(until, time.Now().Add(look))
		c.listening.Store(true)
		defer c.listening.Store(false)
	}
	switch n, err := c.read(c.first[:], end, true, look > 0); {
	case n > 0:
		c.peeked = true
		return false, nil
	case err == errNudged, err == errLate && end.Before(until) && !c.tooLate():
		return true, nil
	case err == errLate:
		return false, c.Bye("you were silent for too long")
	default:
		return false, err
	}
}

func (c *Conn) tooLate() bool { return !c.Login.IsZero() && !time.Now().Before(c.Login) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// network is what an input buffer is filled from inside a command.
type network struct{ c *Conn }

func (r network) Read(p []byte) (int, error) {
	if r.c.peeked && len(p) > 0 {
		r.c.peeked = false
		p[0] = r.c.first[0]
		return 1, nil
	}
	n, err := r.c.read(p, time.Now().Add(r.c.times.Read), false, false)
	if err == errLate {
		err = r.c.Bye("you were silent for too long")
	}
	return n, err
}

// read is the one place that reads from the network.
func (c *Conn) read(p []byte, until time.Time, waits, listen bool) (int, error) {
	if c.over != nil {
		return 0, c.over
	}
	if err := c.Flush(); err != nil {
		return 0, c.end(err)
	}
	if !c.Login.IsZero() {
		until = earlier(until, c.Login)
	}
	for {
		c.conn.SetReadDeadline(until)
		if why := c.leave.Load(); why != nil { // after the deadline: Leave sets it the other way round
			return 0, c.Bye(*why)
		}
		if listen && c.nudged.Swap(false) {
			return 0, errNudged
		}
		n, err := 0, error(nil)
		if waits {
			err = c.ready.wait()
		}
		if err == nil {
			n, err = c.conn.Read(p)
		}
		switch {
		case n > 0:
			return n, nil
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, c.end(err)
		case !time.Now().Before(until) && c.leave.Load() == nil && !(listen && c.nudged.Load()):
			return 0, errLate
		}
	}
}

// Nudge ends a wait that listens, this one or the next. It waits for nobody.
func (c *Conn) Nudge() {
	c.nudged.Store(true)
	if c.listening.Load() {
		c.socket.SetReadDeadline(time.Now())
	}
}

// Nudged says whether somebody nudged since it was last asked.
func (c *Conn) Nudged() bool { return c.nudged.Swap(false) }

// Leave makes the connection end with that word, before its next command. Like
// Cut it waits for nobody, least of all for a write to a slow client.
func (c *Conn) Leave(why string) {
	c.leave.CompareAndSwap(nil, &why)
	c.socket.SetReadDeadline(time.Now())
}

// Cut ends the connection without a word.
func (c *Conn) Cut() { c.socket.Close() }

// Over says whether the connection has ended for the reading side.
func (c *Conn) Over() bool { return c.over != nil || c.failed != nil }

func (c *Conn) end(err error) error {
	if c.over == nil {
		c.over = err
	}
	return c.over
}

// End is the end of reading, after a last word of the caller's.
func (c *Conn) End() { c.end(ErrOver) }

// Bye says why the connection ends, and ends it for the reading side.
func (c *Conn) Bye(why string) error {
	if c.over == nil {
		c.Str("* BYE ")
		c.Str(why)
		c.Str("\r\n")
		c.Flush()
	}
	return c.end(ErrOver)
}

// Goodbye is Bye to a client that may be in the midst of sending.
func (c *Conn) Goodbye(why string) error {
	c.linger = true
	return c.Bye(why)
}

// Refuse turns away a connection that was not even greeted; where TLS comes
// first, without a word, for a handshake is what a flood would like us to do.
func (c *Conn) Refuse(why string, implicitTLS bool) {
	if !implicitTLS {
		c.conn.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(c.conn, "* BYE "+why+"\r\n")
	}
	c.Close()
}

// Close sends what is left and ends the connection.
func (c *Conn) Close() error {
	if c.Flush() == nil && c.linger {
		c.drain()
	}
	c.dropReader()
	return c.conn.Close()
}

// drain takes what a client is still sending, for a second: closing on unread
// input would reset the connection and could take our BYE with it.
func (c *Conn) drain() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.conn.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, c.conn, 1<<20)
}
