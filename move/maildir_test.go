package move

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMaildirRoundTrip writes messages as a Maildir and reads them back: texts,
// dates, flags and folders are the same.
func TestMaildirRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &MaildirWriter{Dir: dir}
	want := []got{
		{"INBOX", `\Draft \Flagged $Forwarded \Answered \Seen \Deleted`, "Subject: a\r\n\r\nx\r\n", time.Unix(1_000_000_000, 0)},
		{"INBOX", "", "Subject: b\r\n\r\n.\r\n", time.Unix(1_000_000_001, 0)},
		{"Work/2026", `\Seen`, "Subject: c\r\n\r\n", time.Unix(999_999_999, 0)},
	}
	for _, m := range want {
		if err := w.Write(Message{Mailbox: m.box, Flags: strings.Fields(m.flags), Received: m.received}, strings.NewReader(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	all, at := collect(t, Maildir{Folder: dir, Mailbox: "INBOX"}, memory(t))
	slices.SortFunc(all, func(a, b got) int { return strings.Compare(a.text, b.text) })
	for i := range all {
		all[i].flags = sorted(all[i].flags)
		want[i].flags = sorted(want[i].flags)
		all[i].received, want[i].received = all[i].received.UTC(), want[i].received.UTC()
	}
	if !slices.Equal(all, want) {
		t.Errorf("got  %+v\nwant %+v", all, want)
	}
	j := memory(t)
	if err := j.Add(at...); err != nil {
		t.Fatal(err)
	}
	if rest, _ := collect(t, Maildir{Folder: dir, Mailbox: "INBOX"}, j); len(rest) != 0 {
		t.Errorf("all were noted, and %d come again", len(rest))
	}
}

func sorted(flags string) string {
	all := strings.Fields(flags)
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestMaildirNames(t *testing.T) {
	t.Parallel()
	m := Maildir{Mailbox: "INBOX"}
	for path, want := range map[string]string{
		".": "INBOX", ".Work": "Work", ".Work.2026": "Work/2026", ".Sent Items": "Sent", ".INBOX.Spam": "Junk",
		"Lists/Go": "Lists/Go", ".Entw&APw-rfe": "Entwürfe", ".a&-b": "a&b", ".bad&x": "bad&x",
	} {
		if got := m.name(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// ATTACKS D11: a mailbox's name is data. Whatever it is, files stay in the folder.
func TestNamesStayInTheFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "deep", "out")
	for _, name := range []string{"..", "../../x", "/etc/x", `..\x`, "a/../../..", "\x00", "", "a//b", ".", "%2E%2E/x", strings.Repeat("n", 200)} {
		for _, w := range []Writer{&MaildirWriter{Dir: dir}, &MboxWriter{Dir: dir}} {
			if err := w.Write(Message{Mailbox: name}, strings.NewReader("x")); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, d := range []string{root, filepath.Join(root, "deep")} {
		if there, err := os.ReadDir(d); err != nil || len(there) != 1 {
			t.Errorf("%s holds %v, %v", d, there, err)
		}
	}
}

func TestMboxRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &MboxWriter{Dir: dir}
	texts := []string{"Subject: a\r\n\r\nFrom here\r\n>From there\r\n", "Subject: b\r\n\r\n" + strings.Repeat("x", 200_000) + "\r\n\r\n", "Subject: c\r\n\r\n"}
	for _, text := range texts {
		if err := w.Write(Message{Mailbox: "A/B", Flags: []string{`\Flagged`}, Received: time.Unix(1_000_000_000, 0)}, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, _ := collect(t, Mbox{File: filepath.Join(dir, "A.B.mbox"), Mailbox: "X"}, memory(t))
	if len(all) != len(texts) {
		t.Fatalf("%d messages, want %d", len(all), len(texts))
	}
	for i, m := range all {
		if m.text != "X-Status: F\r\n"+texts[i] || m.flags != `\Flagged` || m.received.Unix() != 1_000_000_000 {
			t.Errorf("message %d: %.80q %s %v", i, m.text, m.flags, m.received)
		}
	}
}

func TestJournalSurvivesATornLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(file, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Add(Position{Part: "a", Place: 7}, Position{Part: "b", Name: "n"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, `{"part":"a","pla`)
	f.Close()
	if j, err = OpenJournal(file, "one"); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[Position]bool{
		{Part: "a", Place: 7}: true, {Part: "a", Place: 3}: true, {Part: "a", Place: 8}: false,
		{Part: "b", Name: "n"}: true, {Part: "b", Name: "m"}: false, {Part: "c"}: false,
	} {
		if j.Has(p) != want {
			t.Errorf("%+v: %v", p, !want)
		}
	}
	if err := j.Add(Position{Part: "a", Place: 9}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if j, err = OpenJournal(file, "one"); err != nil || j.Last("a") != 9 || j.Last("c") != -1 {
		t.Errorf("after the torn line: %v", err)
	}
	if err := j.Finish(); err != nil {
		t.Error(err)
	}
}

// Two imports whose mailboxes are called alike, from two servers or for two people,
// share a journal without missing mail of each other's.
func TestJournalOfTwo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	open := func(of string) *Journal {
		t.Helper()
		j, err := OpenJournal(file, of)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	inbox := Position{Part: "INBOX:1", Place: 7}
	one := open("one")
	if err := errors.Join(one.Add(inbox), one.Close()); err != nil {
		t.Fatal(err)
	}
	two := open("two")
	if two.Has(inbox) || two.Last("INBOX:1") != -1 {
		t.Error("the second import takes the first one's mail for its own")
	}
	if err := errors.Join(two.Add(inbox), two.Finish()); err != nil {
		t.Fatal(err)
	}
	if two = open("two"); two.Has(inbox) {
		t.Error("an import that has ended is still there")
	}
	two.Close()
	if one = open("one"); !one.Has(inbox) {
		t.Error("the end of one import took the other along")
	}
	if err := one.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is still there")
	}
}

// A line whose end was cut counts as cut, and is no crack for what follows.
func TestJournalCutAtALineEnd(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(file, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Add(Position{Part: "a", Place: 1}, Position{Part: "a", Place: 2}), j.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	for place := int64(3); place < 5; place++ {
		if j, err = OpenJournal(file, "one"); err != nil {
			t.Fatal(err)
		}
		if want := max(1, place-1); place > 3 && j.Last("a") != want {
			t.Errorf("%d, want %d", j.Last("a"), want)
		}
		if err := errors.Join(j.Add(Position{Part: "a", Place: place}), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// What stayed behind is not taken for arrived by what came after it.
func TestJournalOfWhatStayedBehind(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	at := func(place int64) Position { return Position{Part: "a", Place: place} }
	j, err := OpenJournal(file, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(file, "two"); !errors.Is(err, ErrJournalInUse) {
		t.Errorf("two imports at a time in one journal: %v", err)
	}
	if err := errors.Join(j.Add(at(1)), j.Behind(at(5), at(3)), j.Add(at(9)), j.Close()); err != nil {
		t.Fatal(err)
	}
	for _, mended := range []bool{false, true} {
		if j, err = OpenJournal(file, "one"); err != nil {
			t.Fatal(err)
		}
		for place, want := range map[int64]bool{1: true, 2: true, 3: mended, 4: true, 5: false, 6: true, 9: true, 10: false} {
			if j.Has(at(place)) != want {
				t.Errorf("place %d, once 3 has come (%v): %v", place, mended, !want)
			}
		}
		if want := map[bool]int64{false: 2, true: 4}[mended]; j.Last("a") != want {
			t.Errorf("all has arrived up to %d, want %d", j.Last("a"), want)
		}
		if err := errors.Join(j.Add(at(3)), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
