package smtp

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// scripted is a connection whose other end has said all it will say.
type scripted struct {
	io.Reader
	said bytes.Buffer
	done chan struct{}
}

func (c *scripted) Write(p []byte) (int, error)      { return c.said.Write(p) }
func (c *scripted) Close() error                     { close(c.done); return nil }
func (c *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// once is a listener with one connection.
type once struct{ conn chan net.Conn }

func (l once) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l once) Close() error   { return nil }
func (l once) Addr() net.Addr { return &net.TCPAddr{} }

// converse plays all that a client says and returns the mails and replies.
func converse(t testing.TB, r io.Reader) ([]letter, string) {
	p := &post{}
	s := &Server{Handler: p, Hostname: "mx.test", Limits: Limits{Message: 1000, Recipients: 3}}
	c := &scripted{Reader: r, done: make(chan struct{})}
	l := once{conn: make(chan net.Conn, 1)}
	l.conn <- c
	close(l.conn)
	if err := s.Serve(context.Background(), l); err == nil {
		t.Fatal("the listener did not end")
	}
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection did not end")
	}
	return p.got(), c.said.String()
}

// FuzzConversation feeds a server anything: it ends, every mail it makes is
// free of bare CR, bare LF and NUL and within the limit, every reply has the
// form of one, and how the octets were cut into packets changes nothing.
func FuzzConversation(f *testing.F) {
	for _, s := range []string{
		envelope + "DATA\r\n..x\r\n.\r\nQUIT\r\n",
		envelope + "DATA\r\nx\n.\nMAIL FROM:<x@y.example>\r\n.\r\n",
		envelope + "DATA\r\nx\r\r\n.\r\n",
		envelope + "BDAT 3\r\nx\r\nBDAT 1 LAST\r\nyRSET\r\n",
		envelope + "BDAT 3 LAST\r\nx",
		"EHLO [192.0.2.1]\r\nMAIL FROM:<@a.example:\"b c\"@d.example> SIZE=1 SMTPUTF8\r\nRCPT TO:<postmaster> NOTIFY=NEVER\r\n",
		"STARTTLS\r\nNOOP\r\nVRFY x\r\nHELP\r\n\r\n\x00\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		mails, replies := converse(t, bytes.NewReader(said))
		for _, m := range mails {
			rest := strings.ReplaceAll(m.data, "\r\n", "")
			if strings.ContainsAny(rest, "\r\n\x00") || len(m.data) > 1000 {
				t.Errorf("a mail got through: %q", m.data)
			}
		}
		for _, line := range strings.SplitAfter(replies, "\r\n") {
			if line != "" && (len(line) < 6 || line[0] < '2' || line[0] > '5' || !strings.HasSuffix(line, "\r\n") || strings.Count(line, "\r")+strings.Count(line, "\n") != 2) {
				t.Errorf("not a reply: %q", line)
			}
		}
		again, same := converse(t, iotest.OneByteReader(bytes.NewReader(said)))
		if len(again) != len(mails) || same != replies {
			t.Errorf("octet by octet:\n%s\nat once:\n%s", same, replies)
		}
	})
}

// FuzzDotted compares the reader of DATA with the plainest one there is.
func FuzzDotted(f *testing.F) {
	f.Add([]byte("..a\r\n.b\r\n\r\n.\r\nrest"))
	f.Add([]byte(".\r\n"))
	f.Add([]byte("\r\r\n.\r\n.\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		for _, r := range []io.Reader{bytes.NewReader(sent), iotest.OneByteReader(bytes.NewReader(sent)), iotest.HalfReader(bytes.NewReader(sent))} {
			g := newGuard(context.Background(), &Server{limits: DefaultLimits}, &scripted{Reader: r}, "")
			got, err := io.ReadAll(newDotted(g))
			want, whole := plainDotted(string(sent))
			if whole != (err == nil) || whole && string(got) != want {
				t.Fatalf("got %q %v, want %q %v", got, err, want, whole)
			}
		}
	})
}

func plainDotted(s string) (string, bool) {
	text, _, ended := strings.Cut("\r\n"+s, "\r\n.\r\n")
	return strings.TrimPrefix(strings.ReplaceAll(text+"\r\n", "\r\n.", "\r\n"), "\r\n"), ended
}

// FuzzLines compares the streaming check of line ends with the plainest one.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\r\n"), 1)
	f.Add([]byte("a\r"), 1)
	f.Add([]byte("\n"), 0)
	f.Add([]byte("a\x00\r\n"), 3)
	f.Fuzz(func(t *testing.T, sent []byte, cut int) {
		want := strings.ContainsAny(strings.ReplaceAll(string(sent), "\r\n", ""), "\r\n\x00")
		var l lines
		step := 1 + abs(cut)%7
		for p := sent; len(p) > 0; {
			n := min(step, len(p))
			l.feed(p[:n])
			p = p[n:]
		}
		if got := l.broken(true); got != want {
			t.Errorf("%q in steps of %d: got %v, want %v", sent, step, got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// FuzzPath: whatever is accepted has one reading, and prints as what it was.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"FROM:<a@b.c> SIZE=1", `FROM:<"a>b"@c.d>`, "FROM:<@x,@y:a@b.c>", "FROM:<>", `FROM:<"\`, "FROM:<a..b@c.d>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		path, params, err := cutPath(arg, "FROM:")
		if err != nil {
			return
		}
		if !strings.HasSuffix(arg, path+">"+params) {
			t.Errorf("%q was cut into %q and %q", arg, path, params)
		}
		a, err := parseMailbox(path)
		if err != nil {
			return
		}
		if again, err := parseMailbox(a.String()); err != nil || again != a {
			t.Errorf("%q became %v, then %v %v", path, a, again, err)
		}
	})
}
