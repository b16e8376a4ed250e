package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"sealpost/mail"
)

const (
	// maxCommand bounds a command line with its CRLF: RFC 5321, section
	// 4.5.3.1.4, asks for 512 and its extensions for some 1,500 more.
	maxCommand = 4096
	// maxIdle is how many commands that lead nowhere (NOOP, RSET, VRFY, ...) are
	// answered between two mails.
	maxIdle = 100
	// minRate is the slowest mail: octets a second, beyond the first Idle.
	minRate = 500
	// maxOut is how much is gathered for a client that does not read.
	maxOut = 8 << 10
	// expelTime is what a mail may still take whose session is to end.
	expelTime = 5 * time.Second
)

var (
	errStopping = errors.New("server is stopping")
	errExpelled = errors.New("what was signed in with is revoked")
	errGone     = errors.New("connection was ended")
)

// guard stands between the network and go-smtp, above TLS. go-smtp asks it for
// input on its own goroutine, only after the last command was answered in
// full, so the guard may look at the next line there, answer it itself, or hand
// it on mended; no lock is needed for that. What it mends is listed in the
// commands table and in mend.
//
// Bodies never pass through go-smtp: its Data calls read them here (see body).
type guard struct {
	server  *Server
	network string
	account string          // it is counted for, under server.mu
	ctx     context.Context // of this connection: go-smtp's callbacks carry none
	cancel  context.CancelFunc
	ended   sync.Once

	in     *bufio.Reader // over pull
	err    error         // nothing more for go-smtp
	broken error         // the first read error, which is the last read
	toRead []byte        // what go-smtp gets next
	held   []byte        // a line to look at again

	out     []byte // replies that wait for the next read
	partial []byte // a reply line go-smtp has not finished
	muted   bool   // go-smtp's next reply is not for the client

	verb     string // command under way
	arrived  bool   // the banner was said
	greeted  bool
	extended bool
	helo     string
	user     *Identity     // who signed in
	tries    int           // to sign in
	wishes   wishes        // of the MAIL under way
	path     *mail.Address // of the MAIL or RCPT under way, nil for <>
	plain    bool          // that path was all ASCII
	chunk    chunk         // BDAT octets not read yet
	mail     *body         // the mail under way
	slot     bool          // one of server.slots is ours
	accepted int           // recipients of the mail under way
	refused  int           // answers 5xx since the last accepted mail
	idle     int           // commands that led nowhere since then
	fresh    time.Time     // start, or the last accepted mail

	mu       sync.Mutex // guards what stop and Close touch from other goroutines
	conn     net.Conn   // the socket, or TLS over it
	stopping bool
	expelled bool
	busy     bool // a mail is being read or stored: stopping waits
}

func newGuard(ctx context.Context, s *Server, raw net.Conn, network string) *guard {
	ctx, cancel := context.WithCancel(ctx)
	g := &guard{server: s, network: network, ctx: ctx, cancel: cancel, conn: raw, fresh: time.Now()}
	g.in = bufio.NewReaderSize(pull{g}, 16<<10)
	return g
}

func (g *guard) raw() net.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn
}

// Read gives go-smtp its next input: never more than one command line.
func (g *guard) Read(p []byte) (n int, err error) {
	defer func() {
		// go-smtp recovers in its commands, but not where it reads.
		if v := recover(); v != nil {
			faults{g.server.Log}.Printf("panic", nil, v, debug.Stack())
			g.err = errGone
			err = g.err
		}
	}()
	for len(g.toRead) == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, g.toRead)
	g.toRead = g.toRead[n:]
	return n, nil
}

// next looks at one command line. It leaves in toRead what go-smtp shall see
// of it, if anything.
func (g *guard) next() error {
	if g.err != nil {
		return g.err
	}
	if !g.arrived {
		if err := g.arrive(); err != nil {
			return g.fail(err)
		}
	}
	g.release()
	if err := g.skipChunk(); err != nil {
		return g.fail(err)
	}
	if g.tooMany() {
		g.put("421 4.7.0 too many errors, closing")
		return g.fail(io.EOF)
	}
	line := g.held
	g.held = nil
	if line == nil {
		var err error
		if line, err = g.readLine(); err != nil {
			return g.fail(err)
		}
	}
	if g.over() == errExpelled { // commands may have come in one piece
		return g.fail(errExpelled)
	}
	g.dispatch(line)
	return g.err
}

// tooMany says whether this client only tries things. One that has a recipient
// for its mail is heard to the end, or a list with stale members would never
// reach the others.
func (g *guard) tooMany() bool {
	bearable := g.server.limits.Errors
	if g.accepted > 0 {
		bearable += g.server.limits.Recipients
	}
	return g.refused >= bearable || g.idle >= maxIdle
}

// fail ends reading for good and says what go-smtp shall think of it.
func (g *guard) fail(err error) error {
	switch {
	case g.err != nil:
	case errors.Is(err, errStopping):
		g.put("421 4.3.2 " + g.server.Hostname + " is closing for now, try again later")
		g.err = io.EOF
	case errors.Is(err, errExpelled):
		g.put("421 4.7.0 this app password was revoked, closing")
		g.err = io.EOF
	default:
		g.err = err
	}
	return g.err
}

