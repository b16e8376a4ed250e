package smtp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Who talks before the banner is turned away before anything it says is run.
func TestEarlyTalkers(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := start(t, &Server{Handler: p, Patience: 300 * time.Millisecond})
	early := dial(t, addr)
	early.send(envelope + "DATA\r\nspam\r\n.\r\n")
	early.want("554 5.5.0 wait for the greeting")
	early.wantEOF()
	if p.open != 0 || len(p.got()) != 0 {
		t.Error("what an early talker said was run")
	}
	began := time.Now()
	polite := dial(t, addr)
	polite.want("220 mx.test")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("the banner came after %v", took)
	}
	polite.send(envelope + "DATA\r\nx\r\n.\r\n")
	polite.want("250", "250", "250", "354", "250 2.0.0 stored as 1")
}

// Patience and a slow Connect count together, and a look is taken all the same.
func TestEarlyTalkerBehindASlowLook(t *testing.T) {
	t.Parallel()
	look := make(chan struct{})
	s := &Server{Handler: &post{}, Patience: time.Nanosecond, Connect: func(context.Context, net.Addr) *Reply { <-look; return nil }}
	early := dial(t, start(t, s))
	early.send("HELO c\r\n")
	close(look)
	early.want("554 5.5.0")
	early.wantEOF()
}

// A server that stops does not wait out its patience, and who leaves meanwhile
// leaves nothing behind.
func TestPatienceEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := &Server{Handler: &post{}, Patience: time.Hour}
	addr := start(t, s)
	waiting, leaving := dial(t, addr), dial(t, addr)
	leaving.conn.Close()
	for deadline := time.Now().Add(5 * time.Second); s.Connections() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections", s.Connections())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	waiting.want("421 4.3.2")
	waiting.wantEOF()
}

func TestConnectIsAskedBeforeTheBanner(t *testing.T) {
	t.Parallel()
	asked := make(chan net.Addr, 2)
	answer := make(chan *Reply, 2)
	s := &Server{Handler: &post{}, Connect: func(ctx context.Context, a net.Addr) *Reply {
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > connectTime {
			t.Error("it may take for ever")
		}
		asked <- a
		return <-answer
	}}
	addr := start(t, s)
	answer <- &Reply{554, "5.7.1", "listed by\r\n250 ok"}
	listed := dial(t, addr)
	listed.want("554 5.7.1 listed by??250 ok\r\n")
	listed.wantEOF()
	if got, want := (<-asked).String(), listed.conn.LocalAddr().String(); got != want {
		t.Errorf("asked about %s, not %s", got, want)
	}
	answer <- nil
	dial(t, addr).want("220")
}

// ATTACKS D04: where TLS comes first nothing is said or read without it.
func TestImplicitTLSSaysNothingInTheClear(t *testing.T) {
	t.Parallel()
	p := &post{}
	s := &Server{Handler: p, SignIn: &doorman{}, TLS: serverTLS(t), Limits: Limits{Idle: 500 * time.Millisecond, PerAddress: 2}}
	addr := startTLSServer(t, s)
	silent, plain := dial(t, addr), dial(t, addr)
	third := dial(t, addr) // over the limit: not even a handshake
	for _, c := range []*client{third, plain, silent} {
		if c == plain {
			io.WriteString(c.conn, "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b.example>\r\n")
		}
		said, _ := io.ReadAll(c.in)
		if strings.Contains(string(said), "mx.test") || strings.HasPrefix(string(said), "2") || strings.Contains(string(said), "\r\n") {
			t.Errorf("said in the clear: %q", said)
		}
	}
	if p.open != 0 {
		t.Error("a mail was begun")
	}
}

// A banner that is held back comes through TLS as well.
func TestPatienceOverImplicitTLS(t *testing.T) {
	t.Parallel()
	addr := startTLSServer(t, &Server{Handler: &post{}, SignIn: &doorman{}, Patience: 50 * time.Millisecond})
	enter(t, addr).signIn()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "EHLO c\r\n")
	if said, _ := io.ReadAll(conn); !strings.HasPrefix(string(said), "554 5.5.0") {
		t.Errorf("an early talker was told %q", said)
	}
}
