package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealpost/move"
)

// writeMaildir makes a Maildir of n messages and returns their texts, sorted.
func writeMaildir(t *testing.T, dir string, n int) (texts []string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		text := fmt.Sprintf("From: a@example.org\r\nSubject: mail %d\r\n\r\nthe canary sings %s\r\n", i, strings.Repeat("la ", i*37%4000))
		texts = append(texts, text)
		name := fmt.Sprintf("%d.%d.host:2,S", 1_000_000_000+i, i)
		if err := os.WriteFile(filepath.Join(dir, "cur", name), []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(texts)
	return texts
}

// read all messages of an exported Maildir.
func exported(t *testing.T, dir string) (texts []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "cur", "*:2,S"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		texts = append(texts, string(read(t, n)))
	}
	slices.Sort(texts)
	return texts
}

// An import is broken off by a full mailbox, goes on once there is room, doubles
// nothing and loses nothing; an export gives back what came, sealed or opened.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--quota=1MiB", config)
	s.serve(t)
	texts := writeMaildir(t, filepath.Join(s.dir, "md"), 400)
	journal := "--journal=" + filepath.Join(s.dir, "journal")
	fails(t, exitFailed, []string{"over quota", "stored so far; the same command goes on"},
		"import", "ann@demo.test", "--maildir", filepath.Join(s.dir, "md"), journal, config)
	must(t, "account", "set", "ann@demo.test", "--quota=1GiB", config)
	out := must(t, "import", "ann@demo.test", "--maildir", filepath.Join(s.dir, "md"), journal, config)
	if strings.HasPrefix(out, "400 ") || strings.HasPrefix(out, "0 ") {
		t.Errorf("the second run stored %s; it was to go on", out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "journal")); err == nil {
		t.Error("the journal is still there")
	}
	sealed, opened := filepath.Join(s.dir, "sealed"), filepath.Join(s.dir, "opened")
	must(t, "export", "ann@demo.test", "--to", sealed, config)
	must(t, "export", "ann@demo.test", "--to", opened, "--key", secret, config)
	if got := exported(t, opened); !slices.Equal(got, texts) {
		t.Errorf("%d messages came back, want %d, and byte for byte", len(got), len(texts))
	}
	if got := exported(t, sealed); len(got) != len(texts) {
		t.Errorf("%d sealed messages, want %d", len(got), len(texts))
	}
	if nothingReadable(t, sealed, "canary") == 0 || nothingReadable(t, s.settings.Data, "canary") == 0 {
		t.Error("no files to look at")
	}
	fails(t, exitFailed, []string{"is not empty"}, "export", "ann@demo.test", "--to", sealed, config)
}

// Without a server the command does the work itself.
func TestImportWithoutAServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	var mbox bytes.Buffer
	for i := range 30 {
		fmt.Fprintf(&mbox, "From x Mon Jan  2 15:04:%02d 2006\nSubject: %d\n\ntext\n\n", i, i)
	}
	s.write(t, "Old.mbox", mbox.Bytes())
	out := must(t, "import", "ann@demo.test", "--mbox", filepath.Join(s.dir, "Old.mbox"), "--journal", filepath.Join(s.dir, "j"), config)
	if !strings.HasPrefix(out, "30 messages ") {
		t.Errorf("import says %s", out)
	}
	if got := must(t, "message", "get", "ann@demo.test", "30", "--mailbox=Old", config); !strings.Contains(got, "BEGIN PGP MESSAGE") {
		t.Errorf("the last message is\n%s", got)
	}
	fails(t, exitFailed, []string{"expected one of --mbox"}, "import", "ann@demo.test", config)
	fails(t, exitFailed, []string{"no such account"}, "import", "eve@demo.test", "--mbox", filepath.Join(s.dir, "Old.mbox"), "--journal", filepath.Join(s.dir, "j"), config)
}

