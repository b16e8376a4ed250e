package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// doorman is a SignIn that knows one person, a, whose password is b. PLAIN is one
// response; CHAIN takes 1, 2 and nothing; ENDLESS never ends.
type doorman struct {
	mu    sync.Mutex
	gone  []func()
	peers []Peer
}

func (d *doorman) Mechanisms(Peer) []string { return []string{"CHAIN", "PLAIN"} }

func (d *doorman) Begin(_ context.Context, p Peer, mechanism string) (SignInStep, error) {
	d.mu.Lock()
	d.peers = append(d.peers, p)
	d.mu.Unlock()
	switch mechanism {
	case "PLAIN":
		return plainStep, nil
	case "CHAIN":
		return (&chain{want: [][]byte{nil, []byte("1"), []byte("2"), {}}}).step, nil
	case "ENDLESS":
		return func(context.Context, []byte) ([]byte, *Identity, error) { return nil, nil, nil }, nil
	}
	return nil, &Reply{504, "5.5.4", "no such mechanism"}
}

func plainStep(_ context.Context, response []byte) ([]byte, *Identity, error) {
	if response == nil {
		return nil, nil, nil
	}
	switch part := bytes.Split(response, []byte{0}); {
	case len(part) != 3:
	case string(part[1]) == "fault":
		return nil, nil, errors.New("disk on fire")
	case string(part[2]) == "b":
		return nil, &Identity{Account: string(part[1]), Password: "phone"}, nil
	}
	return nil, nil, &Reply{535, "5.7.8", "wrong"}
}

type chain struct{ want [][]byte }

func (c *chain) step(_ context.Context, response []byte) ([]byte, *Identity, error) {
	if response != nil && c.want[0] == nil {
		c.want = c.want[1:]
	}
	if !bytes.Equal(response, c.want[0]) || (response == nil) != (c.want[0] == nil) {
		return nil, nil, &Reply{535, "5.7.8", "wrong"}
	}
	if c.want = c.want[1:]; len(c.want) == 0 {
		return nil, &Identity{Account: "a", Password: "phone"}, nil
	}
	return response, nil, nil
}

func (d *doorman) Watch(_ context.Context, who Identity, gone func()) error {
	if who.Account == "nowatch" {
		return errors.New("disk on fire")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, gone)
	return nil
}

func (d *doorman) revoke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, gone := range d.gone {
		gone()
	}
}

// enter connects over implicit TLS and reads the banner.
func enter(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(15 * time.Second))
	c := &client{t, conn, bufio.NewReader(conn)}
	c.want("220")
	return c
}

func (c *client) signIn() {
	c.t.Helper()
	c.send("EHLO c\r\nAUTH PLAIN AGEAYg==\r\n")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "5") {
			c.t.Fatalf("got %q, %v", line, err)
		}
		if strings.HasPrefix(line, "235") {
			return
		}
	}
}

// startTLSServer is start behind implicit TLS.
func startTLSServer(t *testing.T, s *Server) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(t))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s, l)
}

func TestWhoSignedInReachesTheHandler(t *testing.T) {
	t.Parallel()
	p, d := &post{}, &doorman{}
	c := enter(t, startTLSServer(t, &Server{Handler: p, SignIn: d, Hold: time.Hour}))
	c.signIn()
	until := time.Now().Add(30 * time.Minute).UTC().Truncate(time.Second)
	c.send("MAIL FROM:<a@b.example> REQUIRETLS HOLDUNTIL=" + until.Format(time.RFC3339) + " SIZE=3\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n")
	c.want("250", "250", "354", "250")
	before := time.Now()
	c.send("MAIL FROM:<a@b.example> holdfor=60\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n")
	c.want("250", "250", "354", "250")
	c.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n")
	c.want("250", "250", "354", "250")
	got := p.got()
	if who := got[0].peer.User; who == nil || *who != (Identity{Account: "a", Password: "phone"}) || got[0].peer.TLS == nil {
		t.Errorf("peer is %+v", got[0].peer)
	}
	if o := got[0].opts; !o.RequireTLS || !o.Hold.Equal(until) || o.Size != 3 {
		t.Errorf("first: %+v", o)
	}
	if h := got[1].opts.Hold; got[1].opts.RequireTLS || h.Before(before.Add(60*time.Second)) || h.After(time.Now().Add(60*time.Second)) {
		t.Errorf("second: %+v", got[1].opts)
	}
	if o := got[2].opts; o != (MailOptions{}) {
		t.Errorf("third keeps wishes of the others: %+v", o)
	}
	if len(d.peers) != 1 || d.peers[0].TLS == nil || d.peers[0].User != nil || d.peers[0].Helo != "c" {
		t.Errorf("the door saw %+v", d.peers)
	}
}

