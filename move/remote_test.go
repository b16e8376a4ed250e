package move

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// sick is an IMAP server with messages 1 to 7 that does not give them all.
type sick struct {
	refuses bool // answers NO to a command that asks for the text of a bad message
	well    bool // there are none
	more    int  // messages above the seventh, which are well
}

func (s sick) last() int { return 7 + s.more }

// gives says what it answers when so many messages are asked for together.
func (s sick) gives(uid, together int) string {
	text := fmt.Sprintf("Subject: %d\r\n\r\n", uid)
	switch {
	case s.well, uid > 7:
	case uid == 2:
		return "BODY[] NIL"
	case uid == 3 && together > 1, uid == 4, uid == 5:
		return ""
	case uid == 6:
		return fmt.Sprintf("BODY[] {%d}\r\n%s", 200, strings.Repeat("x", 200)) // it had said 20
	}
	return fmt.Sprintf("BODY[] {%d}\r\n%s", len(text), text)
}

func (s sick) answer(to io.Writer, line string) {
	tag, command, _ := strings.Cut(line, " ")
	end := "OK done"
	switch {
	case strings.HasPrefix(command, "LOGIN nobody"), strings.HasPrefix(command, `LOGIN "nobody"`):
		end = "NO no such user"
	case strings.HasPrefix(command, "LIST"):
		fmt.Fprint(to, "* LIST () \"/\" INBOX\r\n")
	case strings.HasPrefix(command, "EXAMINE"):
		fmt.Fprintf(to, "* %d EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT %d] x\r\n", s.last(), s.last()+1)
		end = "OK [READ-ONLY] done"
	case strings.HasPrefix(command, "STATUS"):
		fmt.Fprintf(to, "* STATUS INBOX (MESSAGES %d)\r\n", s.last())
	case strings.HasPrefix(command, "UID SEARCH") && strings.Contains(command, "4"):
		fmt.Fprint(to, "* SEARCH 4\r\n")
	case strings.HasPrefix(command, "UID SEARCH") && strings.Contains(command, "2"):
		fmt.Fprint(to, "* SEARCH 2\r\n")
	case strings.HasPrefix(command, "UID SEARCH"):
		fmt.Fprint(to, "* SEARCH\r\n")
	case strings.Contains(command, "RFC822.SIZE"):
		for uid := 1; uid <= s.last(); uid++ {
			fmt.Fprintf(to, "* %d FETCH (UID %d RFC822.SIZE 20)\r\n", uid, uid)
		}
	case strings.HasPrefix(command, "UID FETCH"):
		end = s.fetch(to, strings.Fields(command)[2])
	}
	fmt.Fprintf(to, "%s %s\r\n", tag, end)
}

func (s sick) fetch(to io.Writer, set string) string {
	var from, until int
	if n, _ := fmt.Sscanf(set, "%d:%d", &from, &until); n < 2 {
		until = from
	}
	for uid := from; uid <= until; uid++ {
		body := s.gives(uid, until-from+1)
		if s.refuses && (body == "" || strings.HasSuffix(body, "NIL")) {
			return "NO [SERVERBUG] cannot"
		}
		if body != "" {
			fmt.Fprintf(to, "* %d FETCH (UID %d FLAGS (\\Seen m%d) %s)\r\n", uid, uid, uid, body)
		}
	}
	return "OK done"
}

// serve gives the address of the server and what trusts it.
func (s sick) serve(t *testing.T) (string, *tls.Config) {
	t.Helper()
	authority := httptest.NewTLSServer(nil)
	t.Cleanup(authority.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: authority.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return l.Addr().String(), &tls.Config{RootCAs: trusted, ServerName: "example.com"}
}

func (s sick) talk(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "* OK [CAPABILITY IMAP4rev1] here\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		s.answer(conn, lines.Text())
	}
}

// One message that a server does not give keeps back no others. It is named, unless it
// is gone, and comes when the server gives it at last.
func TestRemoteThatDoesNotGiveAll(t *testing.T) {
	t.Parallel()
	for _, s := range []sick{{}, {refuses: true}} {
		at, trust := s.serve(t)
		r := Remote{Address: at, User: "ann", Password: "word", TLS: trust, Max: 100}
		j := memory(t)
		got, bad := r.both(t, j)
		if want := []int64{1, 3, 7}; !slices.Equal(got, want) {
			t.Errorf("refuses %v: %v came, want %v", s.refuses, got, want)
		}
		if want := []int64{2, 4, 6}; !slices.Equal(bad, want) {
			t.Errorf("refuses %v: %v stayed behind, want %v", s.refuses, bad, want)
		}
		if got, bad = r.both(t, j); len(got) != 0 || !slices.Equal(bad, []int64{2, 4, 6}) {
			t.Errorf("refuses %v, the second run: %v came and %v stayed behind", s.refuses, got, bad)
		}
	}
}

// both reads all and notes it: what came, and what did not.
func (r Remote) both(t *testing.T, j *Journal) (got, behind []int64) {
	t.Helper()
	for m, err := range r.Messages(t.Context(), j) {
		var bad *Bad
		switch {
		case errors.As(err, &bad):
			behind = append(behind, bad.Position.Place)
			err = j.Behind(bad.Position)
		case err == nil:
			got = append(got, m.Position.Place)
			err = j.Add(m.Position)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return got, behind
}