// What could not be sealed is named, whenever the server says so.
func TestImportNamesWhatStayedBehind(t *testing.T) {
	t.Parallel()
	j, err := move.OpenJournal("", "")
	if err != nil {
		t.Fatal(err)
	}
	f := ferry{journal: j, bar: &bar{silent: true}, room: make(chan struct{}, onTheWay)}
	for i := range 5 {
		f.sent = append(f.sent, move.Position{Part: "box", Name: fmt.Sprint("m", i)})
		f.room <- struct{}{}
	}
	said := `{"step":{"what":"stored","done":3,"of":0,"failed":[1]}}
{"step":{"what":"stored","done":5,"of":0,"failed":[3,4]}}
{"answer":{"messages":2,"bytes":9,"failed":[1,3,4]}}
`
	r, err := f.listen(strings.NewReader(said))
	if err != nil || r.Messages != 2 || len(f.room) != 0 {
		t.Errorf("%d messages, %d on the way, %v", r.Messages, len(f.room), err)
	}
	for i, name := range []string{"m0", "m1", "m2", "m3", "m4"} {
		if arrived := i == 0 || i == 2; j.Has(move.Position{Part: "box", Name: name}) != arrived {
			t.Errorf("the journal has %s: %v", name, !arrived)
		}
	}
	for i, want := range []string{"m1", "m3", "m4"} {
		if len(f.bad) != 3 || !strings.Contains(f.bad[i], want) {
			t.Errorf("stayed behind: %q, want %s", f.bad, want)
		}
	}
	cut, err := f.listen(strings.NewReader(`{"step":{"done":7,"failed":[5]}}` + "\n"))
	if err == nil || cut.Messages != 6 {
		t.Errorf("%d messages are stored, %v", cut.Messages, err)
	}
}

// flaky is an mbox of ten messages, of which some cannot be read.
type flaky struct{ bad []int64 }

func (flaky) Total(context.Context) (int64, string) { return 0, "messages" }

func (f flaky) Messages(_ context.Context, j *move.Journal) iter.Seq2[move.Message, error] {
	return func(yield func(move.Message, error) bool) {
		for n := range int64(10) {
			at := move.Position{Part: "x.mbox", Place: n * 100}
			m := move.Message{Mailbox: "INBOX", Position: at, Open: func(context.Context) (io.ReadCloser, error) {
				if slices.Contains(f.bad, n) {
					return nil, errors.New("no such sector")
				}
				return io.NopCloser(strings.NewReader(fmt.Sprintf("Subject: %d\r\n\r\ntext\r\n", n))), nil
			}}
			if !j.Has(at) && !yield(m, nil) {
				return
			}
		}
	}
}

// What stayed behind comes the next time, and nothing comes twice.
func TestImportBringsWhatStayedBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	for _, run := range []struct {
		bad         []int64
		stored, all int
	}{{[]int64{0, 4, 9}, 7, 7}, {[]int64{4}, 2, 9}, {[]int64{4}, 0, 9}, {nil, 1, 10}, {nil, 0, 10}} {
		j, err := move.OpenJournal(filepath.Join(s.dir, "journal"), "one")
		if err != nil {
			t.Fatal(err)
		}
		f := ferry{source: flaky{run.bad}, journal: j, file: s.config, address: "ann@demo.test", bar: &bar{silent: true}}
		r, err := f.run(t.Context())
		if err := errors.Join(err, j.Close()); err != nil || r.Messages != run.stored || len(f.bad) != len(run.bad) {
			t.Errorf("without %v: %d stored, %q stayed behind, %v", run.bad, r.Messages, f.bad, err)
		}
		if out := must(t, "verify", config); !strings.Contains(out, fmt.Sprintf(" %d messages,", run.all)) {
			t.Errorf("without %v there are %s, want %d", run.bad, out, run.all)
		}
	}
}

// Root without a server works as the owner of the data folder, and says so when the
// owner may not read the source, before anything is stored. The journal is root's.
func TestImportStandsIn(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another")
	}
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	err := filepath.WalkDir(s.settings.Data, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 65534, 65534))
	})
	mine := filepath.Join(s.dir, "mine")
	if err := errors.Join(err, os.Chown(s.settings.Queue.Key, 65534, 65534), os.Chmod(filepath.Dir(s.dir), 0o755), os.Chmod(s.dir, 0o755), os.Mkdir(mine, 0o700)); err != nil {
		t.Fatal(err)
	}
	text := []byte("From x Mon Jan  2 15:04:05 2006\nSubject: x\n\ntext\n\n")
	closed, open, journal := s.write(t, "mine/Old.mbox", text), s.write(t, "Old.mbox", text), filepath.Join(mine, "journal")
	if err := errors.Join(os.Chmod(open, 0o644), os.Chmod(s.config, 0o644)); err != nil {
		t.Fatal(err)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "import", "ann@demo.test", "--mbox", closed, "--journal", journal, config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "start the server first") || !strings.Contains(string(out), "0 messages stored") {
		t.Errorf("a source that the owner may not read: %v, %s", err, out)
	}
	if out, err := exec.Command(program, "import", "ann@demo.test", "--mbox", open, "--journal", journal, config).CombinedOutput(); err != nil {
		t.Errorf("a source that the owner may read: %v, %s", err, out)
	}
	out, err = exec.Command(program, "export", "ann@demo.test", "--to", filepath.Join(mine, "out"), config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "start the server first") {
		t.Errorf("a folder that the owner may not write to: %v, %s", err, out)
	}
}
