package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// A receiver is every server elsewhere, for one server under measure: it takes
// all mail, counts it and keeps none. A mail is known by its Message-ID, so that
// one that came twice is not taken for two.
type receiver struct {
	port      int
	tls       *tls.Config
	listeners []net.Listener

	mu     sync.Mutex
	seen   map[string]bool
	twice  int
	sample []byte // the first mail
	want   int
	full   chan struct{} // closed when want have come
}

// newReceiver listens on one port of all addresses elsewhere.
func newReceiver(config *tls.Config) (*receiver, error) {
	for range 20 { // a port that is free on one address may be taken on another
		r := &receiver{tls: config, seen: map[string]bool{}}
		if err := r.listen(); err == nil {
			return r, nil
		}
		r.close()
	}
	return nil, errors.New("no port is free on all of 127.0.1.1 and so on")
}

func (r *receiver) listen() error {
	for i := range farDomains {
		for _, private := range []bool{false, true} {
			l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", farAddress(i, private), r.port))
			if err != nil {
				return err
			}
			r.port = l.Addr().(*net.TCPAddr).Port
			r.listeners = append(r.listeners, l)
			offer := private
			go r.accept(l, offer)
		}
	}
	return nil
}

func (r *receiver) close() {
	for _, l := range r.listeners {
		l.Close()
	}
}

func (r *receiver) accept(l net.Listener, offer bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			c := &caller{receiver: r, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), offer: offer}
			defer c.conn.Close()
			c.serve()
		}()
	}
}

// reset forgets what came.
func (r *receiver) reset() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.seen)
	r.twice, r.sample = 0, nil
	return nil
}

// arrived waits until n mails have come since the last reset.
func (r *receiver) arrived(ctx context.Context, n int) error {
	r.mu.Lock()
	full := make(chan struct{})
	r.want, r.full = n, full
	r.tell()
	r.mu.Unlock()
	select {
	case <-full:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		return fmt.Errorf("%d of %d mails arrived: %w", len(r.seen), n, ctx.Err())
	}
}

// tell says that enough have come; r.mu is held.
func (r *receiver) tell() {
	if r.full != nil && len(r.seen) >= r.want {
		close(r.full)
		r.full = nil
	}
}

// count is how many mails came; one that came twice is an error.
func (r *receiver) count() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.twice > 0 {
		return 0, fmt.Errorf("%d mails came twice", r.twice)
	}
	return len(r.seen), nil
}

func (r *receiver) firstMail() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.sample)
}

func (r *receiver) took(id string, text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		r.twice++
	}
	r.seen[id] = true
	if r.sample == nil {
		r.sample = bytes.Clone(text)
	}
	r.tell()
}

// A caller is one session of another server with a receiver.
type caller struct {
	*receiver
	conn  net.Conn
	in    *bufio.Reader
	offer bool // STARTTLS
	text  bytes.Buffer
}

const callerPatience = 2 * time.Minute

// serve speaks the receiving end of SMTP (RFC 5321), with PIPELINING: replies are
// gathered while more commands are waiting.
func (c *caller) serve() {
	var replies bytes.Buffer
	replies.WriteString("220 far.test ESMTP\r\n")
	for {
		if c.in.Buffered() == 0 {
			if _, err := c.conn.Write(replies.Bytes()); err != nil {
				return
			}
			replies.Reset()
			_ = c.conn.SetDeadline(time.Now().Add(callerPatience))
		}
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(string(line))), " ")
		switch verb {
		case "EHLO":
			replies.WriteString(c.greeting())
		case "STARTTLS":
			if !c.startTLS() {
				return
			}
		case "DATA":
			replies.WriteString("354 go on\r\n")
			if _, err := c.conn.Write(replies.Bytes()); err != nil {
				return
			}
			replies.Reset()
			if !c.data() {
				return
			}
			replies.WriteString("250 2.0.0 taken\r\n")
		case "QUIT":
			replies.WriteString("221 2.0.0 bye\r\n")
			_, _ = c.conn.Write(replies.Bytes())
			return
		default: // MAIL, RCPT, RSET, NOOP
			replies.WriteString("250 2.1.0 fine\r\n")
		}
	}
}

func (c *caller) greeting() string {
	_, private := c.conn.(*tls.Conn)
	if c.offer && !private {
		return "250-far.test\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
	}
	return "250-far.test\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n"
}

// startTLS drops what was read before the handshake (CVE-2011-0411).
func (c *caller) startTLS() bool {
	if _, err := c.conn.Write([]byte("220 2.0.0 go on\r\n")); err != nil {
		return false
	}
	private := tls.Server(c.conn, c.tls)
	if private.Handshake() != nil {
		return false
	}
	c.conn, c.in = private, bufio.NewReaderSize(private, 64<<10)
	return true
}

// data reads a mail. Dots that were doubled stay so but for the check of a
// signature: no mail of ours has any.
func (c *caller) data() bool {
	c.text.Reset()
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return false
		}
		if string(line) == ".\r\n" {
			break
		}
		c.text.Write(line)
	}
	c.took(messageID(c.text.Bytes()), c.text.Bytes())
	return true
}

// messageID is the value of that field, or nothing.
func messageID(text []byte) string {
	for line := range bytes.Lines(text) {
		name, value, found := bytes.Cut(line, []byte(":"))
		if found && len(name) == len("Message-ID") && strings.EqualFold(string(name), "Message-ID") {
			return string(bytes.TrimSpace(value))
		}
		if len(line) <= 2 {
			break
		}
	}
	return ""
}