// readLine reads one line and its CRLF. The slice lives until the next read.
func (g *guard) readLine() ([]byte, error) { return g.readLineOf(maxCommand) }

func (g *guard) readLineOf(most int) ([]byte, error) {
	line, err := g.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > most {
		g.put("500 5.5.2 line too long, closing")
		return nil, io.EOF
	}
	if err != nil {
		return nil, err // an unfinished line is no command
	}
	return line, nil
}

// pull is the network as the guard's buffer reads it.
type pull struct{ g *guard }

func (r pull) Read(p []byte) (int, error) {
	if r.g.broken != nil {
		return 0, r.g.broken
	}
	n, err := r.g.pull(p)
	if err != nil {
		r.g.broken = err
	}
	return n, err
}

func (g *guard) pull(p []byte) (int, error) {
	if err := g.flush(); err != nil {
		return 0, err
	}
	conn, err := g.ready()
	if err != nil {
		return 0, err
	}
	n, err := conn.Read(p)
	if n > 0 {
		return n, nil // an error comes again
	}
	return 0, g.why(err)
}

// ready sets the deadline of one read, unless the server is stopping.
func (g *guard) ready() (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.mustEnd(); err != nil {
		return nil, err
	}
	return g.conn, g.conn.SetReadDeadline(g.deadline())
}

// mustEnd says why nothing more is to be read, under g.mu.
func (g *guard) mustEnd() error {
	switch {
	case g.busy:
		return nil
	case g.expelled:
		return errExpelled
	case g.stopping:
		return errStopping
	}
	return nil
}

func (g *guard) over() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mustEnd()
}

func (g *guard) deadline() time.Time {
	l := g.server.limits
	at := earlier(time.Now().Add(l.Idle), g.fresh.Add(l.Total))
	if g.server.SignIn != nil && g.user == nil {
		at = earlier(at, g.fresh.Add(l.Login))
	}
	if g.mail != nil {
		earned := time.Duration(g.mail.taken/minRate) * time.Second
		at = earlier(at, g.mail.began.Add(l.Idle+earned))
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// why tells a read that stop interrupted from one that timed out.
func (g *guard) why(err error) error {
	if over := g.over(); over != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return over
	}
	return err
}

// stop ends the connection with 421, now or after the mail under way.
func (g *guard) stop() { g.endBy(&g.stopping) }

// expel ends a session whose app password is revoked: now, or in the midst of a
// mail that takes too long.
func (g *guard) expel() {
	g.endBy(&g.expelled)
	time.AfterFunc(expelTime, func() { g.raw().Close() })
}

func (g *guard) endBy(why *bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	*why = true
	if !g.busy {
		g.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (g *guard) setBusy(on bool) {
	g.mu.Lock()
	g.busy = on
	g.mu.Unlock()
}

// Write takes go-smtp's replies, mends them and keeps them until something is
// read, so the replies to a pipelined group leave in one packet (RFC 2920).
func (g *guard) Write(p []byte) (int, error) {
	g.partial = append(g.partial, p...)
	for {
		line, rest, whole := bytes.Cut(g.partial, []byte("\r\n"))
		if !whole {
			return len(p), nil
		}
		g.say(string(line))
		g.partial = append(g.partial[:0], rest...)
	}
}

// say passes one line of go-smtp's to the client, mended.
func (g *guard) say(line string) {
	final := len(line) < 4 || line[3] != '-'
	if g.muted {
		g.muted = !final
		return
	}
	for _, l := range g.mend(line, final) {
		g.put(l)
	}
}

// put adds one reply line for the client and counts refusals.
func (g *guard) put(line string) {
	if line[0] == '5' && line[3] == ' ' {
		g.refused++
	}
	g.out = append(append(g.out, line...), "\r\n"...)
	if len(g.out) > maxOut {
		g.flush()
	}
}

func (g *guard) flush() error {
	if len(g.out) == 0 {
		return nil
	}
	conn := g.raw()
	conn.SetWriteDeadline(time.Now().Add(g.server.limits.Idle))
	_, err := conn.Write(g.out)
	g.out = g.out[:0]
	if err != nil && g.err == nil {
		g.err = err
	}
	return err
}

// Close sends what is left to say and ends the connection.
func (g *guard) Close() error {
	var err error
	g.ended.Do(func() {
		g.release()
		g.fail(io.EOF)
		if len(g.out) > 0 {
			g.raw().SetWriteDeadline(time.Now().Add(2 * time.Second))
			g.raw().Write(g.out)
		}
		g.cancel()
		err = g.raw().Close()
		g.server.leave(g)
	})
	return err
}

// tlsState is what TLS agreed on, nil without it.
func (g *guard) tlsState() *tls.ConnectionState {
	c, ok := g.raw().(*tls.Conn)
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}

func (g *guard) LocalAddr() net.Addr  { return g.raw().LocalAddr() }
func (g *guard) RemoteAddr() net.Addr { return g.raw().RemoteAddr() }

// The guard keeps its own time; go-smtp is not told to.
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
