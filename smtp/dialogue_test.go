package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
)

// letter is a mail as the test's Handler got it.
type letter struct {
	peer Peer
	from string
	to   []string
	opts MailOptions
	rcpt []RcptOptions
	data string
}

// post is a Handler that keeps mails. Local parts steer it: unknown, later,
// fault, panic; a mail whose first line is "STOP" is refused without reading on.
type post struct {
	mu      sync.Mutex
	letters []letter
	open    int
	reading chan struct{} // told when a mail's first octets were read
	goOn    chan struct{} // waited for before a mail's fate
}

type posting struct {
	p *post
	l letter
}

func (p *post) Begin(_ context.Context, peer Peer, from *mail.Address, o MailOptions) (Transaction, error) {
	t := &posting{p: p, l: letter{peer: peer, from: "<>", opts: o}}
	if from != nil {
		t.l.from = from.Local + " at " + from.Domain
	}
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	return t, nil
}

func (t *posting) Rcpt(_ context.Context, to mail.Address, o RcptOptions) error {
	switch to.Local {
	case "unknown":
		return &Reply{550, "5.1.1", "no such mailbox here"}
	case "later":
		return fmt.Errorf("resolve: %w", &Reply{451, "4.2.1", "come back"})
	case "fault":
		return errors.New("disk on fire")
	case "panic":
		panic("a bug of ours")
	}
	t.l.to = append(t.l.to, to.Local+" at "+to.Domain)
	t.l.rcpt = append(t.l.rcpt, o)
	return nil
}

func (t *posting) Data(_ context.Context, r io.Reader) (*Reply, error) {
	in := bufio.NewReader(r)
	if head, _ := in.Peek(6); string(head) == "STOP\r\n" {
		return nil, &Reply{550, "5.7.1", "enough"}
	}
	if t.p.reading != nil {
		t.p.reading <- struct{}{}
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if t.p.goOn != nil {
		<-t.p.goOn
	}
	t.l.data = string(data)
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.letters = append(t.p.letters, t.l)
	return &Reply{250, "2.0.0", fmt.Sprintf("stored as %d", len(t.p.letters))}, nil
}

func (t *posting) Close() {
	t.p.mu.Lock()
	t.p.open--
	t.p.mu.Unlock()
}

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.letters...)
}

// start serves s on a port of its own and returns its address.
func start(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s, l)
}

// TestDialogues plays testdata/*.txtar: C: a line, C| quoted raw octets (with
// C* n in front, n times), S: a line expected, where * stands for anything,
// "S: EOF" for the end; + a letter the Handler got; STARTTLS the handshake. A
// dialogue that begins with SUBMISSION is held with a submission server.
func TestDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
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
				play(t, part.body)
			})
		}
	}
}

type section struct{ name, body string }

// sections reads the txtar form: "-- name --" lines and what is below them.
func sections(s string) []section {
	var all []section
	for _, line := range strings.SplitAfter(s, "\n") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(name, " --") {
			all = append(all, section{name: strings.TrimSuffix(name, " --")})
		} else if len(all) > 0 {
			all[len(all)-1].body += line
		}
	}
	return all
}

type player struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	post *post
	seen int
}

func play(t *testing.T, script string) {
	p := &post{}
	s := &Server{Handler: p, TLS: serverTLS(t), Limits: Limits{
		Message: 1000, Recipients: 3, Errors: 5, Idle: 5 * time.Second, Total: 10 * time.Second}}
	if rest, ok := strings.CutPrefix(script, "SUBMISSION\n"); ok {
		script, s.SignIn, s.Hold, s.Limits.Errors = "\n"+rest, &doorman{}, time.Hour, 20
	}
	conn, err := net.Dial("tcp", start(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close() }()
	pl := &player{t: t, conn: conn, in: bufio.NewReader(conn), post: p}
	for i, line := range strings.Split(script, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := pl.step(line); err != nil {
			t.Fatalf("line %d, %s: %v", i+1, line, err)
		}
	}
	pl.conn.Close()
	if extra := len(p.got()) - pl.seen; extra != 0 {
		t.Errorf("%d letters more than expected", extra)
	}
}

func (p *player) step(line string) error {
	p.conn.SetDeadline(time.Now().Add(10 * time.Second))
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "C:":
		_, err := io.WriteString(p.conn, rest+"\r\n")
		return err
	case "C|":
		raw, err := unquote(rest)
		if err != nil {
			return err
		}
		_, err = io.WriteString(p.conn, raw)
		return err
	case "C.":
		return p.conn.(*net.TCPConn).CloseWrite()
	case "S:":
		return p.expect(rest)
	case "+":
		return p.letter(rest)
	case "STARTTLS":
		c := tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true})
		p.conn, p.in = c, bufio.NewReader(c)
		return c.Handshake()
	}
	return errors.New("not a step")
}

// unquote reads one or more Go strings, each perhaps with "n* " in front.
func unquote(s string) (string, error) {
	var b strings.Builder
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		n := 1
		if times, rest, ok := strings.Cut(s, "*"); ok && !strings.HasPrefix(s, `"`) {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				return "", err
			}
			s = strings.TrimSpace(rest)
		}
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", err
		}
		text, _ := strconv.Unquote(q)
		b.WriteString(strings.Repeat(text, n))
		s = s[len(q):]
	}
	return b.String(), nil
}

func (p *player) expect(want string) error {
	got, err := p.in.ReadString('\n')
	if want == "EOF" {
		if err == nil {
			return fmt.Errorf("got %q", got)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("got %q, %w", got, err)
	}
	if !like(got, want+"\r\n") {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

// like compares with a pattern in which * stands for anything.
func like(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, parts[0])
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		ok = ok && i >= 0
		s = s[max(i, 0):]
	}
	return ok && strings.HasSuffix(s, last)
}

// letter compares the next letter: from | to, to | quoted data.
func (p *player) letter(want string) error {
	all := p.post.got()
	if len(all) <= p.seen {
		return errors.New("no letter came")
	}
	l := all[p.seen]
	p.seen++
	parts := strings.SplitN(want, " | ", 3)
	if len(parts) != 3 {
		return errors.New("expected from | to | data")
	}
	data, err := unquote(parts[2])
	if err != nil {
		return err
	}
	if l.from != parts[0] || strings.Join(l.to, ", ") != parts[1] || l.data != data {
		return fmt.Errorf("got %s | %s | %q", l.from, strings.Join(l.to, ", "), l.data)
	}
	return nil
}
