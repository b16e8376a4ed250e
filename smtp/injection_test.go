package smtp

import (
	"bufio"
	"crypto/tls"
	"strings"
	"testing"
)

// ATTACKS D04, after EAST: whatever comes behind STARTTLS in the same packet, at
// either door, is not run after the handshake, and what was said before it is
// forgotten. After TLS the server answers what it is asked, one to one.
func TestNothingRidesIn(t *testing.T) {
	t.Parallel()
	before := []string{"HELO c\r\n", "EHLO c\r\n", "EHLO c\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\n"}
	behind := []string{
		"", "NOOP\r\n", "NOO", "RSET\r\nNOOP\r\n", "EHLO x\r\n", "HELO x\r\nMAIL FROM:<evil@b.example>\r\n",
		"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", "AUTH PLAIN\r\nAGEAYg==\r\n", "AUTH PLAIN AGEA", "STARTTLS\r\n", "QUIT\r\n",
		"MAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", "BDAT 1000 LAST\r\n", "BDAT 5\r\nab", "\r\n", "\x00", "DATA\r\nx\r\n.\r\n",
		strings.Repeat("NOOP\r\n", 200), strings.Repeat("x", 5000),
	}
	for _, signIn := range []SignIn{nil, &doorman{}} {
		p := &post{}
		addr := start(t, &Server{Handler: p, SignIn: signIn, TLS: serverTLS(t), Limits: Limits{PerAddress: 1000}})
		for _, hello := range before {
			for _, rider := range behind {
				c := dial(t, addr)
				c.want("220")
				c.send(hello + "StartTLS\r\n" + rider)
				c.until("220 2.0.0 go ahead")
				inner := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
				if err := inner.HandshakeContext(t.Context()); err != nil {
					t.Fatalf("%q behind STARTTLS: %v", rider, err)
				}
				c.conn, c.in = inner, bufio.NewReader(inner)
				c.send("P\r\n")
				c.want("500 5.5.2")
				c.send("RCPT TO:<c@d.example>\r\n")
				c.want("503 5.5.1 say EHLO first")
				c.send("HELO c\r\nRCPT TO:<c@d.example>\r\nDATA\r\nBDAT 1 LAST\r\nxQUIT\r\n")
				c.want("250", "503 5.5.1", "503 5.5.1", "503 5.5.1", "221")
				c.wantEOF()
			}
		}
		if mails := p.got(); len(mails) != 0 {
			t.Errorf("%d mails were made of what rode in", len(mails))
		}
	}
}

// until reads up to a line that starts so.
func (c *client) until(start string) {
	c.t.Helper()
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", start, err)
		}
		if strings.HasPrefix(line, start) {
			return
		}
	}
}

// A line that only looks like STARTTLS begins no TLS.
func TestWhatIsNoSTARTTLS(t *testing.T) {
	t.Parallel()
	addr := start(t, &Server{Handler: &post{}, SignIn: &doorman{}, TLS: serverTLS(t)})
	for _, line := range []string{"STARTTLS\n", "STARTTLS\r\r\n", "STARTTLS\x00\r\n", "STARTTLS now\r\n", " STARTTLS\r\n"} {
		c := dial(t, addr)
		c.send("HELO c\r\n" + line + "QUIT\r\n")
		c.want("220", "250", "50", "221")
		c.wantEOF()
	}
}
