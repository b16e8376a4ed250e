package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// send delivers one mail, without TLS, as some servers of the world do.
func send(t testing.TB, s *server, to, text string) {
	t.Helper()
	c, err := smtp.Dial(s.smtpDoors[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = errors.Join(c.Mail("sender@example.org"), c.Rcpt(to))
	if err != nil {
		t.Fatalf("send mail: %v", err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatalf("send mail: %v", err)
	}
	io.WriteString(w, text)
	if err := errors.Join(w.Close(), c.Quit()); err != nil {
		t.Fatalf("send mail: %v", err)
	}
}

// fetch reads one whole mail over IMAPS.
func fetch(t testing.TB, at, ca, user, password string, uid imap.UID) []byte {
	t.Helper()
	c, err := imapclient.DialTLS(at, &imapclient.Options{TLSConfig: trust(t, ca)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(user, password).Wait(); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	all, err := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil || len(all) != 1 {
		t.Fatalf("fetch: %d mails, %v", len(all), err)
	}
	return all[0].FindBodySection(section)
}

func trust(t testing.TB, ca string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// One mail, the whole way: in by SMTP, out by IMAP and by message get, opened
// and restored.
func TestMailThrough(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=test", config))
	text := "From: Sender <sender@example.org>\r\nTo: ann@demo.test\r\nSubject: the canary sings\r\n\r\nIn the cage.\r\n"
	send(t, up, "ann+tag@demo.test", text)

	got := fetch(t, up.imapsDoors[0].Addr().String(), filepath.Join(s.dir, "ca.pem"), "ann@demo.test", password, 1)
	if bytes.Contains(got, []byte("canary")) || !bytes.Contains(got, []byte("BEGIN PGP MESSAGE")) {
		t.Errorf("IMAP serves:\n%s", got)
	}
	if same := must(t, "message", "get", "ann@demo.test", "1", config); same != string(got) {
		t.Errorf("message get prints another mail than IMAP serves:\n%s", same)
	}
	if opened := do(t, string(got), "open", "--key", secret); opened.code != exitDone || !strings.Contains(opened.out, "Subject: the canary sings") {
		t.Errorf("open: %+v", opened)
	}
	if restored := do(t, string(got), "open", "--restore", "--key", secret); restored.out != text {
		t.Errorf("restored:\n%q\nwant\n%q\n%s", restored.out, text, restored.err)
	}
	if checked := do(t, string(got), "open", "--restore", "--dkim", "--key", secret); checked.out != text || checked.err != "DKIM: nobody signed this mail\n" {
		t.Errorf("with --dkim: %+v", checked)
	}
	terms := must(t, "message", "get", "ann@demo.test", "1", "--part=terms", config)
	if opened := do(t, terms, "open", "--key", secret); !strings.Contains(opened.out, "canary\n") {
		t.Errorf("terms: %+v", opened)
	}
	fails(t, exitFailed, []string{"has no card letter; it has: message, terms"}, "message", "get", "ann@demo.test", "1", "--part=card", config)
	fails(t, exitFailed, []string{"no message with UID 9"}, "message", "get", "ann@demo.test", "9", config)
	fails(t, exitFailed, []string{"no such mailbox: Nope"}, "message", "get", "ann@demo.test", "1", "--mailbox=Nope", config)
}

// Attack B02: not a byte of a message whose integrity is broken may come out.
func TestOpenShowsNothingBroken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	send(t, up, "ann@demo.test", "Subject: x\r\n\r\n"+strings.Repeat("words and words\r\n", 5000))
	got := must(t, "message", "get", "ann@demo.test", "1", config)
	if opened := do(t, got, "open", "--key", secret); opened.code != exitDone || len(opened.out) < 80_000 {
		t.Fatalf("the whole mail does not open, so this test shows nothing: %s", opened.err)
	}
	at := len(got) * 9 / 10
	for name, broken := range map[string]string{
		"a letter turned": got[:at] + string(rune('A'+(got[at]-'A'+1)%20)) + got[at+1:],
		"cut short":       got[:at],
		"nothing":         "",
		"another's key":   got,
	} {
		key := secret
		if name == "another's key" {
			key, _ = s.keys(t, "eve@demo.test")
		}
		if opened := do(t, broken, "open", "--key", key); opened.code != exitFailed || opened.out != "" || opened.err == "" {
			t.Errorf("%s: exit %d, %d bytes out: %s", name, opened.code, len(opened.out), opened.err)
		}
	}
}

func TestControlSocket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings.Data = filepath.Join(s.dir, strings.Repeat("deep/", 30), "data")
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, fmt.Sprintf("%q", s.settings.Data), 1)))
	s.settings.Spool.Folder = filepath.Join(s.settings.Data, "tmp")
	if err := os.MkdirAll(s.settings.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	// A socket that a crash left behind is in nobody's way.
	if err := os.WriteFile(socketPath(s.settings.Data), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	must(t, "account", "list", "--config", s.config)
	s.serve(t)
	for path, want := range map[string]os.FileMode{s.settings.Data: 0o700, socketPath(s.settings.Data): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", filepath.Base(path), info.Mode().Perm(), want, err)
		}
	}
	must(t, "account", "list", "--config", s.config)
	if err := serve(t.Context(), s.settings, newLog(s.settings.Log, io.Discard), occasions{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second server on the same folder: %v", err)
	}
	must(t, "account", "list", "--config", s.config) // and the first one still answers
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDataFolderOfAnotherVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	must(t, "account", "list", "--config", s.config)
	file := filepath.Join(s.settings.Data, "VERSION")
	if got := string(read(t, file)); got != layout+"\n" {
		t.Errorf("VERSION says %q", got)
	}
	if err := os.WriteFile(file, []byte("77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, []string{`VERSION says "77"; this sealpost reads "` + layout + `"`}, "account", "list", "--config", s.config)
}

func TestDamagedSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	must(t, "account", "list", "--config", s.config)
	if err := os.Truncate(filepath.Join(s.settings.Data, "secret"), 5); err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, []string{"secret is damaged"}, "account", "list", "--config", s.config)
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.settings.IMAP.ListenTLS = []string{l.Addr().String()}
	err = serve(t.Context(), s.settings, newLog(s.settings.Log, io.Discard), occasions{})
	if err == nil || !strings.Contains(err.Error(), "imap.listen_tls: listen tcp "+l.Addr().String()) {
		t.Errorf("a port that is taken: %v", err)
	}
	must(t, "account", "list", "--config", s.config) // nothing stays locked
}

// The doors of a server that does not ask for STARTTLS stay closed.
func TestServeHasNoPlainIMAPByDefault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings.IMAP.Listen = nil
	up := s.serve(t)
	if len(up.imapDoors) != 0 || len(up.imapsDoors) != 1 {
		t.Errorf("%d plain doors, %d TLS doors", len(up.imapDoors), len(up.imapsDoors))
	}
}
