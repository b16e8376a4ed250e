package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/mail"
)

// canned is a server that gives its next reply at each read, whatever was said,
// and notes deadlines.
type canned struct {
	replies []string
	said    bytes.Buffer
	ends    []time.Time // read deadlines
	closed  bool
}

func (c *canned) Read(p []byte) (int, error) {
	if len(c.replies) == 0 || c.closed {
		return 0, io.EOF
	}
	n := copy(p, c.replies[0])
	if c.replies[0] = c.replies[0][n:]; c.replies[0] == "" {
		c.replies = c.replies[1:]
	}
	return n, nil
}
func (c *canned) Write(p []byte) (int, error)      { return c.said.Write(p) }
func (c *canned) Close() error                     { c.closed = true; return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
func (c *canned) SetReadDeadline(t time.Time) error {
	c.ends = append(c.ends, t)
	return nil
}

// greeted is a session with a server that offers something and then says replies.
func greeted(t testing.TB, offers []string, replies ...string) (*Client, *canned) {
	t.Helper()
	hello := "250-mx.example\r\n"
	for _, o := range offers {
		hello += "250-" + o + "\r\n"
	}
	conn := &canned{replies: append([]string{"220 mx.example\r\n", hello + "250 HELP\r\n"}, replies...)}
	c, err := Greet(context.Background(), conn, ClientOptions{Hostname: "me.test"})
	if err != nil {
		t.Fatal(err)
	}
	conn.said.Reset()
	return c, conn
}

func to(addresses ...mail.Address) Envelope {
	e := Envelope{From: &mail.Address{Local: "a", Domain: "b.example"}}
	for _, a := range addresses {
		e.To = append(e.To, Recipient{Address: a})
	}
	return e
}

var someone = mail.Address{Local: "c", Domain: "d.example"}

// crlfOnly is what a content must be on the wire.
func crlfOnly(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	if s != "" && !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	return s
}

// wire sends a content and returns what went over the wire after the envelope.
func wire(t testing.TB, content string, offers ...string) string {
	t.Helper()
	c, conn := greeted(t, offers, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
	if c.offers("CHUNKING") {
		conn.replies[2] = "250 ok\r\n"
	}
	out, err := c.Send(context.Background(), to(someone), strings.NewReader(content))
	if err != nil || out.Recipients[0].Code != 250 {
		t.Fatalf("%q: %v %v", content, out, err)
	}
	rest, ok := strings.CutPrefix(conn.said.String(), "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
	if !ok {
		t.Fatalf("%q", conn.said.String())
	}
	return rest
}

// checkData says what is wrong with a content as DATA carried it (D02).
func checkData(content, said string) error {
	said, ok := strings.CutPrefix(said, "DATA\r\n")
	if rest := strings.ReplaceAll(said, "\r\n", ""); !ok || strings.ContainsAny(rest, "\r\n") {
		return fmt.Errorf("a bare CR or LF: %q", said)
	}
	body, ok := strings.CutSuffix(said, ".\r\n")
	if !ok || body != "" && !strings.HasSuffix(body, "\r\n") || strings.HasPrefix(said, ".\r\n") && body != "" || strings.Contains(body, "\r\n.\r\n") {
		return fmt.Errorf("it ends elsewhere: %q", said)
	}
	plain := strings.ReplaceAll("\r\n"+body, "\r\n.", "\r\n")[2:]
	if strings.Count("\r\n"+body, "\r\n..") != strings.Count("\r\n"+body, "\r\n.") || plain != crlfOnly(content) {
		return fmt.Errorf("dots: %q", said)
	}
	return nil
}

// checkChunk is checkData for BDAT.
func checkChunk(content, said string) error {
	want := crlfOnly(content)
	if want = fmt.Sprintf("BDAT %d LAST\r\n%s", len(want), want); said != want {
		return fmt.Errorf("%q instead of %q", said, want)
	}
	return nil
}

// TestOutgoingTextCannotSmuggle sends what smugglers send (D02): on the wire is
// one mail, whatever ends of data the content holds.
func TestOutgoingTextCannotSmuggle(t *testing.T) {
	t.Parallel()
	second := "MAIL FROM:<admin@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nforged\r\n.\r\n"
	contents := []string{"", "x", "x\r\n", ".", ".\r\n", "\r\n.\r\n", "..\r\n", "\r", "\n", "\r\r\n", "\n\r\n", "x\r", "\r\n\r\n"}
	for _, end := range []string{"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\r\n.\r\r\n", "\r\n.\r\n", "\n\n.\r\n", "\r\n.\n\r"} {
		contents = append(contents, "x"+end+second, end+second, "x\r\n"+end)
	}
	for _, long := range []int{textBlock - 2, textBlock - 1, textBlock, outBuffer - 1, outBuffer} {
		contents = append(contents, strings.Repeat("x", long)+"\r\n.\r\ny", strings.Repeat("x", long)+"\r.\ny", strings.Repeat("x", long)+"\r")
	}
	for _, c := range contents {
		if err := checkData(c, wire(t, c)); err != nil {
			t.Error("DATA", err)
		}
		if err := checkChunk(c, wire(t, c, "CHUNKING", "PIPELINING")); err != nil {
			t.Error("BDAT", err)
		}
	}
}

func TestOutgoingTextProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.StringOfN(rapid.SampledFrom([]rune("\r\n.x")), 0, 60, -1).Draw(r, "content")
		if err := checkData(content, wire(t, content)); err != nil {
			r.Fatal(err)
		}
		if err := checkChunk(content, wire(t, content, "CHUNKING")); err != nil {
			r.Fatal(err)
		}
	})
}

