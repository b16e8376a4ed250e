package test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// newcomer makes an account of a demo that is empty and whose key we have.
func (d *demo) newcomer(t *testing.T, name string) person {
	t.Helper()
	p := person{Address: name + "@demo.test", SecretKey: d.alice().SecretKey}
	d.run(t, nil, "account", "add", p.Address, "--config", d.Config, "--key", publicKey(t, d, d.alice()))
	p.Password = strings.TrimSpace(string(d.run(t, nil, "password", "add", p.Address, "--config", d.Config, "--name", "test")))
	return p
}

// mover is the import command with one journal.
func (d *demo) mover(t *testing.T, p person, journal string, source ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(d.bin, append([]string{"import", p.Address, "--config", d.Config, "--journal", journal}, source...)...)
	cmd.Env = os.Environ()
	cmd.Dir = t.TempDir()
	return cmd
}

// moves runs it to its good end.
func moves(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("import: %v\n%s", err, tail(string(out), 2000))
	}
	return string(out)
}

// has is every mail of an account as its owner finds it over IMAP, opened, the
// mails of a mailbox in order.
func (d *demo) has(t *testing.T, p person) map[string][]kept {
	t.Helper()
	c := d.login(t, p)
	boxes, err := c.List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	keys := clientKeys(t, p)
	all := map[string][]kept{}
	for _, b := range boxes {
		for _, m := range fetchKept(t, c, b.Mailbox) {
			mail, err := restore(keys, []byte(m.mail))
			if err != nil {
				t.Fatal(err)
			}
			m.mail = string(mail)
			all[b.Mailbox] = append(all[b.Mailbox], m)
		}
	}
	return all
}

func fetchKept(t *testing.T, c *imapclient.Client, box string) (mails []kept) {
	t.Helper()
	sel, err := c.Select(box, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if sel.NumMessages == 0 {
		return nil
	}
	all := imap.SeqSet{}
	all.AddRange(1, 0)
	whole := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(all, &imap.FetchOptions{Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		var flags []string
		for _, f := range m.Flags {
			if f != `\Recent` {
				flags = append(flags, string(f))
			}
		}
		slices.Sort(flags)
		mails = append(mails, kept{box, strings.Join(flags, " "), m.InternalDate.UTC(), string(m.FindBodySection(whole))})
	}
	return mails
}

// same compares two accounts, mailbox by mailbox.
func same(t *testing.T, got, want map[string][]kept) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("mailboxes %q, want %q", g, w)
	}
	for box, mails := range want {
		if len(got[box]) != len(mails) {
			t.Errorf("%s has %d mails, want %d", box, len(got[box]), len(mails))
			continue
		}
		for i, w := range mails {
			if g := got[box][i]; g != w {
				t.Errorf("%s, mail %d: flags %q of %s, %d octets; want %q of %s, %d octets; equal text: %v",
					box, i, g.flags, g.received, len(g.mail), w.flags, w.received, len(w.mail), g.mail == w.mail)
			}
		}
	}
}

// whole are the corpus's mails that a server takes as they are.
func whole(t *testing.T, folders ...string) (mails []string) {
	t.Helper()
	eachMail(t, func(path string, raw []byte) {
		in := slices.ContainsFunc(folders, func(f string) bool { return strings.Contains(path, "/"+f+"/") })
		if mail, ok := crlf(raw); ok && in && len(raw) > 0 {
			mails = append(mails, string(mail))
		}
	})
	return mails
}

// A leaving is one person of Dovecot and what their mailboxes become here.
type leaving struct {
	user  string
	boxes [][2]string // there, here
}

var leavings = []leaving{
	{"slash", [][2]string{
		{"INBOX", "INBOX"}, {"Gesendet", "Sent"}, {"Papierkorb", "Trash"}, {"Entwürfe", "Drafts"}, {"Projekte/Größe/2026", "Projekte/Größe/2026"},
		{"R&D", "R&D"}, {"v1.2 (alt)/日本語", "v1.2 (alt)/日本語"}, {"Spam", "Junk"},
	}},
	{"dot", [][2]string{
		{"INBOX", "INBOX"}, {"Gesendet", "Sent"}, {"Projekte.Größe.2026", "Projekte/Größe/2026"}, {"R&D", "R&D"}, {"a-&-b.&.c", "a-&-b/&/c"},
	}},
	{"prefix", [][2]string{
		{"INBOX", "INBOX"}, {"INBOX.Gesendet", "Sent"}, {"INBOX.Trash", "Trash"}, {"INBOX.Kunden.Müller & Söhne", "Kunden/Müller & Söhne"},
	}},
}

