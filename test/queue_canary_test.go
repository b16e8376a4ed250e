package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// Words that nothing but these tests would ever write, by where they stand.
const (
	inSubject    = "Wallaroo4Subject"
	inBody       = "Quokka3Pademelon"
	inName       = "Numbat5Dibbler"
	inAttachment = "Bilby8Phascogale"
	inRcpt       = "Bettong1Kowari"
	inBcc        = "Potoroo6Antechinus"
	inReply      = "Kultarr2Ningaui" // of another server
	inDomain     = "dunnart9monjon"
)

var secrets = []string{inSubject, inBody, inName, inAttachment, inRcpt, inBcc, inReply, inDomain}

// secretMail has a word wherever its sender can write one.
func secretMail(from string, lines int) []byte {
	b64 := base64.StdEncoding.EncodeToString([]byte("in the file: " + inBody + "\n"))
	return fmt.Appendf(nil, "From: %[1]s <%[2]s>\r\nTo: %[1]s <take-%[3]s@%[4]s.test>\r\nBcc: later-%[5]s@%[4]s.test\r\n"+
		"Subject: about %[6]s\r\nX-Note: %[7]s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"+
		"--b\r\n\r\nHere is %[7]s.\r\n%[9]s--b\r\nContent-Type: text/plain; name=%[8]s.txt\r\nContent-Disposition: attachment; filename=%[8]s.txt\r\n"+
		"Content-Transfer-Encoding: base64\r\n\r\n%[10]s\r\n--b--\r\n",
		inName, from, inRcpt, inDomain, inBcc, inSubject, inBody, inAttachment, strings.Repeat("A line with "+inBody+" and no more.\r\n", lines), b64)
}

// ordeal is a house that is looked into while its mail waits, leaves, fails and
// comes back.
type ordeal struct {
	*house
	far    *sink
	to     func(order, name string) string
	dir    string // of temporary files, traces and logs
	traces []string
}

