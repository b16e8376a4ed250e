package smtp

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"
)

// FuzzReply: whatever a server says, a reply is bounded, printable and has a
// code of SMTP.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 2.1.0 ok\r\n", "250-a\r\n250-b\r\n250 c\r\n", "421\n", "550 5.1.1\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "2", "250-\r\n", "999 x\r\n", "550 5.1000.1 x\r\n", "250 \xff\x00\x1b\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		r, lines, err := readReply(bufio.NewReaderSize(bytes.NewReader(said), maxReplyLine))
		if err != nil {
			return
		}
		if r.Code < 200 || r.Code > 599 || len(lines) == 0 || len(lines) > maxReplyLines || len(r.Text) > maxReplyText || !printable(r.Text) {
			t.Errorf("%+v of %d lines", r, len(lines))
		}
		if r.Enhanced != "" && (len(r.Enhanced) > 9 || int(r.Enhanced[0]-'0') != r.Code/100 || strings.Count(r.Enhanced, ".") != 2) {
			t.Errorf("%+v", r)
		}
	})
}

// FuzzServer lets a server say anything, in lines: the client ends, says only
// lines, gives every recipient a fate that fits the error, and takes no mail for
// delivered whose end it did not send.
func FuzzServer(f *testing.F) {
	for _, s := range []string{
		"220 x\n250-x\n250 PIPELINING\n250 ok\n250 ok\n550 no\n354 go\n250 ok\n",
		"220 x\n250-x\n250-CHUNKING\n250 LIMITS RCPTMAX=1\n250 ok\n250 ok\n250 ok\n250 ok\n250 ok\n250 ok\n",
		"220 x\n500 x\n250 x\n250 ok\n250 ok\n452 4.5.3 full\n354 go\n250 ok\n250 ok\n250 ok\n354 go\n421 bye\n",
		"220 x\n250-x\n250-SIZE 99999999999999999999\n250 LIMITS RCPTMAX=99999999999999 MAILMAX=x\n250 ok\n552 5.5.3 x\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		conn := &canned{}
		for line := range strings.SplitAfterSeq(string(said), "\n") {
			if line != "" {
				conn.replies = append(conn.replies, line)
			}
		}
		c, err := Greet(context.Background(), conn, ClientOptions{Hostname: "me.test"})
		if err != nil {
			return
		}
		out, err := c.Send(context.Background(), to(someone, someone), strings.NewReader(".\r\n\rx"))
		if err == nil && conn.closed {
			t.Error("closed without an error")
		}
		wire := conn.said.String()
		if strings.ContainsAny(strings.ReplaceAll(wire, "\r\n", ""), "\r\n\x00") {
			t.Errorf("said %q", wire)
		}
		for _, r := range out.Recipients {
			if r.Code == 0 && err == nil || r.Code/100 == 3 || r.Code/100 == 2 && !strings.Contains(wire, "\r\n\r\nx\r\n") {
				t.Errorf("%+v %v after %q", out, err, wire)
			}
		}
	})
}
