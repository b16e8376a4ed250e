package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
)

// neomutt keeps what it saw in a header cache. When it comes back, QRESYNC (RFC 7162)
// must tell it all that another client did meanwhile: a flag, an expunge, a new mail.
func TestNeomuttComesBackWithQRESYNC(t *testing.T) {
	t.Parallel()
	need(t, "neomutt", "script")
	d := startDemo(t)
	from := newSender(t, d.SMTP)
	mail := func(who string) {
		text := fmt.Sprintf("From: %s@example.org\r\nTo: alice@demo.test\r\nSubject: s\r\nMessage-ID: <%s@example.org>\r\n\r\nhello\r\n", who, who)
		if err := from.send(who+"@example.org", d.alice().Address, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []string{"ann", "ben", "cat", "dan"} {
		mail(who)
	}
	n := newNeomutt(t, d)
	if seen := n.run(t); strings.Join(seen, " ") != "Nben Ncat Ndan" {
		t.Fatalf("the first time neomutt lists %q\n%s", seen, tail(n.said(), 1500))
	}

	other := d.login(t, d.alice())
	if _, err := other.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	for number, flag := range map[uint32]goimap.Flag{2: goimap.FlagDeleted, 3: goimap.FlagFlagged} {
		change := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{flag}}
		if err := other.Store(goimap.SeqSetNum(number), change, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	mail("eve")

	seen := strings.Join(n.run(t), " ")
	if said := n.said(); strings.Count(seen, " ") != 2 || !strings.Contains(seen, "!cat") || !strings.HasSuffix(seen, "eve") || strings.Contains(seen, "ben") {
		t.Errorf("when it comes back neomutt lists %q\n%s", seen, said)
	} else if !strings.Contains(said, " VANISHED)") || !strings.Contains(said, "Expunging message UID 2") {
		t.Errorf("that was no QRESYNC:\n%s", said)
	}
}

// neomutt is one that keeps its cache from run to run.
type neomutt struct{ work, rc string }

func newNeomutt(t *testing.T, d *demo) neomutt {
	t.Helper()
	n := neomutt{work: t.TempDir()}
	n.rc = filepath.Join(n.work, "muttrc")
	settings := fmt.Sprintf(`set folder="imaps://localhost:%s/"
set spoolfile="+INBOX"
set imap_user="%s"
set imap_pass="%s"
set certificate_file="%s"
set ssl_starttls=yes ssl_force_tls=yes
set imap_condstore=yes imap_qresync=yes
set header_cache="%s/headers"
set message_cachedir="" tmpdir="%s"
set sort=mailbox-order mark_old=no wait_key=no quit=yes
set index_format="row:%%S%%a:"
`, port(t, d.IMAPS), d.alice().Address, d.alice().Password, d.CA, n.work, n.work)
	if err := os.WriteFile(n.rc, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	rowOf   = regexp.MustCompile(`row:(.)(\w+)@example.org:`)
	escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9])|\x0f|\x0e") // colours, within a row, too
)

// run opens the mailbox and gives the rows of its list: a status and who wrote. The
// first is left out: what neomutt says in the end is written over it.
func (n neomutt) run(t *testing.T) (rows []string) {
	t.Helper()
	os.Remove(n.log())
	env := []string{"TERM=xterm", "HOME=" + n.work, "LC_ALL=C.UTF-8"}
	command := fmt.Sprintf(`neomutt -n -F %s -d 3 -l %s -e 'push "<refresh><quit>"'`, n.rc, strings.TrimSuffix(n.log(), "0"))
	out := doEnv(t, env, nil, "script", "-qec", command, "/dev/null")
	for _, m := range rowOf.FindAllSubmatch(escapes.ReplaceAll(out, nil), -1) {
		if row := string(bytes.Join(m[1:], nil)); !strings.HasSuffix(row, "ann") && !strings.Contains(strings.Join(rows, " "), row) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (n neomutt) log() string { return filepath.Join(n.work, "log0") } // neomutt adds the 0

// said is what neomutt and the server told each other in the last run.
func (n neomutt) said() string {
	log, _ := os.ReadFile(n.log())
	return string(log)
}