func newOrdeal(t *testing.T, mode string) *ordeal {
	t.Helper()
	need(t, "strace")
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := newCountry(t, "a.test", inDomain+".test", "nobody.test")
	o := &ordeal{house: c.houses[0], dir: t.TempDir()}
	o.far = c.houses[1].sink(t, func(s *sink) { s.quote = inReply })
	o.to = func(order, name string) string { return order + "-" + name + "@" + inDomain + ".test" }
	o.bin = bin
	o.edits = []string{"[queue]", "[queue]\nmode = \"" + mode + "\""}
	o.settings = "[log]\nlevel = \"debug\"\n"
	if err := os.Mkdir(filepath.Join(o.dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	o.env = []string{"TMPDIR=" + filepath.Join(o.dir, "tmp")}
	o.trace()
	o.open(t, "ann")
	// At this level nothing of a mail is visible but when it came.
	o.sealpost(t, "account", "set", o.person.Address, "--headers=minimal")
	return o
}

// trace has the next server's writing written down.
func (o *ordeal) trace() {
	file := filepath.Join(o.dir, fmt.Sprintf("trace%d", len(o.traces)))
	o.traces = append(o.traces, file)
	o.wrap = []string{"strace", "-f", "-qq", "-y", "-xx", "-s", "8388608", "-o", file,
		"-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg"}
}

func (o *ordeal) again(t *testing.T) {
	t.Helper()
	o.trace()
	o.serve(t)
}

// look finds no word in any file of the server, nor in its log.
func (o *ordeal) look(t *testing.T, when string) {
	t.Helper()
	log := filepath.Join(o.dir, "log")
	if err := os.WriteFile(log, []byte(o.log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.none(t, when, 1<<20, secrets, o.file("data"), filepath.Join(o.dir, "tmp"), log)
}

// none fails for every place in which a word stands, and when less was looked at
// than there must be.
func (o *ordeal) none(t *testing.T, when string, least int64, words []string, roots ...string) {
	t.Helper()
	report, err := prove.Scan(timeout(t, 5*time.Minute), roots, words)
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range report.Hits {
		t.Errorf("%s: %s", when, hit)
	}
	if report.Bytes < least {
		t.Errorf("%s: only %d bytes were looked at: what waits is not where the test looks", when, report.Bytes)
	}
}

// toSocket is how strace names a socket: "socket:".
const toSocket = `<\x73\x6f\x63\x6b\x65\x74\x3a`

// written finds no word in what the server wrote to anything but the network.
func (o *ordeal) written(t *testing.T) {
	t.Helper()
	for _, trace := range o.traces {
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		var kept strings.Builder
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, toSocket) {
				kept.WriteString(line)
			}
		}
		if err := os.WriteFile(trace, []byte(kept.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := trace + ".written"
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		replay(t, trace, dir)
		o.none(t, "written", 10<<10, secrets, dir)
	}
}

// waiting is the queue as its operator sees it.
type waiting struct {
	ID         string    `json:"id"`
	Held       bool      `json:"held"`
	Sending    bool      `json:"sending"`
	Next       time.Time `json:"next"`
	Recipients []struct {
		Address  string `json:"address"`
		Attempts int    `json:"attempts"`
		Reply    string `json:"reply"`
	} `json:"recipients"`
}

func (h *house) queue(t *testing.T) (all []waiting) {
	t.Helper()
	if err := json.Unmarshal([]byte(h.sealpost(t, "queue", "list", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// tried waits until so many mails wait and each of their recipients was tried.
func (h *house) tried(t *testing.T, mails int) {
	t.Helper()
	await(t, fmt.Sprintf("%d mails that were tried", mails), func() bool {
		all := h.queue(t)
		for _, m := range all {
			for _, r := range m.Recipients {
				if r.Reply == "" {
					return false
				}
			}
		}
		return len(all) == mails
	})
}

// age lets a queue's mails have waited for longer. The server is stopped meanwhile.
func (h *house) age(t *testing.T, by time.Duration) {
	t.Helper()
	h.close(t)
	key, err := nodekey.Load(h.file("node.key"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := bolt.OpenQueue(h.file("data/queue.db"), key, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	texts, err := disk.Open(h.file("data/queue"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer texts.Close()
	q := &queue.Queue{Store: rows, Blobs: texts, Key: key}
	all, err := q.List(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d mails wait, %v", len(all), err)
	}
	for _, m := range all {
		l, err := q.Drop(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		l.Mail.Created, l.Mail.Expires = l.Mail.Created.Add(-by), l.Mail.Expires.Add(-by)
		for i := range l.Mail.Recipient {
			l.Mail.Recipient[i].Next = time.Now()
		}
		if err := l.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// load submits what will be taken, put off and refused, and one mail in the middle
// of which the far server stops to answer: there are three in the queue then.
func (o *ordeal) load(t *testing.T) {
	t.Helper()
	c, me := o.client(t), o.person.Address
	for _, m := range []struct {
		lines int
		to    []string
	}{
		{1, []string{o.to("take", inRcpt), o.to("later", inRcpt), o.to("never", inRcpt), o.to("later", inBcc), inRcpt + "@nobody.test"}},
		{30_000, []string{o.to("later", inBcc)}}, // over 1 MiB: through the spool's file
		{1, []string{o.to("hang", inRcpt)}},
	} {
		if _, err := c.post(me, "ENVID="+inSubject, secretMail(me, m.lines), m.to...); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-o.far.hanging:
	case <-timeout(t, time.Minute).Done():
		t.Fatal("the mail that is to hang does not come")
	}
	if took := o.arrival(t, "INBOX", "Action: failed"); !strings.Contains(took, "5.1.1") {
		t.Errorf("not the notice that was awaited:\n%s", took)
	}
	await(t, "the mail that is taken", func() bool { return len(o.far.with(inSubject)) > 0 })
}

// notices opens what came back, and finds nothing of the originals in it (D17).
func (o *ordeal) notices(t *testing.T) (all string) {
	t.Helper()
	opened, sealed := o.mailbox(t, "INBOX")
	dir := t.TempDir()
	for i, m := range opened {
		if !strings.Contains(m, "report-type=delivery-status") {
			continue
		}
		all += m
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte(m), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(sealed[i]), "BEGIN PGP MESSAGE") {
			t.Errorf("D17: a notice is not sealed:\n%s", sealed[i])
		}
	}
	o.none(t, "D17: in a notice", 500, []string{"about " + inSubject, inBody, inName, inAttachment}, dir)
	return all
}

// F01, F02 and D17 over the queue: while mail waits, after it was taken, refused,
// given up, dropped, and after a kill, no file, no log and no write to a disk holds
// a word of it or the address of anybody it goes to, and what comes back to its
// sender is sealed and holds nothing of the original.
func TestF01QueueSealed(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t, "sealed")
	o.load(t)
	o.look(t, "while mail waits")
	o.kill()
	o.look(t, "after a kill")
	o.again(t)
	await(t, "the mail that hung", func() bool { return len(o.far.took()) >= 2 })
	o.tried(t, 2)
	o.look(t, "after a restart")

	o.age(t, 5*time.Hour)
	o.again(t)
	o.arrival(t, "INBOX", "Action: delayed")
	o.tried(t, 2)
	o.look(t, "after a delay notice")
	o.sealpost(t, "queue", "drop", "--notify", o.queue(t)[1].ID)
	o.arrival(t, "INBOX", "took the mail out")
	o.look(t, "after a drop")
	o.age(t, 6*24*time.Hour)
	o.again(t)
	o.arrival(t, "INBOX", "Status: 4.4.7")
	await(t, "an empty queue", func() bool { return len(o.queue(t)) == 0 })
	all := o.notices(t)
	wants(t, "what came back", all, "Final-Recipient: rfc822; later-"+inBcc, "Final-Recipient: rfc822; "+inRcpt+"@nobody.test", "Original-Envelope-Id: "+inSubject)
	o.close(t)
	o.look(t, "in the end")
	o.written(t)
}

// The same in strict mode, where a kill loses the texts: what was not sent comes
// back with the mail attached, inside the seal.
func TestF01QueueStrict(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t, "strict")
	o.load(t)
	o.look(t, "while mail waits")
	o.kill()
	o.look(t, "after a kill")
	o.again(t)
	lost := func() (n int) {
		opened, _ := o.mailbox(t, "INBOX")
		for _, m := range opened {
			if strings.Contains(m, "The mail that is attached was not sent") && strings.Contains(m, "about "+inSubject) {
				n++
			}
		}
		return n
	}
	await(t, "three mails that were not sent", func() bool { return lost() == 3 })
	o.look(t, "after a restart")

	c, me := o.client(t), o.person.Address
	for _, to := range []string{o.to("later", inRcpt), o.to("later", inBcc)} {
		if _, err := c.post(me, "", secretMail(me, 1), to); err != nil {
			t.Fatal(err)
		}
	}
	o.tried(t, 2)
	o.look(t, "while mail waits again")
	o.sealpost(t, "queue", "drop", "--notify", o.queue(t)[0].ID)
	o.arrival(t, "INBOX", "took the mail out")
	before := len(o.far.took())
	o.far.mend()
	o.sealpost(t, "queue", "retry", "all")
	await(t, "the last mail", func() bool { return len(o.far.took()) > before })
	await(t, "an empty queue", func() bool { return len(o.queue(t)) == 0 })
	o.notices(t)
	o.close(t)
	o.look(t, "in the end")
	o.written(t)
}
