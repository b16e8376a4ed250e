package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gnupgHome is a key ring of its own that holds one person's secret key.
func gnupgHome(t *testing.T, keyFile string) string {
	t.Helper()
	// The agent's socket path must be short, so not below t.TempDir().
	home, err := os.MkdirTemp("/tmp", "sp-gpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		doEnv(t, []string{"GNUPGHOME=" + home}, nil, "gpgconf", "--kill", "all")
		os.RemoveAll(home)
	})
	doEnv(t, []string{"GNUPGHOME=" + home}, nil, "gpg", "--batch", "--quiet", "--import", keyFile)
	return home
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The way of the README: swaks sends, curl fetches, gpg opens.
func TestSwaksCurlGnuPG(t *testing.T) {
	t.Parallel()
	need(t, "swaks", "curl", "gpg")
	d := startDemo(t)
	do(t, nil, "swaks", "--server", d.SMTP, "--tls", "--tls-ca-path", d.CA, "--from", "eve@example.org", "--to", d.alice().Address,
		"--header", "Subject: zebra crossing", "--body", "Seven zebras cross.")
	url := "imaps://localhost:" + port(t, d.IMAPS) + "/INBOX;MAILINDEX=1"
	mail := do(t, nil, "curl", "-sS", "--cacert", d.CA, "--user", d.alice().Address+":"+d.alice().Password, url)
	if bytes.Contains(mail, []byte("zebra")) {
		t.Fatalf("the served mail is readable:\n%s", mail)
	}
	home := gnupgHome(t, d.alice().SecretKey)
	armor := mail[bytes.Index(mail, []byte("-----BEGIN PGP")):]
	opened := doEnv(t, []string{"GNUPGHOME=" + home}, armor, "gpg", "--batch", "--quiet", "--decrypt")
	for _, want := range []string{"Subject: zebra crossing", "Seven zebras cross.", "protected-headers=\"v1\"", "hp=\"cipher\"", "Received: from"} {
		if !bytes.Contains(opened, []byte(want)) {
			t.Errorf("gpg shows no %q in\n%s", want, opened)
		}
	}
	again := d.run(t, mail, "open", "--key", d.alice().SecretKey)
	if !bytes.Contains(again, []byte("Seven zebras cross.")) {
		t.Errorf("sealpost open shows\n%s", again)
	}
}

func TestImaplib(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	d := startDemo(t)
	out := do(t, nil, "python3", "clients/imaplib_walk.py", "localhost", port(t, d.IMAPS), d.CA, d.alice().Address, d.alice().Password)
	if strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("imaplib said %s", out)
	}
}

// mbsync pulls a mailbox, pushes one new message up, and a second run moves nothing.
func TestMbsyncBothWays(t *testing.T) {
	t.Parallel()
	need(t, "mbsync")
	d := startDemo(t)
	s := newSender(t, d.SMTP)
	for i := range 20 {
		if err := s.send("eve@example.org", d.alice().Address, fmt.Appendf(nil, "From: eve@example.org\r\nSubject: n %d\r\n\r\nbody %d\r\n", i, i)); err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	maildir := filepath.Join(home, "mail")
	if err := os.Mkdir(maildir, 0o700); err != nil {
		t.Fatal(err)
	}
	rc := fmt.Sprintf(`IMAPAccount demo
Host localhost
Port %s
User %s
Pass %s
SSLType IMAPS
CertificateFile %s

IMAPStore far
Account demo

MaildirStore near
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel demo
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`, port(t, d.IMAPS), d.alice().Address, d.alice().Password, d.CA, maildir, maildir)
	rcFile := filepath.Join(home, "mbsyncrc")
	if err := os.WriteFile(rcFile, []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	sync := func() { do(t, nil, "mbsync", "-q", "-c", rcFile, "-a") }
	sync()
	if n := len(maildirFiles(t, maildir)); n != 20 {
		t.Fatalf("mbsync pulled %d messages, 20 are there", n)
	}
	note := []byte("From: alice@demo.test\nTo: alice@demo.test\nSubject: written offline\nMessage-ID: <up@demo.test>\n\nan offline note\n")
	if err := os.WriteFile(filepath.Join(maildir, "INBOX", "new", "1700000000.1.here"), note, 0o600); err != nil {
		t.Fatal(err)
	}
	sync()
	sync()
	sync()
	if n := len(maildirFiles(t, maildir)); n != 21 {
		t.Errorf("after pushing one up the Maildir holds %d messages, expected 21", n)
	}
	far, found := 0, false
	err := fetchAll(d.login(t, d.alice()), "INBOX", func(m served) error {
		far++
		found = found || bytes.Contains(d.run(t, m.mail, "open", "--key", d.alice().SecretKey), []byte("an offline note"))
		if bytes.Contains(m.mail, []byte("offline")) {
			t.Error("the pushed message is readable on the server")
		}
		return nil
	})
	if err != nil || far != 21 || !found {
		t.Errorf("the server holds %d messages (expected 21), the pushed one found: %v, %v", far, found, err)
	}
}

func maildirFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	for _, sub := range []string{"new", "cur"} {
		found, err := filepath.Glob(filepath.Join(root, "INBOX", sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// neomutt opens the mailbox, decrypts with gpg and pipes what a reader sees.
func TestNeomuttReadsWithGnuPG(t *testing.T) {
	t.Parallel()
	need(t, "neomutt", "gpg", "script")
	d := startDemo(t)
	mail := "From: Eve Example <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: the okapi matter\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <okapi@example.org>\r\n\r\nOkapis are shy.\r\n"
	if err := newSender(t, d.SMTP).send("eve@example.org", d.alice().Address, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	home := gnupgHome(t, d.alice().SecretKey)
	work := t.TempDir()
	shown, rc := filepath.Join(work, "shown"), filepath.Join(work, "muttrc")
	settings := fmt.Sprintf(`set folder="imaps://localhost:%s/"
set spoolfile="+INBOX"
set imap_user="%s"
set imap_pass="%s"
set certificate_file="%s"
set ssl_starttls=yes ssl_force_tls=yes
set crypt_use_gpgme=no
set pgp_decrypt_command="gpg --status-fd=2 --batch --quiet --decrypt %%f"
set pgp_decode_command="gpg --status-fd=2 --batch --quiet --decrypt %%f"
set pipe_decode=yes wait_key=no
set crypt_protected_headers_read=yes
set header_cache="" message_cachedir="" tmpdir="%s"
`, port(t, d.IMAPS), d.alice().Address, d.alice().Password, d.CA, work)
	if err := os.WriteFile(rc, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := fmt.Sprintf(`push "<display-message><exit><pipe-message>cat > %s<enter><quit>"`, shown)
	env := []string{"GNUPGHOME=" + home, "TERM=xterm", "HOME=" + work, "LC_ALL=C.UTF-8"}
	out := doEnv(t, env, nil, "script", "-qec", fmt.Sprintf("neomutt -n -F %s -e '%s'", rc, keys), "/dev/null")
	text, err := os.ReadFile(shown)
	if err != nil {
		t.Fatalf("%v; neomutt printed\n%s", err, tail(string(out), 3000))
	}
	if !bytes.Contains(text, []byte("Okapis are shy.")) {
		t.Errorf("neomutt shows\n%s", text)
	}
	if !bytes.Contains(out, []byte("the okapi matter")) {
		t.Errorf("neomutt's screen has no protected subject:\n%q", tail(string(out), 3000))
	}
}
