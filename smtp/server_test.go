package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// client speaks to a server under test and fails the test when it is surprised.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(15 * time.Second))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// want reads one reply line that starts with each of these, in order.
func (c *client) want(starts ...string) {
	c.t.Helper()
	for _, start := range starts {
		line, err := c.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, start) {
			c.t.Fatalf("got %q %v, want %s", line, err, start)
		}
	}
}

func (c *client) wantEOF() {
	c.t.Helper()
	if line, err := c.in.ReadString('\n'); err == nil {
		c.t.Fatalf("got %q, want the end", line)
	}
}

const envelope = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n"

func (c *client) begin() {
	c.t.Helper()
	c.send(envelope + "DATA\r\n")
	c.want("220", "250", "250", "250", "354")
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	addr := start(t, &Server{Handler: &post{}, Limits: Limits{PerAddress: 2}})
	first, second := dial(t, addr), dial(t, addr)
	first.want("220")
	second.want("220")
	third := dial(t, addr)
	third.want("421 4.7.0")
	third.wantEOF()
	first.send("QUIT\r\n")
	first.want("221")
	first.wantEOF()
	dialUntilWelcome(t, addr)
}

// dialUntilWelcome waits for the server to notice that a connection has gone.
func dialUntilWelcome(t *testing.T, addr string) *client {
	t.Helper()
	for range 100 {
		c := dial(t, addr)
		line, _ := c.in.ReadString('\n')
		if strings.HasPrefix(line, "220") {
			return c
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the freed place was not given away")
	return nil
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	addr := start(t, &Server{Handler: &post{}, Limits: Limits{Connections: 1}})
	first := dial(t, addr)
	first.want("220")
	dial(t, addr).want("421 4.7.0")
	first.conn.Close()
	dialUntilWelcome(t, addr).send("QUIT\r\n")
}

func TestNetOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1:25":                   "192.0.2.1",
		"[::ffff:192.0.2.1]:25":          "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:25":      "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::%eth0]:587": "2001:db8:1:2::/64",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			a = &net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:ffff::"), Zone: "eth0"}
		}
		if got := netOf(a); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	addr := start(t, &Server{Handler: &post{}, Limits: Limits{Idle: 200 * time.Millisecond}})
	c := dial(t, addr)
	c.want("220", "421 4.4.2")
	c.wantEOF()
}

// TestStalledData shows the fault of go-smtp that the guard was built for: the
// body's rest must not run as commands when a client stalls and goes on.
func TestStalledData(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := start(t, &Server{Handler: p, Limits: Limits{Idle: 200 * time.Millisecond}})
	c := dial(t, addr)
	c.begin()
	c.send("x\r\n")
	c.want("421 4.4.2")
	io.WriteString(c.conn, "RSET\r\n"+envelope+"DATA\r\nforged\r\n.\r\n")
	c.wantEOF()
	if got := p.got(); len(got) != 0 {
		t.Errorf("%d mails were made of a stalled one", len(got))
	}
}

// TestDrip: octets that come just often enough for the idle limit still end.
func TestDrip(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"command": "N", "body": "x"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &post{}
			c := dial(t, start(t, &Server{Handler: p, Limits: Limits{Idle: 300 * time.Millisecond, Total: 600 * time.Millisecond}}))
			if name == "body" {
				c.begin()
			} else {
				c.want("220")
			}
			began := time.Now()
			for time.Since(began) < 5*time.Second {
				if _, err := io.WriteString(c.conn, text); err != nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("still connected after %v", took)
			}
		})
	}
}

// TestSlowMail: a mail that comes too slowly ends although nothing else does it.
func TestSlowMail(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, &Server{Handler: &post{}, Limits: Limits{Idle: 300 * time.Millisecond, Total: time.Hour}}))
	c.begin()
	go func() {
		for {
			if _, err := io.WriteString(c.conn, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	c.want("421 4.4.2")
}

// TestUnhurriedMail: a mail slower than one Idle but fast enough does come.
func TestUnhurriedMail(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, &Server{Handler: &post{}, Limits: Limits{Idle: 300 * time.Millisecond}}))
	c.begin()
	for range 8 {
		c.send(strings.Repeat("x", 998) + "\r\n")
		time.Sleep(100 * time.Millisecond)
	}
	c.send(".\r\n")
	c.want("250 2.0.0")
}

