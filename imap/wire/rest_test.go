package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// line is a TLS connection over a real socket, and its client.
func line(t *testing.T) (*Conn, *tls.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	socket, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	client := tls.Client(socket, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	accepted, err := ln.Accept()
	must(t, err)
	c := New(accepted, Times{Read: 5 * time.Second, Write: 5 * time.Second})
	over := tls.Server(c.Under(), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	must(t, over.Handshake())
	must(t, <-shaken)
	c.Secure(over)
	t.Cleanup(func() { c.Cut(); client.Close() })
	return c, client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *Conn) expect(t *testing.T, want string) {
	t.Helper()
	if got, err := c.ReadLine(nil, 64<<10); string(got) != want || err != nil {
		t.Fatalf("read %.20q, %v; want %.20q", got, err, want)
	}
}

// What TLS has read and we have not does not show on the socket: who waited there
// would wait for ever.
func TestRestFindsWhatTLSHolds(t *testing.T) {
	t.Parallel()
	c, client := line(t)
	long := strings.Repeat("x", inSize-2)
	_, err := io.WriteString(client, long+"\r\ntwo\r\n") // one record, more than our buffer
	must(t, err)
	c.expect(t, long)
	if c.Buffered() {
		t.Fatal("expected that the rest is inside TLS")
	}
	if !c.Rest() {
		t.Fatal("Rest found nothing")
	}
	c.expect(t, "two")
	if c.Rest() {
		t.Fatal("Rest found something")
	}
	_, err = io.WriteString(client, "three\r\n")
	must(t, err)
	time.Sleep(20 * time.Millisecond) // it is there before anybody waits
	if nudged, err := c.Await(time.Now().Add(3*time.Second), time.Second); nudged || err != nil {
		t.Fatalf("nudged %v, %v", nudged, err)
	}
	c.expect(t, "three")
	must(t, client.Close())
	if _, err := c.Await(time.Now().Add(3*time.Second), 0); err != io.EOF {
		t.Errorf("the end was %v", err)
	}
}

// A client that breaks off ends the wait at once, as one that closes does.
func TestAwaitEndsWithTheSocket(t *testing.T) {
	t.Parallel()
	c, client := line(t)
	socket := client.NetConn().(*net.TCPConn)
	must(t, socket.SetLinger(0)) // closing resets
	go func() {
		time.Sleep(20 * time.Millisecond)
		socket.Close()
	}()
	start := time.Now()
	if nudged, err := c.Await(start.Add(20*time.Second), 0); nudged || err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: nudged %v, %v", time.Since(start), nudged, err)
	}
}

// Whoever waits does so at the socket: inside TLS it takes ten times the stack.
func TestWaitIsAtTheSocket(t *testing.T) {
	t.Parallel()
	c, _ := line(t)
	if c.ready.raw == nil {
		t.Skip("no socket here can be asked")
	}
	must(t, c.socket.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if err := c.ready.wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with nothing to read the wait ended with %v", err)
	}
}

func TestAwaitIsNudged(t *testing.T) {
	t.Parallel()
	c, client := line(t)
	go func() {
		time.Sleep(20 * time.Millisecond)
		c.Nudge()
		time.Sleep(20 * time.Millisecond)
		io.WriteString(client, "one\r\n")
	}()
	if nudged, err := c.Await(time.Now().Add(5*time.Second), 5*time.Second); !nudged || err != nil {
		t.Fatalf("nudged %v, %v", nudged, err)
	}
	if nudged, err := c.Await(time.Now().Add(5*time.Second), 5*time.Second); nudged || err != nil {
		t.Fatalf("nudged %v, %v", nudged, err)
	}
	c.expect(t, "one")
}

// A password that was read is not kept for as long as the connection lives.
func TestRestForgets(t *testing.T) {
	t.Parallel()
	c, client := line(t)
	_, err := io.WriteString(client, strings.Repeat("secret ", 1000)+"\r\n")
	must(t, err)
	_, err = c.ReadLine(nil, 64<<10)
	must(t, err)
	if held(t, c) == 0 {
		t.Error("crypto/tls holds nothing: its fields are others than those we empty")
	}
	if c.Rest() {
		t.Fatal("Rest found something")
	}
	if n := held(t, c); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}

func held(t *testing.T, c *Conn) int {
	t.Helper()
	v := reflect.ValueOf(c.conn).Elem()
	raw, ok1 := field[bytes.Buffer](v, "rawInput")
	hand, ok2 := field[bytes.Buffer](v, "hand")
	if !ok1 || !ok2 {
		t.Fatal("crypto/tls has no such fields")
	}
	return raw.Cap() + hand.Cap()
}
