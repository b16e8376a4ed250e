package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
)

// TestClientDialogues plays testdata/client/*.txtar. "> call" lets the client
// do something, and the lines after it are the server's side: "S: line" and
// "S| quoted" it says, "C: line" and "C| quoted" must come from the client, "S."
// closes, "C." is the client's end, STARTTLS the handshake. "= result" is what
// the call returned: ok, an error's text, or the replies of an outcome. * in an
// expected line stands for anything.
func TestClientDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/client/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, name := range files {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range sections(string(script)) {
			t.Run(filepath.Base(name)+"/"+part.name, func(t *testing.T) {
				t.Parallel()
				playClient(t, part.body)
			})
		}
	}
}

// clientPlayer is the server's side of a dialogue, and who calls the client.
type clientPlayer struct {
	t      *testing.T
	dial   net.Conn // the client's end
	conn   net.Conn // the server's end
	in     *bufio.Reader
	client *Client
	result chan string
}

func playClient(t *testing.T, script string) {
	p := &clientPlayer{t: t, result: make(chan string, 1)}
	p.dial, p.conn = loopback(t)
	p.in = bufio.NewReader(p.conn)
	for i, line := range strings.Split(script, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		p.conn.SetDeadline(time.Now().Add(10 * time.Second))
		if err := p.step(line); err != nil {
			t.Fatalf("line %d, %s: %v", i+1, line, err)
		}
	}
}

// loopback is two ends of one TCP connection.
func loopback(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func (p *clientPlayer) step(line string) error {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case ">":
		go func() { p.result <- p.call(rest) }()
		return nil
	case "=":
		if got := <-p.result; !like(got, rest) {
			return fmt.Errorf("got %s", got)
		}
		return nil
	case "S:":
		_, err := io.WriteString(p.conn, rest+"\r\n")
		return err
	case "S|":
		raw, err := unquote(rest)
		if err == nil {
			_, err = io.WriteString(p.conn, raw)
		}
		return err
	case "S.":
		return p.conn.Close()
	case "C:":
		return p.hear(rest)
	case "C|":
		return p.hearRaw(rest)
	case "C.":
		if got, err := p.in.ReadString('\n'); err == nil {
			return fmt.Errorf("got %q", got)
		}
		return nil
	case "STARTTLS":
		cert, err := selfSigned()
		if err != nil {
			return err
		}
		s := tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		p.conn, p.in = s, bufio.NewReader(s)
		return s.Handshake()
	}
	return errors.New("not a step")
}

func (p *clientPlayer) hear(want string) error {
	got, err := p.in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("got %q, %w", got, err)
	}
	if !like(got, want+"\r\n") {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

func (p *clientPlayer) hearRaw(quoted string) error {
	want, err := unquote(quoted)
	if err != nil {
		return err
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.in, got)
	if err != nil || string(got) != want {
		return fmt.Errorf("got %q, %v", got[:n], err)
	}
	return nil
}

// call makes the client do something and says what came of it.
func (p *clientPlayer) call(line string) string {
	ctx := context.Background()
	verb, rest, _ := strings.Cut(line, " ")
	var err error
	switch verb {
	case "greet":
		p.client, err = Greet(ctx, p.dial, ClientOptions{Hostname: "me.test", Greeting: 5 * time.Second, Command: 5 * time.Second, Data: 5 * time.Second, Final: 5 * time.Second})
	case "starttls":
		err = p.client.StartTLS(ctx, &tls.Config{InsecureSkipVerify: true})
	case "auth":
		user, password, _ := strings.Cut(rest, " ")
		err = p.client.Auth(ctx, user, password)
	case "reset":
		err = p.client.Reset(ctx)
	case "close":
		err = p.client.Close()
	case "spent":
		return fmt.Sprint(p.client.Spent())
	case "send":
		return p.send(ctx, rest)
	default:
		return "not a call"
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func (p *clientPlayer) send(ctx context.Context, line string) string {
	words, quoted, _ := strings.Cut(line, " | ")
	content, err := unquote(quoted)
	if err != nil {
		return err.Error()
	}
	e, err := parseEnvelope(words)
	if err != nil {
		return err.Error()
	}
	out, err := p.client.Send(ctx, e, bytes.NewReader([]byte(content)))
	return tell(out, err)
}

// tell writes an outcome in one line.
func tell(out Outcome, err error) string {
	var all []string
	for i, r := range out.Recipients {
		own := ""
		if out.Own[i] {
			own = "own "
		}
		all = append(all, fmt.Sprintf("%s%d %s %s", own, r.Code, r.Enhanced, r.Text))
	}
	s := strings.Join(all, "; ")
	if out.Unsure {
		s += " unsure"
	}
	if err != nil {
		s += " ! " + err.Error()
	}
	return s
}

// parseEnvelope reads "from=a@b to=c@d,e@f utf8 requiretls ret=HDRS envid=x
// notify=SUCCESS+DELAY orcpt=y", of which notify and orcpt are for all.
func parseEnvelope(words string) (Envelope, error) {
	var e Envelope
	var to, notify []string
	var orcpt string
	for _, w := range strings.Fields(words) {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "from":
			a, err := mail.ParseAddress(v)
			if err != nil {
				return e, err
			}
			e.From = &a
		case "to":
			to = strings.Split(v, ",")
		case "utf8":
			e.UTF8 = true
		case "requiretls":
			e.RequireTLS = true
		case "ret":
			e.Ret = v
		case "envid":
			e.EnvID = v
		case "notify":
			notify = strings.Split(v, "+")
		case "orcpt":
			orcpt = v
		default:
			return e, errors.New("not a word of an envelope")
		}
	}
	for _, s := range to {
		a, err := mail.ParseAddress(s)
		if err != nil {
			return e, err
		}
		e.To = append(e.To, Recipient{Address: a, Notify: notify, ORcpt: orcpt})
	}
	return e, nil
}