// fill puts mails into all mailboxes in turns and says what must be had of them.
func (l leaving) fill(t *testing.T, d *dovecot, mails []string) map[string][]kept {
	t.Helper()
	flags := []string{"", `\Seen`, `\Answered \Seen`, `\Flagged`, `$Forwarded \Seen`, `Wichtig \Draft`, `\Deleted \Seen`}
	c := d.as(t, l.user)
	for _, b := range l.boxes {
		c.Create(b[0], nil).Wait() // some are there
	}
	want := map[string][]kept{}
	for i, mail := range mails {
		b := l.boxes[i*7/5%len(l.boxes)]
		k := kept{b[0], flags[i%len(flags)], time.Date(2001, 3, 4, 5, i, i%60, 0, time.UTC), mail}
		put(t, c, k)
		k.box = b[1]
		want[k.box] = append(want[k.box], k)
	}
	return want
}

// Three people leave a Dovecot: names, flags, dates, order and number arrive as
// they were, and what they export later is their mails, octet for octet.
func TestMovingFromDovecot(t *testing.T) {
	t.Parallel()
	d, source := startDemo(t), startDovecot(t)
	mails := whole(t, "mime", "malformed", "mails")
	for i, l := range leavings {
		mine := mails
		if i > 0 {
			mine = mails[:min(len(mails), 25)]
		}
		want := l.fill(t, source, mine)
		p := d.newcomer(t, l.user)
		from := []string{"--imap", source.at(source.imapTLS), "--user", l.user, "--password-file", source.file("password")}
		if i > 0 {
			from = append([]string{"--starttls", "--imap", source.at(source.imap)}, from[2:]...)
		}
		journal := filepath.Join(t.TempDir(), "journal")
		if out, err := d.mover(t, p, journal, from...).CombinedOutput(); err == nil || !strings.Contains(string(out), "certificate") {
			t.Errorf("a certificate that nobody vouches for: %v, %s", err, out)
		}
		cmd := d.mover(t, p, journal, from...)
		cmd.Env = append(cmd.Env, source.trusting())
		out := moves(t, cmd)
		if !strings.HasPrefix(out, fmt.Sprintf("%d messages ", len(mine))) {
			t.Errorf("%s: import says %s", l.user, out)
		}
		if _, err := os.Stat(journal); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the journal is left behind: %v", err)
		}
		got := d.has(t, p)
		same(t, got, want)
		d.exports(t, p, want)
		cmd = d.mover(t, p, journal, append(from, "--skip", l.boxes[0][0])...)
		cmd.Env = append(cmd.Env, source.trusting())
		if out := moves(t, cmd); !strings.HasPrefix(out, fmt.Sprintf("%d messages ", len(mine)-len(want["INBOX"]))) {
			t.Errorf("without INBOX: %s", out)
		}
	}
}

// exports checks that an export opened by the owner's key holds these mails.
func (d *demo) exports(t *testing.T, p person, want map[string][]kept) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "export")
	d.run(t, nil, "export", p.Address, "--to", to, "--key", p.SecretKey, "--config", d.Config)
	type mail struct {
		text string
		at   int64
	}
	count := map[mail]int{}
	for _, mails := range want {
		for _, k := range mails {
			count[mail{k.mail, k.received.Unix()}]++
		}
	}
	files, err := filepath.Glob(filepath.Join(to, "cur", "*"))
	more, errMore := filepath.Glob(filepath.Join(to, ".*", "cur", "*"))
	if err := errors.Join(err, errMore); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, more...) {
		text, err := os.ReadFile(f)
		info, errInfo := os.Stat(f)
		if err := errors.Join(err, errInfo); err != nil {
			t.Fatal(err)
		}
		count[mail{string(text), info.ModTime().Unix()}]--
	}
	for m, n := range count {
		if n != 0 {
			t.Errorf("export: a mail of %d octets is missing %d times", len(m.text), n)
		}
	}
}

// At Gmail all mail stands in one mailbox besides the others, and what was archived
// stands nowhere else. It arrives once, and what is skipped does not come in by it.
func TestMovingFromViews(t *testing.T) {
	t.Parallel()
	d, source := startDemo(t), startDovecot(t)
	c := source.as(t, "views")
	for _, box := range []string{"Alle Mails", "Markiert", "Werbung"} {
		if err := c.Create(box, nil).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]kept{}
	for i, where := range []string{"INBOX", "", "Werbung", "Gesendet", ""} {
		k := kept{received: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), mail: fmt.Sprintf("Message-ID: <%d@x.test>\r\nSubject: x\r\n\r\nmail %d\r\n", i, i)}
		for _, k.box = range []string{"Alle Mails", "Markiert", where} {
			if k.box != "" {
				put(t, c, k)
			}
		}
		if k.box = map[string]string{"INBOX": "INBOX", "Gesendet": "Sent", "": "Archive"}[where]; k.box != "" {
			want[k.box] = append(want[k.box], k)
		}
	}
	p := d.newcomer(t, "views")
	cmd := d.mover(t, p, filepath.Join(t.TempDir(), "journal"), "--imap", source.at(source.imapTLS),
		"--user", "views", "--password-file", source.file("password"), "--skip", "Werbung")
	cmd.Env = append(cmd.Env, source.trusting())
	moves(t, cmd)
	same(t, d.has(t, p), want)
}
