package test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// sender speaks SMTP byte by byte, so that a test can send what no library would.
type sender struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(addr string) (*sender, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	s := &sender{conn: conn, r: bufio.NewReader(conn)}
	if _, err := s.expect(220); err != nil {
		conn.Close()
		return nil, err
	}
	if _, err := s.say(250, "EHLO sender.test"); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func newSender(t *testing.T, addr string) *sender {
	t.Helper()
	s, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	return s
}

// reply reads one reply, its lines joined.
func (s *sender) reply() (int, string, error) {
	s.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	var text []string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return 0, strings.Join(text, "\n"), err
		}
		line = strings.TrimRight(line, "\r\n")
		text = append(text, line)
		if len(line) < 4 || line[3] != '-' {
			var code int
			fmt.Sscanf(line, "%3d", &code)
			return code, strings.Join(text, "\n"), nil
		}
	}
}

func (s *sender) expect(want int) (string, error) {
	code, text, err := s.reply()
	if err != nil {
		return text, err
	}
	if code != want {
		return text, fmt.Errorf("wanted %d, got %s", want, text)
	}
	return text, nil
}

func (s *sender) say(want int, line string) (string, error) {
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		return "", err
	}
	return s.expect(want)
}

func (s *sender) startTLS(config *tls.Config) error {
	if _, err := s.say(220, "STARTTLS"); err != nil {
		return err
	}
	conn := tls.Client(s.conn, config)
	s.conn, s.r = conn, bufio.NewReader(conn)
	_, err := s.say(250, "EHLO sender.test")
	return err
}

// envelope opens a transaction.
func (s *sender) envelope(from string, to ...string) error {
	if _, err := s.say(250, "MAIL FROM:<"+from+"> BODY=8BITMIME"); err != nil {
		return err
	}
	for _, rcpt := range to {
		if _, err := s.say(250, "RCPT TO:<"+rcpt+">"); err != nil {
			return err
		}
	}
	return nil
}

// data sends a whole mail, its octets as they are, and returns the reply.
func (s *sender) data(mail []byte) (int, string, error) {
	if _, err := s.say(354, "DATA"); err != nil {
		return 0, "", err
	}
	if _, err := s.conn.Write(stuffed(mail)); err != nil {
		return 0, "", err
	}
	return s.reply()
}

// send is one whole delivery that must be accepted.
func (s *sender) send(from, to string, mail []byte) error {
	if err := s.envelope(from, to); err != nil {
		return err
	}
	code, text, err := s.data(mail)
	if err != nil {
		return err
	}
	if code != 250 {
		return fmt.Errorf("mail was refused: %s", text)
	}
	return nil
}

// stuffed is a mail as DATA carries it (RFC 5321, section 4.5.2).
func stuffed(mail []byte) []byte {
	mail = bytes.ReplaceAll(mail, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(mail, []byte(".")) {
		mail = append([]byte("."), mail...)
	}
	return append(mail[:len(mail):len(mail)], ".\r\n"...)
}

// crlf turns every line end into CRLF; ok is false when a NUL or a bare CR is
// left, which no server should take.
func crlf(raw []byte) (mail []byte, ok bool) {
	mail = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	ok = !bytes.ContainsAny(mail, "\r\x00")
	mail = bytes.ReplaceAll(mail, []byte("\n"), []byte("\r\n"))
	if !bytes.HasSuffix(mail, []byte("\r\n")) {
		mail = append(mail, "\r\n"...)
	}
	return mail, ok
}

// bdat sends a mail in two chunks (RFC 3030).
func (s *sender) bdat(mail []byte) (int, string, error) {
	half := len(mail) / 2
	if _, err := fmt.Fprintf(s.conn, "BDAT %d\r\n%s", half, mail[:half]); err != nil {
		return 0, "", err
	}
	if code, text, err := s.reply(); err != nil || code != 250 {
		s.say(250, "RSET")
		return code, text, err
	}
	if _, err := fmt.Fprintf(s.conn, "BDAT %d LAST\r\n%s", len(mail)-half, mail[half:]); err != nil {
		return 0, "", err
	}
	return s.reply()
}
