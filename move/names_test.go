package move

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/pgp"
)

// What a writer leaves comes back with the mailboxes and keywords it had.
func TestNamesAndKeywordsComeBack(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for i, box := range []string{"INBOX", "Projects v1.2", "R&D", "a-&-b/&/c", "100%/50%25", "Entwürfe/日本語", "sent items", `x\y:z`, "INBOX/Spam", "."} {
		want[box] = sorted([]string{"", `$Label1 \Seen`, `\Flagged wichtig $Forwarded NonJunk`}[i%3])
	}
	for _, format := range []string{"maildir", "mbox"} {
		dir := t.TempDir()
		var w Writer = &MaildirWriter{Dir: dir}
		if format == "mbox" {
			w = &MboxWriter{Dir: dir}
		}
		for box, flags := range want {
			if err := w.Write(Message{Mailbox: box, Flags: strings.Fields(flags), Received: time.Unix(1_000_000_000, 0)}, strings.NewReader("Subject: a\r\n\r\nx\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, s := range sourcesIn(t, dir, format) {
			all, _ := collect(t, s, memory(t))
			for _, m := range all {
				got[m.box] = sorted(m.flags)
			}
		}
		for box, flags := range want {
			if found, ok := got[box]; !ok || found != flags {
				t.Errorf("%s, %s: flags %q (%v), want %q", format, box, found, ok, flags)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d mailboxes, want %d", format, len(got), len(want))
		}
	}
}

func sourcesIn(t *testing.T, dir, format string) (all []Source) {
	t.Helper()
	if format == "maildir" {
		return []Source{Maildir{Folder: dir, Mailbox: "INBOX"}}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		box, ours := OwnMbox(f)
		if !ours {
			t.Errorf("%s is not known again", f)
		}
		all = append(all, Mbox{File: f, Mailbox: box})
	}
	return all
}

// Names that others wrote mean what they say, and their keywords are read.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cur := filepath.Join(dir, ".a%2Eb", "cur")
	file := filepath.Join(dir, "a%2Eb.mbox")
	err := os.MkdirAll(cur, 0o700)
	for path, text := range map[string]string{
		filepath.Join(cur, "1.host:2,Saz"):               "Subject: x\n\n",
		filepath.Join(dir, ".a%2Eb", "dovecot-keywords"): "0 first\n25 last\n26 none\n-1 none\nx\n",
		file: "From x Mon Jan  2 15:04:05 2006\nX-Keywords: one, two\nX-Keywords: three\n\ntext\n",
	} {
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	all, _ := collect(t, Maildir{Folder: dir, Mailbox: "INBOX"}, memory(t))
	if len(all) != 1 || all[0].box != "a%2Eb" || all[0].flags != `\Seen first last` {
		t.Errorf("Maildir: %+v", all)
	}
	if box, ours := OwnMbox(file); ours {
		t.Errorf("taken for ours: %q", box)
	}
	if all, _ = collect(t, Mbox{File: file, Mailbox: "x"}, memory(t)); len(all) != 1 || all[0].flags != "one two" {
		t.Errorf("mbox: %+v", all)
	}
}

// A Maildir has letters for 26 keywords; of others it is said that they are left out.
func TestMaildirWithoutLetters(t *testing.T) {
	t.Parallel()
	w := &MaildirWriter{Dir: t.TempDir()}
	for i := range 30 {
		if err := w.Write(Message{Mailbox: "INBOX", Flags: []string{fmt.Sprint("k", i%28)}}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := collect(t, Maildir{Folder: w.Dir, Mailbox: "INBOX"}, memory(t))
	n := 0
	for _, m := range all {
		n += len(strings.Fields(m.flags))
	}
	if w.Nameless != 2 || n != 28 {
		t.Errorf("%d keywords are written, %d left out", n, w.Nameless)
	}
}

// What is too large to be opened comes back whole, as it is, and so does what follows.
func TestOpenedTooLarge(t *testing.T) {
	t.Parallel()
	for size := range 30 {
		sealed := strings.Repeat("x", size)
		text, opened, err := openedUpTo(context.Background(), 20, pgp.Opener{}, strings.NewReader(sealed), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(text)
		if text.Close(); err != nil || string(got) != sealed || opened != (size < 20) {
			t.Errorf("%d octets: %d came back, opened %v, %v", size, len(got), opened, err)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"v1.2", "%", "%%2E", "a%2", "é/.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToValidUTF8(name, "?")
		levels := strings.Split(name, "/")
		for i, l := range levels {
			levels[i] = fileName(l)
		}
		if got := ownName(strings.Join(levels, ".")); got != name && !slices.Contains(levels, "%") {
			t.Errorf("%q came back as %q", name, got)
		}
	})
}