func TestTransfersAreBounded(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := start(t, &Server{Handler: p, Limits: Limits{Transfers: 1}})
	first, second := dial(t, addr), dial(t, addr)
	first.begin()
	second.send(envelope + "DATA\r\n")
	second.want("220")
	second.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	second.want("250", "250", "250")
	if _, err := second.in.ReadString('\n'); err == nil {
		t.Fatal("a second mail began while the only slot was taken")
	}
	second.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	first.send("x\r\n.\r\n")
	first.want("250")
	second.want("354")
	second.send("x\r\n.\r\n")
	second.want("250")
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	p := &post{}
	s := &Server{Handler: p, Hostname: "mx.test", TLS: serverTLS(t)}
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t, conn, bufio.NewReader(conn)}
	c.send("EHLO c\r\n")
	c.want("220", "250-mx.test", "250-PIPELINING", "250-SIZE", "250-8BITMIME") // no STARTTLS
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line[3] == ' ' {
			break
		}
	}
	c.send("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n.\r\n")
	c.want("250", "250", "354", "250")
	if got := p.got()[0].peer; got.TLS == nil || !got.Extended || got.Helo != "c" {
		t.Errorf("peer is %+v", got)
	}
}

func TestParametersReachTheHandler(t *testing.T) {
	t.Parallel()
	p := &post{}
	c := enter(t, startTLSServer(t, &Server{Handler: p, SignIn: &doorman{}}))
	c.signIn()
	c.send("MAIL FROM:<a@b.example> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=x+2By\r\n" +
		"RCPT TO:<c@d.example> NOTIFY=delay,FAILURE ORCPT=rfc822;e+3Df@g.example\r\nDATA\r\n.\r\n")
	c.until("250 2.0.0")
	got := p.got()[0]
	if want := (MailOptions{Size: 7, UTF8: true, EightBit: true, EnvID: "x+y", Ret: "HDRS"}); got.opts != want {
		t.Errorf("MAIL: got %+v", got.opts)
	}
	if want := "[{[DELAY FAILURE] e=f@g.example}]"; fmt.Sprint(got.rcpt) != want {
		t.Errorf("RCPT: got %v, want %s", got.rcpt, want)
	}
}

func TestTransactionsAreClosed(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := start(t, &Server{Handler: p})
	for _, ending := range []string{"RSET\r\nQUIT\r\n", "QUIT\r\n", "DATA\r\n.\r\nQUIT\r\n", "EHLO d\r\nQUIT\r\n", "BDAT 1\r\nxQUIT\r\n", "RCPT TO:<panic@b.example>\r\n"} {
		c := dial(t, addr)
		c.send(envelope + ending)
		if _, err := io.Copy(io.Discard, c.in); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		if p.open != 0 {
			t.Errorf("%q left %d transactions open", ending, p.open)
		}
		p.mu.Unlock()
	}
}

// TestShutdown: idle connections hear 421, the mail under way is stored and
// acknowledged, nobody new comes in.
func TestShutdown(t *testing.T) {
	t.Parallel()
	p := &post{reading: make(chan struct{}, 1), goOn: make(chan struct{})}
	s := &Server{Handler: p}
	addr := start(t, s)
	idle, busy := dial(t, addr), dial(t, addr)
	idle.want("220")
	busy.begin()
	busy.send("x\r\nlonger than a bit\r\n")
	<-p.reading

	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	idle.want("421 4.3.2")
	idle.wantEOF()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.HasPrefix(line, "220") {
			t.Error("a stopping server let somebody in")
		}
		conn.Close()
	}
	busy.send("end\r\n.\r\nMAIL FROM:<>\r\n")
	close(p.goOn)
	busy.want("250 2.0.0 stored as 1")
	if err := <-down; err != nil {
		t.Error(err)
	}
	if got := p.got(); len(got) != 1 || !strings.HasSuffix(got[0].data, "end\r\n") {
		t.Errorf("got %+v", got)
	}
}

// TestShutdownGivesUp: a mail that does not end in time is cut, not accepted.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	p := &post{}
	s := &Server{Handler: p}
	c := dial(t, start(t, s))
	c.begin()
	c.send("x\r\n")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("shutdown says all went well")
	}
	c.wantEOF()
	if len(p.got()) != 0 {
		t.Error("a cut mail was taken")
	}
}

// TestPipelinedRepliesLeaveTogether: RFC 2920, section 3.2.
func TestPipelinedRepliesLeaveTogether(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, &Server{Handler: &post{}}))
	c.want("220")
	c.send(envelope + "DATA\r\n")
	time.Sleep(100 * time.Millisecond)
	b := make([]byte, 4096)
	n, err := c.conn.Read(b)
	if got := strings.Count(string(b[:n]), "\r\n"); err != nil || got != 4 {
		t.Errorf("%d replies in the first read, want 4", got)
	}
}
