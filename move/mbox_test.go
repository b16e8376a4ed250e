package move

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

type got struct {
	box, flags, text string
	received         time.Time
}

func collect(t testing.TB, s Source, j *Journal) (all []got, positions []Position) {
	t.Helper()
	for m, err := range s.Messages(t.Context(), j) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if r.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, got{m.Mailbox, strings.Join(m.Flags, " "), string(text), m.Received})
		positions = append(positions, m.Position)
	}
	return all, positions
}

func memory(t testing.TB) *Journal {
	t.Helper()
	j, err := OpenJournal("", "")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestMbox(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.mbox")
	text := "From a@example.org Mon Jan  2 15:04:05 2006\nSubject: one\nStatus: RO\nX-Status: AF\n\nFrom here on,\n>From quoted\n>>From twice\nend\n\n" +
		"From b@example.org Tue Jan  3 10:00:00 2006\r\nSubject: two\r\n\r\n\r\n" +
		"From - Wed Feb 08 09:28:26 2017\nX-Gmail-Labels: Inbox,Unread,=?UTF-8?Q?Caf=C3=A9?=\nSubject: three\n\nno line end"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, at := collect(t, Mbox{File: file, Mailbox: "Old"}, memory(t))
	want := []got{
		{"Old", `\Seen \Answered \Flagged`, "Subject: one\r\nStatus: RO\r\nX-Status: AF\r\n\r\nFrom here on,\r\nFrom quoted\r\n>From twice\r\nend\r\n", time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)},
		{"Old", "", "Subject: two\r\n\r\n", time.Date(2006, 1, 3, 10, 0, 0, 0, time.UTC)},
		{"Café", "", "X-Gmail-Labels: Inbox,Unread,=?UTF-8?Q?Caf=C3=A9?=\r\nSubject: three\r\n\r\nno line end", time.Date(2017, 2, 8, 9, 28, 26, 0, time.UTC)},
	}
	if !slices.Equal(all, want) {
		t.Errorf("got  %+v\nwant %+v", all, want)
	}
	j := memory(t)
	if err := j.Add(at[:2]...); err != nil {
		t.Fatal(err)
	}
	if rest, _ := collect(t, Mbox{File: file, Mailbox: "Old"}, j); len(rest) != 1 || rest[0] != want[2] {
		t.Errorf("after two were noted: %+v", rest)
	}
	if err := os.WriteFile(file, []byte("not an mbox\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range (Mbox{File: file}).Messages(t.Context(), memory(t)) {
		if !errors.Is(err, ErrSource) {
			t.Errorf("a file that is no mbox: %v", err)
		}
	}
}

// Where a mail begins: at a date anywhere, at a time after a blank line, and never
// within a line however long.
func TestMboxParts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"From a@b Wed May 14 18:37:47 2003\nx\nFrom c d@e Wed May  4 18:37:47 2003\r\ny\n":          2,
		"From a x:00 10:00\nx\n\nFrom ten to 12:00 o'clock\ny":                                      2,
		"From a x:00 10:00\nx\nFrom ten to 12:00 o'clock\ny":                                        1,
		"From a x:00 10:00\nx\nFrom storage.c, line 325:\n":                                         1,
		"From a x:00 10:00\n" + strings.Repeat("x", 64<<10) + "From a@b Wed May 14 18:37:47 2003\n": 1,
		"\n\nFrom a x:00 10:00\n": 1,
	} {
		n := 0
		for _, err := range mboxParts(strings.NewReader(text)) {
			if n++; err != nil {
				t.Error(err)
			}
		}
		if n != want {
			t.Errorf("%.100q holds %d mails, want %d", text, n, want)
		}
	}
}

func TestGmailLabels(t *testing.T) {
	t.Parallel()
	for labels, want := range map[string]string{
		"Inbox":                  `INBOX|\Seen`,
		"Inbox,Unread":           "INBOX|",
		"Sent,Inbox,Starred":     `Sent|\Flagged \Seen`,
		"Archived,Opened":        `Archive|\Seen`,
		"Archived,Lists/Go":      `Lists/Go|\Seen`,
		"Inbox,Work":             `Work|\Seen`,
		"Spam,Category Updates":  `Junk|\Seen`,
		"Trash,Unread,Important": "Trash|",
	} {
		box, flags := labelled(labels).place("otherwise")
		if got := box + "|" + strings.Join(flags, " "); got != want {
			t.Errorf("%s: %s, want %s", labels, got, want)
		}
	}
}

func labelled(s string) labels { return labels{gmail: strings.Split(s, ",")} }

func TestWireLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\nb\r\nc\rd":  "a\r\nb\r\nc\r\nd",
		"\r\r\n\n\n\r":  "\r\n\r\n\r\n\r\n\r\n",
		"x\x00y\n":      "xy\r\n",
		"":              "",
		"\r\n.\r\n\n.a": "\r\n.\r\n\r\n.a",
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "by octets": iotest.OneByteReader(strings.NewReader(in))} {
			for _, size := range []int{1, 2, 3, 100} {
				var out bytes.Buffer
				if _, err := io.CopyBuffer(struct{ io.Writer }{&out}, struct{ io.Reader }{newWireLines(r)}, make([]byte, size)); err != nil || out.String() != want {
					t.Errorf("%q %s, %d at a time: %q, %v; want %q", in, name, size, out.String(), err, want)
				}
				r = strings.NewReader(in)
			}
		}
	}
}

// FuzzMbox: whatever the file, no panic, parts in order and within it, and only
// CRLF line ends come out.
func FuzzMbox(f *testing.F) {
	f.Add([]byte("From a Mon Jan  2 15:04:05 2006\nSubject: x\n\n>From y\n\nFrom b x:y\n\n"))
	f.Add([]byte("\n\nFrom \x00\r\r\nX-Gmail-Labels: =?a?b?c?=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		for m, err := range (Mbox{File: file, Mailbox: "X"}).Messages(t.Context(), memory(t)) {
			if err != nil {
				return
			}
			if m.Position.Place <= last || m.Position.Place+m.Size > int64(len(text)) {
				t.Fatalf("part at %d, %d long, of %d", m.Position.Place, m.Size, len(text))
			}
			last = m.Position.Place
			r, err := m.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out, err := io.ReadAll(r)
			if err != nil || bytes.ContainsAny(bytes.ReplaceAll(out, []byte("\r\n"), nil), "\r\n\x00") {
				t.Fatalf("%q, %v", out, err)
			}
		}
	})
}
