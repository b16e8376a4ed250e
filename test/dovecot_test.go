package test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// dovecotConf is Debian's default, but for places, ports, people from a file, and
// mailboxes with uses whose names are not English.
const dovecotConf = `
base_dir = %[1]s/run
log_path = %[1]s/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <%[1]s/tls.pem
ssl_key = <%[1]s/tls.key
disable_plaintext_auth = yes
first_valid_uid = 1
mail_location = maildir:~/Maildir:LAYOUT=fs
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = passwd-file
  args = %[1]s/users
  default_fields = uid=mail gid=mail home=%[1]s/home/%%n
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Gesendet {
    special_use = \Sent
    auto = create
  }
  mailbox Papierkorb {
    special_use = \Trash
    auto = create
  }
  mailbox Entwürfe {
    special_use = \Drafts
    auto = create
  }
  mailbox "Alle Mails" {
    special_use = \All
  }
  mailbox Markiert {
    special_use = \Flagged
  }
}
service imap-login {
  inet_listener imap {
    port = %[2]d
  }
  inet_listener imaps {
    port = %[3]d
  }
}
`

// dovecotUsers differ in how they write mailbox names: with slashes, with dots,
// and with dots below a prefix, as Courier does and many hosters do.
const dovecotUsers = `slash:{PLAIN}moving::::::
dot:{PLAIN}moving::::::userdb_mail=maildir:~/Maildir userdb_namespace/inbox/separator=.
views:{PLAIN}moving::::::
prefix:{PLAIN}moving::::::userdb_mail=maildir:~/Maildir userdb_namespace/inbox/separator=. userdb_namespace/inbox/prefix=INBOX.
`

// dovecot is another mail server, which people leave.
type dovecot struct {
	*house
	imap, imapTLS int // ports, at localhost
}

func startDovecot(t *testing.T, env ...string) *dovecot {
	t.Helper()
	need(t, "dovecot")
	if os.Getuid() != 0 {
		skip(t, "Dovecot wants root")
	}
	d := &dovecot{house: &house{domain: "localhost", dir: t.TempDir()}, imap: freeOn(t, "127.0.0.1"), imapTLS: freeOn(t, "127.0.0.1")}
	d.certify(t)
	d.write(t, "users", []byte(dovecotUsers))
	d.write(t, "password", []byte("moving\n"))
	if err := os.Mkdir(d.file("home"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"home", "users"} {
		if err := os.Chmod(d.file(name), 0o777); err != nil { // other users read and write them
			t.Fatal(err)
		}
	}
	letIn(t, d.dir)
	d.cmd = exec.Command("dovecot", "-F", "-c", d.write(t, "dovecot.conf", fmt.Appendf(nil, dovecotConf, d.dir, d.imap, d.imapTLS)))
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.end(t) })
	await(t, "Dovecot", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.imapTLS))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return d
}

func (d *dovecot) end(t *testing.T) {
	t.Helper()
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM)
	d.cmd.Wait()
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) // those that were busy
	if t.Failed() {
		log, _ := os.ReadFile(d.file("dovecot.log"))
		t.Logf("Dovecot said:\n%s", tail(string(log), 3000))
	}
}

func (d *dovecot) at(port int) string { return fmt.Sprintf("localhost:%d", port) }

// trusting is the environment of a command that believes Dovecot's certificate.
func (d *dovecot) trusting() string { return "SSL_CERT_FILE=" + d.file("tls.pem") }

// as signs in as one of its people.
func (d *dovecot) as(t *testing.T, user string) *imapclient.Client {
	t.Helper()
	text, err := os.ReadFile(d.file("tls.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	c, err := imapclient.DialTLS(d.at(d.imapTLS), &imapclient.Options{TLSConfig: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(user, "moving").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// letter is what one mail in a mailbox is: which octets, and what is said of them.
type kept struct {
	box, flags string // flags sorted
	received   time.Time
	mail       string
}

// put appends a mail.
func put(t *testing.T, c *imapclient.Client, k kept) {
	t.Helper()
	var flags []imap.Flag
	for _, f := range bytes.Fields([]byte(k.flags)) {
		flags = append(flags, imap.Flag(f))
	}
	a := c.Append(k.box, int64(len(k.mail)), &imap.AppendOptions{Flags: flags, Time: k.received})
	if _, err := a.Write([]byte(k.mail)); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(); err != nil {
		t.Fatalf("Dovecot does not take a mail into %s: %v", k.box, err)
	}
}

// home is where Dovecot keeps a user's mail.
func (d *dovecot) home(user string) string { return filepath.Join(d.dir, "home", user) }