// TestTextInPieces: how the content is cut into reads changes nothing.
func TestTextInPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.StringOfN(rapid.SampledFrom([]rune("\r\n.x")), 0, 60, -1).Draw(r, "content")
		m := &mender{inspect: true}
		for rest := content; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(r, "piece")
			m.feed([]byte(rest[:n]))
			rest = rest[n:]
		}
		m.finish()
		whole, err := inspect(strings.NewReader(content))
		if err != nil || m.size != whole.size {
			r.Fatalf("%+v and %+v", m, whole)
		}
		if want := crlfOnly(content); m.size != int64(len(want)) {
			r.Fatalf("%+v for %q", m, content)
		}
	})
}

// TestNothingInjectsCommands puts CR, LF and NUL wherever a caller can put a
// string (D06): nothing of it is on the wire.
func TestNothingInjectsCommands(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"x\r\nRCPT TO:<evil@e.example>", "x\nRCPT TO:<evil@e.example>", "x\rQUIT", "x\x00evil", "x> evil", "evil\x7f", "evil\u2028", "\xff evil"} {
		bad := mail.Address{Local: evil, Domain: "d.example"}
		if strings.HasPrefix(evil, "x> ") { // may stand in quotes
			bad = mail.Address{Local: "x", Domain: "d.example> evil"}
		}
		from := to(someone)
		from.From = &bad
		id := to(someone)
		id.EnvID, id.Ret = evil+"\r\n", evil
		id.To[0].ORcpt, id.To[0].Notify = evil+"\r\n", []string{evil}
		for name, e := range map[string]Envelope{"from": from, "to": to(bad, someone), "domain": to(mail.Address{Local: "x", Domain: evil}, someone), "dsn": id} {
			c, conn := greeted(t, []string{"DSN", "SMTPUTF8", "8BITMIME"}, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
			out, err := c.Send(context.Background(), e, strings.NewReader("text\r\n"))
			if err != nil {
				t.Errorf("%s %q: %v", name, evil, err)
			}
			said := conn.said.String()
			want := "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\ntext\r\n.\r\n"
			switch name {
			case "from":
				want = ""
				if out.Recipients[0].Enhanced != "5.1.7" || !out.Own[0] {
					t.Errorf("%q: %v", evil, out)
				}
			case "to", "domain":
				if out.Recipients[0].Enhanced != "5.1.3" || !out.Own[0] || out.Recipients[1].Code != 250 {
					t.Errorf("%s %q: %v", name, evil, out)
				}
			}
			if said != want {
				t.Errorf("%s %q: said %q", name, evil, said)
			}
		}
	}
}

// TestHostnameCannotInject: even our own settings pass the last wall (D06).
func TestHostnameCannotInject(t *testing.T) {
	t.Parallel()
	conn := &canned{replies: []string{"220 x\r\n", "250 x\r\n", "250 x\r\n"}}
	_, err := Greet(context.Background(), conn, ClientOptions{Hostname: "me\r\nMAIL FROM:<>"})
	if !errors.Is(err, errCommand) || conn.said.Len() > 0 || !conn.closed {
		t.Errorf("%v, said %q", err, conn.said.String())
	}
}

