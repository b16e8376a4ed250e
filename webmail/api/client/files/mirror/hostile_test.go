package mirror

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/sealed"
)

// Where both wrote, both contents stay: the drive's under the name, the other beside it.
func TestConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	a.write("plan.txt", "first")
	a.write("kind", "a file")
	a.sync()
	b.sync()
	a.write("plan.txt", "anna's")
	a.sync()
	b.write("plan.txt", "bert's words")
	must(0, os.Remove(b.file("kind")))
	b.write("kind/inside", "a folder")
	if r := b.sync(); r.Conflicts != 1 {
		t.Errorf("%+v", r)
	}
	a.sync()
	mark := " (conflict " + time.Now().Format("2006-01-02") + " bert)"
	all := map[string]string{"plan.txt": "anna's", "plan" + mark + ".txt": "bert's words", "kind/": "", "kind/inside": "a folder"}
	a.want(all)
	b.want(all)
}

// What changes on one side is stronger than its deletion on the other.
func TestEditsOutliveDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	a.write("dir/one", "1")
	a.write("dir/two", "2")
	a.sync()
	b.sync()
	must(0, os.RemoveAll(a.file("dir")))
	b.write("dir/two", "2, later")
	b.sync()
	a.sync()
	b.sync()
	for _, d := range []*device{a, b} {
		d.want(map[string]string{"dir/": "", "dir/two": "2, later"})
	}
}

// More than half of many files are not deleted unasked, on neither side.
func TestDeletionsAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.device(t, "anna")
	for i := range 20 {
		a.write(fmt.Sprintf("%d", i), "content")
	}
	a.sync()
	for i := range 11 {
		must(0, os.Remove(a.file(fmt.Sprint(i))))
	}
	a.write("new", "new")
	if r := a.sync(); r.Held != 11 || r.Sent != 1 || r.Trashed != 0 {
		t.Errorf("%+v", r)
	}
	a.Deletions = true
	if r := a.sync(); r.Held != 0 || r.Trashed != 11 {
		t.Errorf("%+v", r)
	}
}

// Names of the drive lead nowhere but into the folder, whatever stands there.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	b.Direction, b.State = Down, ""
	names := []string{"..\\..\\up", "CON", ".profile", "-rf", "a:b", "~root", "x ", "Ünï", "ünï "}
	for _, n := range names {
		if !sealed.ValidName(n) {
			t.Fatalf("%q is no name of a drive", n)
		}
	}
	must(0, a.Drive.MakeFolder(t.Context(), "/work/linked"))
	top := must(a.Drive.Entry(t.Context(), "/work"))
	in := must(a.Drive.Entry(t.Context(), "/work/linked"))
	for id, names := range map[string][]string{top.ID: names, in.ID: {"escaped"}} {
		var all []sealed.Entry
		for _, n := range names {
			s := must2(filesSmall(n))
			must(0, a.Drive.Bring(t.Context(), s.all))
			all = append(all, s.entry)
		}
		must(0, a.Drive.Change(t.Context(), id, func(f *sealed.Folder) error { f.Entries = append(f.Entries, all...); return nil }))
	}
	outside := t.TempDir()
	must(0, os.Symlink(outside, b.file("linked")))
	r, err := b.try(t.Context())
	if err != nil || r.Fetched != len(names) || len(r.LeftOut) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if left := must(os.ReadDir(outside)); len(left) != 0 {
		t.Errorf("%v came through a link", left)
	}
	for _, e := range must(os.ReadDir(b.Dir)) {
		if n := e.Name(); n != "linked" && (sealed.LocalName(n) != n || strings.HasPrefix(n, ".")) {
			t.Errorf("%q is written", n)
		}
	}
}

// A folder in itself, and one that is older than it was, are refused, and nothing is done.
func TestFoldersThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.device(t, "anna")
	a.write("dir/file", "content")
	a.sync()
	dir := must(a.Drive.Entry(t.Context(), "/work/dir"))
	old, version, err := a.Drive.Server.Box(t.Context(), sealed.Drawer, dir.ID)
	if err != nil || version == 0 {
		t.Fatal(err)
	}
	must(0, a.Drive.Change(t.Context(), dir.ID, func(f *sealed.Folder) error {
		f.Entries = append(f.Entries, sealed.Entry{Kind: sealed.IsFolder, Name: "again", Version: sealed.Version{ID: dir.ID}})
		return nil
	}))
	must(0, os.Remove(a.file("dir/file")))
	if _, err := a.try(t.Context()); !errors.Is(err, sealed.ErrClosed) {
		t.Errorf("a folder in itself: %v", err)
	}
	must(0, a.Drive.Change(t.Context(), dir.ID, func(f *sealed.Folder) error { f.Entries = f.Entries[:1]; return nil }))
	behind := a.Drive.Server.HTTP.Transport
	a.Drive.Server.HTTP = &http.Client{Transport: older(func(r *http.Request) (*http.Response, error) {
		resp, err := behind.RoundTrip(r)
		if err == nil && r.Method == "GET" && strings.HasSuffix(r.URL.Path, dir.ID) {
			resp.Header.Set("ETag", fmt.Sprintf("%q", fmt.Sprint(version)))
			resp.Body, resp.ContentLength = readable(old), int64(len(old))
		}
		return resp, err
	})}
	if _, err := a.try(t.Context()); !errors.Is(err, sealed.ErrRolledBack) {
		t.Errorf("a folder of yesterday: %v", err)
	}
}

