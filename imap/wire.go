package imap

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
	inSize    = 4 << 10  // input buffer, kept for as long as the connection
	outSize   = 32 << 10 // output that is gathered before it is sent
	pieceSize = 64 << 10 // piece of a body on its way out

	// expelTime is what a command may still take whose session is to end.
	expelTime = 5 * time.Second
)

var (
	errOver   = errors.New("imap: connection is over")
	errTooBig = errors.New("imap: command is too long")
)

// wire is a connection with manners: the first read error is its last read;
// output is gathered and sent when it is large or when we are about to wait
// for input, so nobody waits for what we hold back; every wait is bounded.
//
// One goroutine reads. Writes may come from two (the command's and IDLE's).
type wire struct {
	net.Conn          // TLS or not
	socket   net.Conn // what it began as; any goroutine may end it
	server   *Server
	in       *bufio.Reader
	login    time.Time     // signing in must have happened by then; zero afterwards
	wait     time.Duration // for the next read
	over     error         // of reading, for ever
	linger   bool          // the client may still be sending: let it read our last word
	ended    func()        // called once, at the end of the connection
	expelled atomic.Bool   // what it signed in with is revoked

	mu     sync.Mutex
	out    []byte
	failed error // of writing, for ever
}

func newWire(s *Server, c net.Conn) *wire {
	w := &wire{Conn: c, socket: c, server: s, wait: s.Limits.Read, login: time.Now().Add(s.Limits.Login)}
	w.in = bufio.NewReaderSize(rawReader{w}, inSize)
	return w
}

// secure goes on over TLS. What the client had sent before is forgotten: it
// came from whoever was on the line (RFC 9051, section 6.2.1).
func (w *wire) secure(c net.Conn) {
	w.mu.Lock()
	w.Conn = c
	w.mu.Unlock()
	w.in.Reset(rawReader{w})
}

// rawReader is the one place that reads from the network.
type rawReader struct{ w *wire }

func (r rawReader) Read(p []byte) (int, error) {
	w := r.w
	if w.over != nil {
		return 0, w.over
	}
	if err := w.flush(); err != nil {
		return 0, w.end(err)
	}
	until := time.Now().Add(w.wait)
	if !w.login.IsZero() && w.login.Before(until) {
		until = w.login
	}
	w.Conn.SetReadDeadline(until)
	if why := w.ending(); why != "" { // after the deadline: wake sets it the other way round
		return 0, w.bye(why)
	}
	n, err := w.Conn.Read(p)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && w.ending() != "":
		return 0, w.bye(w.ending())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, w.bye("you were silent for too long")
	case err == nil:
		return 0, nil
	}
	return 0, w.end(err)
}

// ending says why nothing more is read, if so.
func (w *wire) ending() string {
	switch {
	case w.server.closing.Load():
		return "server is shutting down"
	case w.expelled.Load():
		return "this app password was revoked"
	}
	return ""
}

// expel ends a session whose app password is revoked: before its next command,
// or in the midst of one that takes too long.
func (w *wire) expel() {
	w.expelled.Store(true)
	w.wake()
	time.AfterFunc(expelTime, w.cut)
}

func (w *wire) end(err error) error {
	if w.over == nil {
		w.over = err
	}
	return w.over
}

// bye says why the connection ends, and ends it for the reading side.
func (w *wire) bye(why string) error {
	if w.over == nil {
		w.WriteString("* BYE " + why + "\r\n")
		w.flush()
	}
	return w.end(errOver)
}

// dismiss is bye from the writing side: what waits for input sees the end, too.
func (w *wire) dismiss(why string) {
	w.WriteString("* BYE " + why + "\r\n")
	w.flush()
	w.fail(errOver)
}

// wake makes a waiting read look at whether the server is closing. Like cut it
// waits for nobody, least of all for a write to a slow client.
func (w *wire) wake() { w.socket.SetReadDeadline(time.Now()) }

// cut ends the connection without a word.
func (w *wire) cut() { w.socket.Close() }

// refuse turns away a connection that was not even greeted; where TLS comes
// first, without a word, for a handshake is what a flood would like us to do.
func (w *wire) refuse(why string, implicitTLS bool) {
	if !implicitTLS {
		w.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(w.Conn, "* BYE "+why+"\r\n")
	}
	w.Close()
}

// Close sends what is left and ends the connection.
func (w *wire) Close() error {
	if w.flush() == nil && w.linger {
		w.drain()
	}
	err := w.Conn.Close()
	w.ended()
	return err
}

// drain takes what a client is still sending, for a second: closing on unread
// input would reset the connection and could take our BYE with it.
func (w *wire) drain() {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	w.Conn.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, w.Conn, 1<<20)
}

// Write gathers p.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return 0, w.failed
	}
	large := len(p) >= outSize/2
	if large || len(w.out)+len(p) > outSize {
		if err := w.send(); err != nil {
			return 0, err
		}
	}
	if large { // not worth copying
		return w.push(p)
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

func (w *wire) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// flush sends what was gathered. What stays allocated is small.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.send()
	if cap(w.out) > inSize {
		w.out = nil
	}
	return err
}

func (w *wire) send() error {
	if w.failed != nil || len(w.out) == 0 {
		return w.failed
	}
	_, err := w.push(w.out)
	w.out = w.out[:0]
	return err
}

// push writes to the network: a client that does not take its bytes in time is
// left, and a body cut short is never followed by anything.
func (w *wire) push(p []byte) (int, error) {
	w.Conn.SetWriteDeadline(time.Now().Add(w.server.Limits.Write))
	n, err := w.Conn.Write(p)
	if err != nil {
		w.failed = err
		w.Conn.Close()
	}
	return n, err
}

// fail makes the connection end without another octet, for when a response
// was begun that cannot be finished.
func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
		w.out = nil
		w.Conn.Close()
	}
}
