package test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var fromQuoted = regexp.MustCompile(`(?m)^(>*)From `)

// wire is a mail of whatever line ends as it must arrive: CRLF, and no NUL.
func wire(raw string) string {
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\x00", ""), "\r\n", "\n")
	return strings.ReplaceAll(strings.ReplaceAll(raw, "\r", "\n"), "\n", "\r\n")
}

// texts are the mails of a mailbox, sorted.
func texts(mails []kept) (all []string) {
	for _, m := range mails {
		all = append(all, m.mail)
	}
	slices.Sort(all)
	return all
}

// sameTexts compares them with what was imported.
func sameTexts(t *testing.T, what string, got []kept, want []string) {
	t.Helper()
	slices.Sort(want)
	have := texts(got)
	if len(have) != len(want) {
		t.Errorf("%s: %d mails, want %d", what, len(have), len(want))
	}
	differ := 0
	for _, w := range want {
		if _, found := slices.BinarySearch(have, w); !found {
			differ++
		}
	}
	if differ > 0 {
		t.Errorf("%s: %d of %d mails did not come as they are", what, differ, len(want))
	}
}

// Every mail of the corpus, the malformed above all, as files of a Maildir and in
// an mbox that quotes as mboxrd: each comes back octet for octet.
func TestMovingCorpus(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := d.newcomer(t, "corpus")
	var raw []string
	eachMail(t, func(path string, text []byte) {
		for _, folder := range []string{"mime", "malformed", "mails", "dsn", "imap"} {
			if strings.Contains(path, "/"+folder+"/") && len(text) > 0 {
				raw = append(raw, string(text))
			}
		}
	})
	dir := t.TempDir()
	layMaildir(t, dir, raw)
	var mbox bytes.Buffer
	var inMaildir, inMbox []string
	for _, text := range raw {
		inMaildir = append(inMaildir, wire(text))
		text = strings.ReplaceAll(wire(text), "\r\n", "\n")
		if !strings.HasSuffix(text, "\n") {
			text += "\n" // no mbox can say that it was not there
		}
		fmt.Fprintf(&mbox, "From MAILER-DAEMON Fri Jul  8 12:08:34 2011\n%s\n", fromQuoted.ReplaceAllString(text, ">${1}From "))
		inMbox = append(inMbox, wire(text))
	}
	journal := filepath.Join(t.TempDir(), "journal")
	moves(t, d.mover(t, p, journal, "--maildir", dir, "--mailbox", "Maildir"))
	moves(t, d.mover(t, p, journal, "--mbox", write(t, t.TempDir(), "Mbox.mbox", mbox.Bytes())))
	has := d.has(t, p)
	sameTexts(t, "Maildir", has["Maildir"], inMaildir)
	for i, text := range inMbox {
		if strings.Contains(text, "\r\nX-Gmail-Labels:") || strings.HasPrefix(text, "X-Gmail-Labels:") {
			t.Errorf("mail %d says where it goes: the corpus has changed", i)
		}
	}
	sameTexts(t, "mbox", has["Mbox"], inMbox)
}

// The archives of the corpus as others wrote them: one whose mails lie beside it
// one by one, and one of hundreds, not all with a blank line between, which Python
// takes apart as well.
func TestMovingOldArchives(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	folder := filepath.Join(corpus(t), "mbox")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no corpus of real mail")
	}
	d := startDemo(t)
	p := d.newcomer(t, "archives")
	var want []string
	for i := range 5 {
		text, err := os.ReadFile(filepath.Join(folder, "james", fmt.Sprintf("test-1__mbox.rlug-%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, strings.TrimSuffix(wire(string(text)), "\r\n")) // the blank line between mails
	}
	list := write(t, t.TempDir(), "list", gunzip(t, filepath.Join(folder, "dovecot-list", "dovecot-crlf.gz"))[:1<<20])
	journal := filepath.Join(t.TempDir(), "journal")
	moves(t, d.mover(t, p, journal, "--mbox", filepath.Join(folder, "james", "test-1__mbox.rlug"), "--mbox", list))
	has := d.has(t, p)
	sameTexts(t, "rlug", has["test-1__mbox.rlug"], want)
	python := do(t, nil, "python3", "-c", `
import re, sys
parts = re.split(rb"(?m)^From \S+ .*\d\d:\d\d:\d\d \d{4}\r\n", open(sys.argv[1], "rb").read())
for text in parts[1:]:
    text = text.removesuffix(b"\r\n") if text.endswith(b"\r\n\r\n") else text
    sys.stdout.buffer.write(re.sub(rb"(?m)^>(>*From )", rb"\1", text) + b"\0")`, list)
	others := strings.Split(strings.TrimSuffix(string(python), "\x00"), "\x00")
	for i := range others {
		others[i] = wire(others[i])
	}
	sameTexts(t, "the list", has["list"], others)
	t.Logf("%d mails of a list", len(others))
}

func gunzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
