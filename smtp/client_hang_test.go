package smtp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// silent is a server that plays a dialogue and then says nothing more, but
// reads what comes. It reports when the client has hung up.
func silent(t *testing.T, script ...string) (net.Conn, chan struct{}) {
	t.Helper()
	client, server := loopback(t)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		in := bufio.NewReader(server)
		for _, s := range script {
			if verb, ok := strings.CutPrefix(s, "C:"); ok {
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					if strings.HasPrefix(line, verb) {
						break
					}
				}
				continue
			}
			io.WriteString(server, s)
		}
		io.Copy(io.Discard, in)
	}()
	return client, gone
}

// narrow lets the kernel keep little between two ends, so that a writer notices
// soon that nobody reads.
func narrow(client, server net.Conn) {
	client.(*net.TCPConn).SetWriteBuffer(16 << 10)
	server.(*net.TCPConn).SetReadBuffer(16 << 10)
}

const hello = "250 mx.example\r\n"

// TestServersThatHang: every step ends at its own deadline, without help from
// the context, and the connection is closed.
func TestServersThatHang(t *testing.T) {
	t.Parallel()
	const short, long = 50 * time.Millisecond, time.Minute
	upToData := []string{"220 x\r\n", "C:EHLO", hello, "C:MAIL", "250 ok\r\n", "C:RCPT", "250 ok\r\n"}
	for name, c := range map[string]struct {
		script []string
		o      ClientOptions
		unsure bool
	}{
		"no greeting":       {nil, ClientOptions{Greeting: short, Command: long, Data: long, Final: long}, false},
		"half a greeting":   {[]string{"220-x\r\n22"}, ClientOptions{Greeting: short, Command: long, Data: long, Final: long}, false},
		"EHLO":              {[]string{"220 x\r\n"}, ClientOptions{Greeting: long, Command: short, Data: long, Final: long}, false},
		"MAIL":              {upToData[:3], ClientOptions{Greeting: long, Command: 200 * time.Millisecond, Data: long, Final: long}, false},
		"DATA":              {upToData, ClientOptions{Greeting: long, Command: long, Data: 200 * time.Millisecond, Final: long}, false},
		"after the text":    {append(upToData[:7:7], "C:DATA", "354 go\r\n"), ClientOptions{Greeting: long, Command: long, Data: long, Final: short}, true},
		"half of an answer": {append(upToData[:7:7], "C:DATA", "354 go\r\n", "C:.", "250-tak"), ClientOptions{Greeting: long, Command: long, Data: long, Final: short}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, gone := silent(t, c.script...)
			cl, err := Greet(context.Background(), conn, c.o)
			var out Outcome
			if err == nil {
				out, err = cl.Send(context.Background(), to(someone), strings.NewReader("x\r\n"))
				if out.Unsure != c.unsure || c.unsure && out.Recipients[0].Code != 451 {
					t.Errorf("outcome %v", out)
				}
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			<-gone
		})
	}
}

// TestServerThatStopsReading: a text that nobody takes ends at its deadline.
func TestServerThatStopsReading(t *testing.T) {
	t.Parallel()
	client, server := loopback(t)
	narrow(client, server)
	go func() {
		in := bufio.NewReader(server)
		for _, say := range []string{"220 x\r\n", hello, "250 ok\r\n", "250 ok\r\n", "354 go\r\n"} {
			io.WriteString(server, say)
			in.ReadString('\n')
		}
	}()
	c, err := Greet(context.Background(), client, ClientOptions{Data: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Send(context.Background(), to(someone), strings.NewReader(strings.Repeat(strings.Repeat("x", 998)+"\r\n", 2<<10)))
	if !errors.Is(err, os.ErrDeadlineExceeded) || out.Recipients[0].Code != 0 || out.Unsure {
		t.Errorf("%v %v", out, err)
	}
}

// TestRefusedWhileSending: a server that closes in the middle of a text has said why.
func TestRefusedWhileSending(t *testing.T) {
	t.Parallel()
	client, server := loopback(t)
	narrow(client, server)
	go func() {
		in := bufio.NewReader(server)
		for _, say := range []string{"220 x\r\n", hello, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "552 5.3.4 too big\r\n"} {
			io.WriteString(server, say)
			in.ReadString('\n')
		}
		server.(*net.TCPConn).CloseWrite()
	}()
	c, err := Greet(context.Background(), client, ClientOptions{Data: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Send(context.Background(), to(someone), strings.NewReader(strings.Repeat(strings.Repeat("x", 998)+"\r\n", 2<<10)))
	if err == nil || out.Recipients[0].Code != 552 {
		t.Errorf("%v %v", out, err)
	}
}

// TestContextEnds: the end of a call's context closes the session at once; one
// that ends after its call does nothing.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	conn, gone := silent(t, "220 x\r\n", "C:EHLO", hello, "C:RSET", "250 ok\r\n")
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Greet(ctx, conn, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := c.Reset(context.Background()); err != nil {
		t.Fatal("a kept session died with the context of an earlier call: ", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Send(ctx, to(someone), strings.NewReader("x\r\n")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-gone
}

// TestOneDeadlineForAReply: a server that trickles cannot stretch a step.
func TestOneDeadlineForAReply(t *testing.T) {
	t.Parallel()
	conn := &canned{}
	for _, b := range "220-x\r\n220 x\r\n" {
		conn.replies = append(conn.replies, string(b))
	}
	conn.replies = append(conn.replies, hello)
	if _, err := Greet(context.Background(), conn, ClientOptions{}); err != nil || len(conn.ends) != 2 {
		t.Errorf("%v, %d deadlines for two replies", err, len(conn.ends))
	}
}

// TestDefaultTimes are those of RFC 5321, section 4.5.3.2, or longer.
func TestDefaultTimes(t *testing.T) {
	t.Parallel()
	o := ClientOptions{}.orDefault()
	if o.Greeting < 5*time.Minute || o.Command < 5*time.Minute || o.Data < 3*time.Minute || o.Final < 10*time.Minute {
		t.Errorf("%+v", o)
	}
}