func TestQuotedLocalPart(t *testing.T) {
	t.Parallel()
	c, conn := greeted(t, nil, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
	a, err := mail.ParseAddress(`"a b>\"c"@d.example`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(context.Background(), to(a), strings.NewReader("")); err != nil || !strings.Contains(conn.said.String(), `RCPT TO:<"a b>\"c"@d.example>`+"\r\n") {
		t.Errorf("%v %q", err, conn.said.String())
	}
}

// TestManyRecipients go in transactions of a hundred.
func TestManyRecipients(t *testing.T) {
	t.Parallel()
	l := &sinkOfMany{}
	s := &Server{Handler: l, Limits: Limits{Recipients: 100}}
	conn, err := net.Dial("tcp", start(t, s))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Greet(context.Background(), conn, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []mail.Address
	for i := range 250 {
		all = append(all, mail.Address{Local: fmt.Sprint("u", i), Domain: "d.example"})
	}
	out, err := c.Send(context.Background(), to(all...), strings.NewReader("x\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range out.Recipients {
		if r.Code != 250 {
			t.Fatalf("%d: %v", i, r)
		}
	}
	if c.Close(); fmt.Sprint(l.mails) != "[100 100 50]" || c.Sent != 3 {
		t.Errorf("transactions of %v, %d sent", l.mails, c.Sent)
	}
}

type sinkOfMany struct {
	sink
	mails []int
	n     int
}

func (s *sinkOfMany) Begin(context.Context, Peer, *mail.Address, MailOptions) (Transaction, error) {
	s.n = 0
	return s, nil
}
func (s *sinkOfMany) Rcpt(context.Context, mail.Address, RcptOptions) error { s.n++; return nil }
func (s *sinkOfMany) Data(ctx context.Context, r io.Reader) (*Reply, error) {
	s.mails = append(s.mails, s.n)
	return s.sink.Data(ctx, r)
}

// broken is a content whose disk fails after some octets, the nth time it is read.
type broken struct {
	io.ReaderAt
	size  int64
	left  int
	fails int
}

func (b *broken) Size() int64 { return b.size }
func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if b.left--; b.left < 0 {
		return 0, errors.New("disk on fire")
	}
	return b.ReaderAt.ReadAt(p, off)
}

// TestBrokenContent: a fault of our disk is temporary, and no half mail is ended
// as if it were whole.
func TestBrokenContent(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x\r\n", textBlock)
	for reads := range 6 {
		for _, offers := range [][]string{nil, {"CHUNKING"}} {
			c, conn := greeted(t, offers, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
			out, err := c.Send(context.Background(), to(someone), &broken{ReaderAt: strings.NewReader(text), size: int64(len(text)), left: reads})
			if code := out.Recipients[0].Code; code/100 == 2 || code/100 == 5 || out.Unsure {
				t.Errorf("%d reads: %v %v", reads, out, err)
			}
			if strings.HasSuffix(conn.said.String(), "\r\n.\r\n") || err == nil && conn.said.Len() > 0 || err != nil && !conn.closed {
				t.Errorf("%d reads: %v, ended %q", reads, err, conn.said.String()[max(0, conn.said.Len()-20):])
			}
		}
	}
}

// TestChangedContent: what was not inspected is not sent as a whole mail.
func TestChangedContent(t *testing.T) {
	t.Parallel()
	c, conn := greeted(t, nil, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
	out, err := c.Send(context.Background(), to(someone), &growing{})
	if !errors.Is(err, errChanged) || out.Recipients[0].Code != 0 || strings.HasSuffix(conn.said.String(), "\r\n.\r\n") {
		t.Errorf("%v %v", out, err)
	}
}

type growing struct{ n int }

func (g *growing) Size() int64 { g.n++; return int64(g.n) }
func (g *growing) ReadAt(p []byte, off int64) (int, error) {
	return strings.NewReader("xxxxxxxxxx").ReadAt(p, off)
}

// TestNothingIsKept: a session that is kept holds nothing of the mail it sent.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	c, _ := greeted(t, nil, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n")
	if _, err := c.Send(context.Background(), to(someone), strings.NewReader("the canary sings\r\n")); err != nil {
		t.Fatal(err)
	}
	rest := c.out.AvailableBuffer()
	if bytes.Contains(rest[:cap(rest)], []byte("canary")) {
		t.Error("the text of a mail stays in its session's buffer")
	}
}
