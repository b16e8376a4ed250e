package test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// rspamdConf loads none of its rules but ours, which knows an envelope.
const rspamdConf = `
options {
  pidfile = "%[1]s/pid"; tempdir = "%[1]s"; hs_cache_dir = "%[1]s"; url_tld = "%[1]s/tld";
  filters = ""; disable_hyperscan = true; enable_test_patterns = true; local_addrs = [];
}
logging { type = "file"; filename = "%[1]s/rspamd.log"; }
worker "normal" { bind_socket = "127.0.0.1:%[2]d"; count = 1; }
metric { name = "default"; actions { reject = 15; add_header = 6; greylist = 4; } }
lua = "%[1]s/rules.lua";
`

const rspamdRule = `rspamd_config:register_symbol{ name = "ENVELOPE", score = 7.0, callback = function(task)
  local from, rcpt = task:get_from("smtp"), task:get_recipients("smtp")
  return task:get_subject() == "envelope" and from[1].addr == "eve@b.test" and #rcpt == 1 and rcpt[1].addr == "%s"
    and task:get_helo() == "sender.test" and task:get_hostname() == "client.test"
    and tostring(task:get_from_ip()) == "127.0.0.1" and task:get_queue_id() ~= "undef"
end }
`

// startRspamd runs the real one, whose rule waits for one recipient.
func startRspamd(t *testing.T, rcpt string) (port int, kill func()) {
	t.Helper()
	need(t, "rspamd")
	dir := t.TempDir()
	port = freeOn(t, "127.0.0.1")
	write(t, dir, "tld", []byte("test\n"))
	write(t, dir, "rules.lua", fmt.Appendf(nil, rspamdRule, rcpt))
	cmd := exec.Command("rspamd", "-f", "-i", "-c", write(t, dir, "rspamd.conf", fmt.Appendf(nil, rspamdConf, dir, port)))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Signal(syscall.SIGTERM) // it ends its children
		cmd.Wait()
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/rspamd.log")
			t.Logf("rspamd said:\n%s", tail(string(log), 3000))
		}
	})
	await(t, "rspamd", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/ping", port))
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return port, kill
}

// What rspamd says of a mail is done, its score travels inside the seal, and it is
// told the whole envelope. One that is gone keeps no mail out.
func TestRspamd(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test")
	a := c.houses[0]
	port, kill := startRspamd(t, "ann@a.test")
	a.settings = fmt.Sprintf("[screen]\nrspamd = \"http://127.0.0.1:%d\"\n", port)
	a.open(t, "ann")
	gtube := func(letter string) string {
		return letter + "JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	}
	send := func(subject, text string) (int, string) {
		s := newSender(t, a.smtp())
		if err := s.envelope("eve@b.test", a.person.Address); err != nil {
			t.Fatal(err)
		}
		code, said, err := s.data([]byte("From: eve@b.test\r\nSubject: " + subject + "\r\n\r\n" + text + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		return code, said
	}
	for _, m := range []struct {
		subject, text, box, score string
	}{
		{"ham", gtube("A"), "INBOX", "X-Spam-Score: 0.00 / 15.00"},
		{"tagged", gtube("Y"), "Junk", "X-Spam-Score: 6.00 / 15.00"},
		{"envelope", "what it was told", "Junk", "X-Spam-Score: 7.00 / 15.00"},
	} {
		if code, said := send(m.subject, m.text); code != 250 {
			t.Fatalf("%s: %s", m.subject, said)
		}
		if got := a.arrival(t, m.box, "Subject: "+m.subject); !strings.Contains(got, m.score) {
			t.Errorf("%s lacks %q:\n%s", m.subject, m.score, got)
		}
	}
	if code, said := send("spam", gtube("X")); code != 554 || !strings.Contains(said, "5.7.1") {
		t.Errorf("what rspamd rejects is answered by %s", said)
	}
	kill()
	if code, said := send("alone", gtube("X")); code != 250 {
		t.Errorf("without rspamd: %s", said)
	}
}