// With --hidden a dot stays, and all else is as it is without.
func TestHiddenNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{".env": ".env", "..x": "..x", ".sealpost-x": "_.sealpost-x", ".a:b": "_.a_b", "-rf": "_-rf", "CON": "_CON", ".x ": "_.x", "plain": "plain"} {
		if got := (Mirror{Hidden: true}).onDisk(name); got != want {
			t.Errorf("%q is written as %q, want %q", name, got, want)
		}
		if got := (Mirror{}).onDisk(name); strings.HasPrefix(got, ".") {
			t.Errorf("%q is written as %q", name, got)
		}
	}
}

// What somebody writes in the last moment is not lost when a file is replaced or deleted.
func TestTheLastMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.device(t, "anna")
	s := must(a.Open(t.Context()))
	defer s.Close()
	a.write("x", "as it was seen")
	info := must(s.root.Lstat("x"))
	h := &here{path: "x", size: info.Size(), at: info.ModTime().UnixNano()}
	a.write("part", "new")
	a.write("x", "written since, longer")
	if err := s.place(s.root, "part", "x", h); !errors.Is(err, errMoving) {
		t.Errorf("replaced: %v", err)
	}
	if err := s.throw(h); !errors.Is(err, errMoving) {
		t.Errorf("deleted: %v", err)
	}
	if err := s.place(s.root, "part", "x", nil); !errors.Is(err, errMoving) {
		t.Errorf("taken for free: %v", err)
	}
	a.want(map[string]string{"x": "written since, longer", "part": "new"})
}

// Lines of an ignore file are as those of gitignore.
func TestIgnore(t *testing.T) {
	t.Parallel()
	all := must(ParseIgnore(strings.NewReader("# comment\n*.tmp\n!keep.tmp\nbuild/\n/notes/*.log\ndeep/**/x\n[ab]?\n")))
	for path, want := range map[string]bool{
		"a.tmp": true, "d/e.tmp": true, "d/keep.tmp": false, "build/": true, "d/build/": true, "build": false, "notes/a.log": true, "d/notes/a.log": false,
		"notes/d/a.log": false, "deep/x": true, "deep/a/b/x": true, "a1": true, "c1": false, "A.TMP": false,
	} {
		name, dir := strings.CutSuffix(path, "/")
		if got := all.Match(name, dir); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, line := range []string{"[", "a[]b"} {
		if _, err := ParseIgnore(strings.NewReader(line)); err == nil {
			t.Errorf("%q is a line", line)
		}
	}
}

// Two programs do not keep one pair.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.device(t, "anna")
	s := must(a.Open(t.Context()))
	if _, err := a.try(t.Context()); !errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
	must(0, s.Close())
	a.sync()
}

// TestMain is also the program that is killed.
func TestMain(m *testing.M) {
	if line := os.Getenv("MIRROR_CHILD"); line != "" {
		child(strings.Split(line, "\n"))
	}
	os.Exit(m.Run())
}

// A program that is killed at any moment loses nothing, and the next goes on.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	want := map[string]string{}
	for i := range 200 {
		name := fmt.Sprintf("dir%d/%d", i%20, i)
		want[name], want[filepath.Dir(name)+"/"] = fmt.Sprintf("content %d", i), ""
		a.write(name, want[name])
	}
	for _, d := range []*device{a, b} {
		for n := range 3 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "MIRROR_CHILD="+d.line(w))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			must(0, cmd.Start())
			for lines := bufio.NewScanner(out); n >= 0 && lines.Scan(); n-- { // the first is said when it begins
			}
			time.Sleep(time.Duration(n+2) * 7 * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		d.sync()
		d.want(want)
	}
	a.sync() // where something still moved after the kill, what was left is looked after now
	b.sync()
	totals := must(w.files.Store.Totals(t.Context(), w.owner()))
	if totals.Objects != 200 {
		t.Errorf("%d objects are stored, want 200", totals.Objects)
	}
}
