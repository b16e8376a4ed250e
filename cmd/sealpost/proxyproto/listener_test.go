package proxyproto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A street is a door for which 127.0.0.9 is a balancer.
type street struct {
	t    *testing.T
	door net.Listener
	log  log
}

func newStreet(t *testing.T, wait time.Duration, slots int) *street {
	t.Helper()
	s := &street{t: t}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	l := &listener{inner, end, make(chan came)}
	context.AfterFunc(ctx, func() { inner.Close() })
	p := &porch{
		from: Balancers{netip.MustParsePrefix("127.0.0.9/32")}, log: slog.New(slog.NewTextHandler(&s.log, nil)),
		ready: l.ready, slots: make(chan struct{}, slots), wait: wait,
	}
	stood := make(chan struct{})
	go func() { p.stand(ctx, inner); close(stood) }()
	t.Cleanup(func() { // nothing stays behind
		l.Close()
		<-stood
	})
	s.door = l
	return s
}

// come connects from an address and says something.
func (s *street) come(from, say string) net.Conn {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(s.t.Context(), "tcp", s.door.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, say); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// accept says who comes in next, and the first word of what is heard.
func (s *street) accept() (who, said string) {
	s.t.Helper()
	late := time.AfterFunc(20*time.Second, func() { s.door.Close() })
	defer late.Stop()
	c, err := s.door.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(syscall.Conn); !ok {
		s.t.Error("the kernel cannot be asked about the connection")
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	word := make([]byte, 5)
	if _, err := io.ReadFull(c, word); err != nil {
		s.t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return host, string(word)
}

func closedWithout(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read %d octets, %v", n, err)
	}
}

func TestListener(t *testing.T) {
	t.Parallel()
	const claim = "PROXY TCP4 192.0.2.7 203.0.113.9 12345 25\r\n"
	for name, tt := range map[string]struct{ from, say, who, hears string }{
		"a balancer, version 1": {"127.0.0.9", claim + "EHLO ", "192.0.2.7", "EHLO "},
		"a balancer, version 2": {"127.0.0.9", binaryHeader(0x21, 0x11, four) + "EHLO ", "192.0.2.7", "EHLO "},
		"a balancer's probe":    {"127.0.0.9", string(Local()) + "EHLO ", "127.0.0.9", "EHLO "},
		"a stranger":            {"127.0.0.8", "EHLO ", "127.0.0.8", "EHLO "},
		"a stranger who claims": {"127.0.0.8", claim, "127.0.0.8", "PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t, headerTime, maxReading)
			s.come(tt.from, tt.say)
			if who, said := s.accept(); who != tt.who || said != tt.hears {
				t.Errorf("%s said %q", who, said)
			}
		})
	}
}

// What comes from a balancer and does not begin as it must never gets in, and the operator hears
// of it: once, not of each.
func TestListenerRefuses(t *testing.T) {
	t.Parallel()
	s := newStreet(t, 300*time.Millisecond, maxReading)
	for _, say := range []string{"EHLO sender.example\r\n", "PROXY TCP4 192.0.2.7 203.0.113.9 1 x\r\nEHLO a\r\n", "PROXY TCP4 192.0.2.7 ", ""} {
		closedWithout(t, s.come("127.0.0.9", say))
	}
	s.come("127.0.0.9", "PROXY TCP4 192.0.2.7 203.0.113.9 1 2\r\nHELO ")
	if who, said := s.accept(); who != "192.0.2.7" || said != "HELO " {
		t.Errorf("%s said %q", who, said)
	}
	if said := s.log.String(); strings.Count(said, "\n") != 1 || strings.Contains(said, "192.0.2.7") || strings.Contains(said, "127.0.0.9") {
		t.Errorf("the log has %q", said)
	}
}

// Who is slow with a header keeps nobody else waiting.
func TestListenerIsNotHeldUp(t *testing.T) {
	t.Parallel()
	s := newStreet(t, time.Minute, 3)
	for i := range 3 {
		s.come("127.0.0.9", strings.Repeat("P", i))
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // until all three sit
		c := s.come("127.0.0.9", "")
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
			break
		}
		if c.Close(); time.Now().After(deadline) {
			t.Fatal("never full")
		}
	}
	s.come("127.0.0.8", "EHLO ")
	if who, said := s.accept(); who != "127.0.0.8" || said != "EHLO " {
		t.Errorf("%s said %q", who, said)
	}
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// A door that is closed lets nobody in who was in his header, and forgets nobody.
func TestListenerCloses(t *testing.T) {
	t.Parallel()
	s := newStreet(t, time.Minute, maxReading)
	slow := s.come("127.0.0.9", "PROXY")
	done := s.come("127.0.0.9", "PROXY UNKNOWN\r\n") // nobody accepts it
	time.Sleep(50 * time.Millisecond)
	if err := s.door.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	closedWithout(t, slow)
	closedWithout(t, done)
	if _, err := s.door.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepts with %v", err)
	}
}

func TestListenWithoutBalancers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if same := Listen(t.Context(), l, nil, slog.New(slog.DiscardHandler)); same != l {
		t.Error("another listener stands before a door without balancers")
	}
}

func TestBalancersHave(t *testing.T) {
	t.Parallel()
	b := Balancers{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/64")}
	for at, want := range map[string]bool{
		"10.0.0.4:1": true, "[::ffff:10.0.0.4]:1": true, "10.0.1.4:1": false, "[fd00::1]:1": true, "[fd00:0:0:1::1]:1": false, "[::a00:4]:1": false,
	} {
		if got := b.Have(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(at))); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	if b.Have(&net.UnixAddr{Name: "10.0.0.4", Net: "unix"}) {
		t.Error("a socket of UNIX is a balancer")
	}
}

func TestGreet(t *testing.T) {
	t.Parallel()
	s := newStreet(t, headerTime, maxReading)
	for from, says := range map[string]string{"127.0.0.9": "127.0.0.9", "127.0.0.8": "127.0.0.8"} {
		c := s.come(from, "")
		if err := (Balancers{netip.MustParsePrefix("127.0.0.9/32")}).Greet(c); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "HELO ")
		if who, said := s.accept(); who != says || said != "HELO " {
			t.Errorf("%s said %q", who, said)
		}
	}
}