// A revoked app password ends its sessions: one that waits at once, one with
// commands on their way before the next of them, one in a mail soon.
func TestRevokedMeansOut(t *testing.T) {
	t.Parallel()
	p, d := &post{reading: make(chan struct{}, 1)}, &doorman{}
	addr := startTLSServer(t, &Server{Handler: p, SignIn: d})
	waiting, stalled := enter(t, addr), enter(t, addr)
	waiting.signIn()
	stalled.signIn()
	stalled.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nlonger than a bit\r\n")
	stalled.want("250", "250", "354")
	<-p.reading
	began := time.Now()
	d.revoke()
	waiting.want("421 4.7.0 this app password was revoked")
	waiting.wantEOF()
	stalled.wantEOF()
	if took := time.Since(began); took > expelTime+3*time.Second {
		t.Errorf("a stalled mail was borne for %v", took)
	}
	if len(p.got()) != 0 {
		t.Error("a cut mail was taken")
	}
}

// A mail that was whole before its sender's password went is not lost, and what
// came behind it in the same piece is not run.
func TestRevokedAfterTheMail(t *testing.T) {
	t.Parallel()
	p, d := &post{reading: make(chan struct{}, 2), goOn: make(chan struct{})}, &doorman{}
	c := enter(t, startTLSServer(t, &Server{Handler: p, SignIn: d}))
	c.signIn()
	c.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\ny\r\n.\r\n")
	<-p.reading
	d.revoke()
	close(p.goOn)
	c.want("250", "250", "354", "250 2.0.0 stored as 1", "421 4.7.0 this app password was revoked")
	c.wantEOF()
	if got := len(p.got()); got != 1 {
		t.Errorf("%d mails were taken", got)
	}
}

// Talking does not prolong the time in which a stranger must sign in.
func TestStrangersMaySignInForAWhile(t *testing.T) {
	t.Parallel()
	s := &Server{Handler: &post{}, SignIn: &doorman{}, Limits: Limits{Login: 300 * time.Millisecond}}
	addr := startTLSServer(t, s)
	stranger, user := enter(t, addr), enter(t, addr)
	user.signIn()
	began := time.Now()
	go func() {
		for {
			if _, err := io.WriteString(stranger.conn, "RSET\r\n"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for err := error(nil); err == nil; {
		_, err = stranger.in.ReadString('\n')
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a stranger stayed for %v", took)
	}
	user.send("NOOP\r\n")
	user.want("250")
}

// TestStrangersMemory: who has not signed in costs next to nothing, whatever it
// sends (ATTACKS D10). Not parallel: it measures the heap.
func TestStrangersMemory(t *testing.T) {
	const strangers = 200
	addr := start(t, &Server{Handler: &post{}, SignIn: &doorman{}, TLS: serverTLS(t), Limits: Limits{PerAddress: strangers + 1}})
	before := inUse()
	for range strangers {
		c := dial(t, addr)
		c.send("EHLO c\r\nAUTH PLAIN " + strings.Repeat("A", 4000) + "\r\nMAIL FROM:<" + strings.Repeat("a", 3000) + "\r\nBDAT 4000\r\n" + strings.Repeat("x", 3000))
		for line := ""; !strings.HasPrefix(line, "503"); {
			var err error
			if line, err = c.in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := (inUse() - before) / strangers
	if each > 64<<10 {
		t.Errorf("a stranger takes %d bytes", each)
	}
	t.Logf("a stranger takes %d bytes, both ends", each)
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// serve serves s on l and returns its address.
func serve(t *testing.T, s *Server, l net.Listener) string {
	t.Helper()
	if s.Hostname == "" {
		s.Hostname = "mx.test"
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// FuzzParams: our own parameters never reach go-smtp, and nothing else is lost.
func FuzzParams(f *testing.F) {
	f.Add(" SIZE=5 REQUIRETLS")
	f.Add(" AUTH=e+3Dmc2@example.com HOLDFOR=5 BODY=8BITMIME")
	f.Add(" HOLDUNTIL=2030-01-01T00:00:00Z auth=<> =")
	f.Fuzz(func(t *testing.T, params string) {
		g := newGuard(context.Background(), &Server{limits: DefaultLimits, SignIn: &doorman{}, Hold: time.Hour}, &scripted{}, "")
		g.extended, g.user = true, &Identity{}
		others, err := g.takeParams(params)
		if err != nil {
			var r *Reply
			if !errors.As(err, &r) || r.Code != 501 && r.Code != 555 {
				t.Fatalf("%q: %v", params, err)
			}
			return
		}
		for _, p := range strings.Fields(others) {
			keyword, _, _ := strings.Cut(p, "=")
			if _, own := ownParams[strings.ToUpper(keyword)]; own {
				t.Fatalf("%q: %s went through", params, keyword)
			}
		}
		if n, m := len(strings.Fields(params)), len(strings.Fields(others)); m > n || m < n-len(ownParams) {
			t.Fatalf("%q became %q", params, others)
		}
	})
}

// FuzzXtext: what the client writes the server reads.
func FuzzXtext(f *testing.F) {
	f.Add("e=mc2@example.com")
	f.Add("\x00+ü")
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := decodeXtext(xtext(s)); !ok || got != s {
			t.Fatalf("%q came back as %q, %v", s, got, ok)
		}
		if got, ok := decodeXtext(s); ok && strings.ContainsAny(s, "\r\n\x00 =") {
			t.Fatalf("%q was read as %q", s, got)
		}
	})
}
