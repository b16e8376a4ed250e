package smtp

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// TestWithoutTheGuard is the control of this package's promises: the same
// attacks, on go-smtp alone, succeed. Where one no longer does, the library was
// mended and the guard may let go of that.
func TestWithoutTheGuard(t *testing.T) {
	t.Parallel()
	attacks := map[string]struct {
		say, later string
		mails      func([]string) bool
	}{
		"a cut chunk is a whole mail": {say: envelope + "BDAT 900 LAST\r\nhalf", mails: func(m []string) bool {
			return len(m) == 1 && m[0] == "half"
		}},
		"a bare LF gets through": {say: envelope + "DATA\r\nx\n.\ny\r\n.\r\nQUIT\r\n", mails: func(m []string) bool {
			return len(m) == 1 && strings.Contains(m[0], "x\n.\ny")
		}},
		"a stalled body runs as commands": {say: envelope + "DATA\r\nx\r\n", later: "RSET\r\n" + envelope + "DATA\r\nforged\r\n.\r\nQUIT\r\n",
			mails: func(m []string) bool { return len(m) == 1 && m[0] == "forged\r\n" }},
		"postmaster is unknown": {say: "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", mails: func(m []string) bool {
			return len(m) == 0
		}},
		"a malformed chunk runs as commands": {say: envelope + "BDAT 99 LAST !\r\n" + "RSET\r\n" + envelope + "DATA\r\nforged\r\n.\r\nQUIT\r\n",
			mails: func(m []string) bool { return len(m) == 1 }},
	}
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bare(t, a.say, a.later); !a.mails(got) {
				t.Errorf("go-smtp alone made %q", got)
			}
		})
	}
}

// bare plays a client to a go-smtp server without a guard.
func bare(t *testing.T, say, later string) []string {
	b := &bareSession{}
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return b, nil }))
	s.Domain = "mx.test"
	s.ReadTimeout = 500 * time.Millisecond
	s.ErrorLog = faults{discard()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	defer s.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, say)
	in := bufio.NewReader(conn)
	if later != "" {
		for line := ""; !strings.HasPrefix(line, "554"); { // the time-out of DATA
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		io.WriteString(conn, later)
	} else {
		conn.(*net.TCPConn).CloseWrite()
	}
	io.Copy(io.Discard, in)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mails
}

type bareSession struct {
	mu    sync.Mutex
	mails []string
}

func (b *bareSession) Reset()                                 {}
func (b *bareSession) Logout() error                          { return nil }
func (b *bareSession) Mail(string, *gosmtp.MailOptions) error { return nil }
func (b *bareSession) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (b *bareSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err == nil {
		b.mu.Lock()
		b.mails = append(b.mails, string(data))
		b.mu.Unlock()
	}
	return err
}
