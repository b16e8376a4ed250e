package smtp

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// unended is what people submit, as it reaches the Handler.
func unended(s string) string {
	for _, end := range []string{"\r\n", "\r"} {
		s = strings.ReplaceAll(s, end, "\n")
	}
	return strings.ReplaceAll(s, "\n", "\r\n")
}

// However a mail is cut into reads, and into whatever room it is read, every line
// end of it is CRLF, and nothing else changes.
func TestMendedProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.StringOfN(rapid.SampledFrom([]rune("\r\n.x")), 0, 60, -1).Draw(r, "content")
		var from io.Reader = strings.NewReader(content)
		switch rapid.IntRange(0, 2).Draw(r, "cut") {
		case 1:
			from = iotest.OneByteReader(from)
		case 2:
			from = iotest.DataErrReader(iotest.HalfReader(from))
		}
		m := &mended{from: from}
		var got strings.Builder
		for {
			p := make([]byte, rapid.IntRange(0, 9).Draw(r, "room"))
			n, err := m.Read(p)
			got.Write(p[:n])
			if err != nil && (err != io.EOF || m.lf) {
				t.Fatal(err)
			}
			if err != nil {
				break
			}
		}
		if got.String() != unended(content) {
			r.Fatalf("%q became %q", content, got.String())
		}
	})
}

// ends are what some programs take for the end of a mail, and what only looks like it.
var ends = []string{
	"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\r\n.\r\r\n", "\n\n.\r\n", "\r\n.\n\r", "\n\r.\n\r", "\n..\n", "\r\n..\r\n.\n",
}

// ATTACKS D02, from end to end: what people submit with bare CR and LF is one mail,
// whatever end of it somebody tries to smuggle in, and goes to the next server with
// CRLF alone; nothing behind the false end is run as a command here or there.
func TestSubmittedLineEnds(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := startTLSServer(t, &Server{Handler: p, SignIn: &doorman{}, Limits: Limits{PerAddress: 100}})
	second := "MAIL FROM:<a@b.example>\r\nRCPT TO:<evil@d.example>\r\nDATA\r\nforged\r\n"
	for _, end := range ends {
		c := enter(t, addr)
		c.signIn()
		text := "first\nline" + end + second
		chunk := "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 4\r\n" + text[:4] + fmt.Sprintf("BDAT %d LAST\r\n", len(text)-4) + text[4:]
		c.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + text + ".\r\n" + chunk + "QUIT\r\n")
		c.want("250", "250", "354", "250 2.0.0 stored", "250", "250", "250 2.0.0 4 octets", "250 2.0.0 stored", "221")
		c.wantEOF()
	}
	mails := p.got()
	if len(mails) != 2*len(ends) {
		t.Fatalf("%d mails were made of %d", len(mails), 2*len(ends))
	}
	for i, m := range mails {
		sent := "first\nline" + ends[i/2] + second
		if i%2 == 0 {
			sent = strings.ReplaceAll(sent, "\r\n.", "\r\n") // dots are doubled by who sends DATA
		}
		if m.data != unended(sent) {
			t.Errorf("%q became %q", sent, m.data)
		}
		if err := checkData(m.data, wire(t, m.data)); err != nil {
			t.Error("DATA", err)
		}
		if err := checkChunk(m.data, wire(t, m.data, "CHUNKING")); err != nil {
			t.Error("BDAT", err)
		}
	}
}

// NUL is refused of people too, and what grows over the limit by being mended.
func TestSubmittedAndRefused(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := startTLSServer(t, &Server{Handler: p, SignIn: &doorman{}, Limits: Limits{Message: 100}})
	for text, want := range map[string]string{
		"x\x00y\r\n":                      "554 5.6.0",
		strings.Repeat("\n", 40) + "\r\n": "250",
		strings.Repeat("\n", 60) + "\r\n": "552 5.3.4",
	} {
		c := enter(t, addr)
		c.signIn()
		begin := "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
		c.send(begin + "DATA\r\n" + text + ".\r\n" + begin + fmt.Sprintf("BDAT %d LAST\r\n", len(text)) + text + "QUIT\r\n")
		c.want("250", "250", "354", want, "250", "250", want, "221")
	}
	if n := len(p.got()); n != 2 {
		t.Errorf("%d mails", n)
	}
}

// Port 25 goes on to refuse: another server has mended nothing, or smuggles.
func TestStrangersLineEndsAreRefused(t *testing.T) {
	t.Parallel()
	p := &post{}
	addr := start(t, &Server{Handler: p, Limits: Limits{PerAddress: 100}})
	for _, end := range ends[:10] {
		c := dial(t, addr)
		c.send(envelope + "DATA\r\nx" + end + "y\r\n.\r\n")
		c.want("220", "250", "250", "250", "354", "554 5.6.0")
	}
	if n := len(p.got()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// One account cannot take every connection there is, from wherever it comes.
func TestConnectionsOfAnAccount(t *testing.T) {
	t.Parallel()
	addr := startTLSServer(t, &Server{Handler: &post{}, SignIn: &doorman{}, Limits: Limits{PerAccount: 2}})
	one, two := enter(t, addr), enter(t, addr)
	one.signIn()
	two.signIn()
	three := enter(t, addr)
	three.send("EHLO c\r\nAUTH PLAIN AGEAYg==\r\n")
	three.until("454 4.7.0 too many connections")
	three.send("MAIL FROM:<a@b.example>\r\n")
	three.want("530")
	three.send("AUTH PLAIN AGMAYg==\r\n") // another account
	three.want("235")
	two.send("QUIT\r\n")
	two.want("221")
	two.wantEOF()
	again := enter(t, addr)
	again.signIn()
	again.send("NOOP\r\n")
	again.want("250")
}
