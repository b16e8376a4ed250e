package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// postfixMain is Debian's default, but for places, the port and one mailbox that
// is a file. It finds the other houses by a table: its DNS is the machine's.
const postfixMain = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/postfix.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.%[2]s
mydestination =
alias_maps =
alias_database =
append_dot_mydomain = no
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
smtpd_tls_cert_file = %[1]s/tls.pem
smtpd_tls_key_file = %[1]s/tls.key
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_security_level = encrypt
smtp_bind_address = 127.0.0.1
smtp_host_lookup = native
transport_maps = texthash:%[1]s/transport
virtual_mailbox_domains = %[2]s
virtual_mailbox_base = %[1]s/mail
virtual_mailbox_maps = texthash:%[1]s/users
virtual_uid_maps = static:%[3]d
virtual_gid_maps = static:%[3]d
virtual_minimum_uid = 1
minimal_backoff_time = 2s
queue_run_delay = 2s
`

const postfixMaster = `
%[1]s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// openPostfix runs Postfix in a house instead of sealpost. Its one person is
// carol, whose mailbox is a Maildir.
func (h *house) openPostfix(t *testing.T) {
	t.Helper()
	need(t, "postfix")
	if os.Getuid() != 0 {
		skip(t, "Postfix wants root")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		t.Fatal(err)
	}
	var routes strings.Builder
	for _, other := range h.country.houses {
		if other != h {
			fmt.Fprintf(&routes, "%s smtp:[%s]:%d\n", other.domain, other.ip, h.country.port)
		}
	}
	mail := h.file("mail")
	for _, dir := range []string{h.file("config"), h.file("queue"), h.file("data"), mail} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	postfix, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	owner, err := strconv.Atoi(postfix.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(h.file("data"), owner, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mail, uid, uid); err != nil {
		t.Fatal(err)
	}
	letIn(t, mail)
	for name, text := range map[string]string{"transport": routes.String(), "users": "carol@" + h.domain + " carol/\n"} {
		if err := os.Chmod(h.write(t, name, []byte(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h.write(t, "config/main.cf", fmt.Appendf(nil, postfixMain+h.settings, h.dir, h.domain, uid))
	h.write(t, "config/master.cf", fmt.Appendf(nil, postfixMaster, h.smtp()))
	h.person = person{Address: "carol@" + h.domain}
	h.cmd = exec.Command("postfix", "-c", h.file("config"), "start-fg")
	// Not a pipe: its children would hold that open.
	said, err := os.Create(h.file("start.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	h.cmd.Stdout, h.cmd.Stderr = said, said
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.closePostfix(t) })
	await(t, "Postfix", func() bool {
		conn, err := net.Dial("tcp", h.smtp())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// letIn lets other users walk to a folder of a test.
func letIn(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			err = os.Chmod(dir, info.Mode().Perm()|0o111)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (h *house) closePostfix(t *testing.T) {
	t.Helper()
	// Its master has a group of its own, which a signal to the script does not reach.
	if out, err := exec.Command("postfix", "-c", h.file("config"), "abort").CombinedOutput(); err != nil {
		t.Errorf("end Postfix: %v\n%s", err, out)
	}
	syscall.Kill(-h.cmd.Process.Pid, syscall.SIGTERM)
	h.cmd.Wait()
	syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL) // those that were busy
	if t.Failed() {
		said, _ := os.ReadFile(h.file("start.log"))
		log, _ := os.ReadFile(h.file("postfix.log"))
		t.Logf("Postfix said:\n%s", tail(string(said)+string(log), 6000))
	}
}

// carols waits for a mail in carol's Maildir with a word in it.
func (h *house) carols(t *testing.T, word string) string {
	t.Helper()
	var found string
	await(t, "a mail in Postfix with "+word, func() bool {
		names, _ := filepath.Glob(h.file("mail/carol/new/*"))
		for _, n := range names {
			if text, err := os.ReadFile(n); err == nil && strings.Contains(string(text), word) {
				found = string(text)
			}
		}
		return found != ""
	})
	return found
}

// mails sends a mail from carol through Postfix.
func (h *house) mails(t *testing.T, text, to string) {
	t.Helper()
	s := newSender(t, h.smtp())
	for _, step := range []struct {
		want int
		line string
	}{
		{250, "MAIL FROM:<" + h.person.Address + ">"}, {250, "RCPT TO:<" + to + ">"}, {354, "DATA"},
		{250, strings.ReplaceAll(text, "\n", "\r\n") + "\r\n."}, {221, "QUIT"},
	} {
		if _, err := s.say(step.want, step.line); err != nil {
			t.Fatal(err)
		}
	}
}
