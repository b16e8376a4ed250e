package test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is another server of a country that does what recipients are called:
// the part before the first hyphen is its order.
//
//	take    takes the mail; any other word does too
//	later   451 to RCPT, until mend
//	never   550 to RCPT
//	twice   451 after the text, the first time
//	spam    554 after the text
//	cut     hangs up after the text, the first time
//	keep    takes the mail and hangs up without a word, the first time
//	hang    takes the text and says no more, the first time
type sink struct {
	quote   string      // what its refusals hold besides
	tls     *tls.Config // nil: it has none
	offers  []string    // more extensions
	hanging chan struct{}

	mu     sync.Mutex
	mended bool
	seen   map[string]bool // recipients whose first time is over
	got    []parcel
	lines  []string // that came without TLS
	open   map[net.Conn]bool
}

// parcel is a mail that a sink took.
type parcel struct {
	from string // with its parameters
	to   []string
	text string
	tls  bool
	at   time.Time
}

// sink runs a scripted server in a house, with its certificate.
func (h *house) sink(t *testing.T, change ...func(*sink)) *sink {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(h.file("tls.pem"), h.file("tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{
		tls:     &tls.Config{Certificates: []tls.Certificate{cert}},
		hanging: make(chan struct{}, 100), seen: map[string]bool{}, open: map[net.Conn]bool{},
	}
	for _, c := range change {
		c(s)
	}
	l, err := net.Listen("tcp", h.smtp())
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for conn := range s.open {
			conn.Close()
		}
		s.mu.Unlock()
		running.Wait()
	})
	return s
}

// mend lets those in who were told to come later.
func (s *sink) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mended = true
}

// took lists what arrived.
func (s *sink) took() []parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// with finds the mails that hold a word.
func (s *sink) with(word string) (some []parcel) {
	for _, p := range s.took() {
		if strings.Contains(p.text, word) {
			some = append(some, p)
		}
	}
	return some
}

// bare is every line that came without TLS.
func (s *sink) bare() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// sinkSession is one connection.
type sinkSession struct {
	*sink
	conn  net.Conn
	in    *bufio.Reader
	plain bool
	parcel
}

func (s *sink) serve(conn net.Conn) {
	s.mu.Lock()
	s.open[conn] = true
	s.mu.Unlock()
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	c := &sinkSession{sink: s, conn: conn, in: bufio.NewReader(conn), plain: true}
	c.say("220 sink ESMTP")
	for c.next() {
	}
}

func (c *sinkSession) say(lines ...string) {
	io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n")
}

// line reads one line.
func (c *sinkSession) line() (string, bool) {
	text, err := c.in.ReadString('\n')
	if c.plain {
		c.mu.Lock()
		c.lines = append(c.lines, strings.TrimRight(text, "\r\n"))
		c.mu.Unlock()
	}
	return text, err == nil
}

// next answers one command; false: the session is over.
func (c *sinkSession) next() bool {
	line, ok := c.line()
	if !ok {
		return false
	}
	line = strings.TrimRight(line, "\r\n")
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	switch {
	case verb == "EHLO":
		c.say(c.extensions()...)
	case verb == "STARTTLS":
		c.say("220 2.0.0 go on")
		c.conn = tls.Server(c.conn, c.sink.tls)
		c.in, c.plain = bufio.NewReader(c.conn), false
	case verb == "MAIL":
		c.parcel = parcel{from: strings.TrimPrefix(line, "MAIL FROM:"), tls: !c.plain}
		c.say("250 2.1.0 ok")
	case verb == "RCPT":
		c.rcpt(line)
	case verb == "DATA" && len(c.to) == 0:
		c.say("554 5.5.1 nobody to write to")
	case verb == "DATA":
		return c.data()
	case verb == "QUIT":
		c.say("221 2.0.0 bye")
		return false
	default:
		c.say("250 2.0.0 ok")
	}
	return true
}

func (c *sinkSession) extensions() []string {
	all := append([]string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"}, c.offers...)
	if c.sink.tls != nil && c.plain {
		all = append(all, "STARTTLS")
	}
	lines := []string{"250-sink"}
	for i, e := range all {
		lines = append(lines, "250"+map[bool]string{true: " ", false: "-"}[i == len(all)-1]+e)
	}
	return lines
}

// order is what a recipient is called for, and whether it is the first time.
func (c *sinkSession) order(to string) (word string, first bool) {
	word, _, _ = strings.Cut(to, "-")
	c.mu.Lock()
	defer c.mu.Unlock()
	first = !c.seen[to]
	return word, first
}

func (c *sinkSession) rcpt(line string) {
	to := strings.Trim(strings.Fields(line)[1], "TO:<>")
	c.mu.Lock()
	mended := c.mended
	c.mu.Unlock()
	switch word, _ := c.order(to); {
	case word == "later" && !mended:
		c.say("451 4.2.1 not now " + c.quote)
	case word == "never":
		c.say("550 5.1.1 nobody of that name " + c.quote)
	default:
		c.to = append(c.to, to)
		c.say("250 2.1.5 ok")
	}
}

// data takes a text and does what the first of its recipients is called for.
func (c *sinkSession) data() bool {
	c.say("354 go on")
	var text strings.Builder
	for {
		line, ok := c.line()
		if !ok {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	c.text = text.String()
	word, first := c.order(c.to[0])
	c.mu.Lock()
	c.seen[c.to[0]] = true
	c.mu.Unlock()
	keep, reply := true, "250 2.0.0 taken"
	switch {
	case word == "hang" && first:
		c.hanging <- struct{}{}
		io.Copy(io.Discard, c.conn)
		return false
	case word == "spam":
		keep, reply = false, "554 5.7.1 no, thanks "+c.quote
	case word == "twice" && first:
		keep, reply = false, "451 4.3.0 come again "+c.quote
	case word == "cut" && first:
		keep, reply = false, ""
	case word == "keep" && first:
		reply = ""
	}
	c.mu.Lock()
	c.at = time.Now()
	if keep {
		c.got = append(c.got, c.parcel)
	}
	c.mu.Unlock()
	if reply == "" {
		return false
	}
	c.say(reply)
	c.parcel = parcel{}
	return true
}

// signIn opens a submission session as the person of a house. It may be called
// from any goroutine: trust is what h.trust gives.
func (h *house) signIn(trust *tls.Config) (*sender, error) {
	conn, err := tls.Dial("tcp", h.submits, trust)
	if err != nil {
		return nil, err
	}
	s := &sender{conn: conn, r: bufio.NewReader(conn)}
	_, err = s.expect(220)
	if err == nil {
		_, err = s.say(250, "EHLO client.test")
	}
	if err == nil {
		secret := base64.StdEncoding.EncodeToString([]byte("\x00" + h.person.Address + "\x00" + h.person.Password))
		_, err = s.say(235, "AUTH PLAIN "+secret)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// post submits a mail with parameters of MAIL, and returns what was said in the end.
func (s *sender) post(from, params string, text []byte, to ...string) (string, error) {
	if reply, err := s.say(250, strings.TrimSpace("MAIL FROM:<"+from+"> "+params)); err != nil {
		return reply, err
	}
	for _, rcpt := range to {
		if reply, err := s.say(250, "RCPT TO:<"+rcpt+">"); err != nil {
			return reply, err
		}
	}
	code, reply, err := s.data(text)
	if err == nil && code != 250 {
		err = fmt.Errorf("refused: %s", reply)
	}
	return reply, err
}

// client is a submission session for a test's own goroutine.
func (h *house) client(t *testing.T) *sender {
	t.Helper()
	s, err := h.signIn(h.trust(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	return s
}
