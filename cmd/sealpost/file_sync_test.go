package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Folders go in and out whole, and again without being sent twice; nothing leads out.
func TestFoldersWhole(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	source := filepath.Join(d.home, "photos")
	for i := range 300 {
		file := filepath.Join(source, fmt.Sprintf("day %d", i%3), fmt.Sprintf("%d.marmoset", i))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("narwhal "+file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(source, "link")); err != nil {
		t.Fatal(err)
	}
	if out := d.do("put", source, "--to", "/albums"); !strings.Contains(out, "300 sent") || !strings.Contains(out, "link: neither a file nor a folder") {
		t.Errorf("put says %q", out)
	}
	if out := d.do("put", source, "--to", "/albums"); !strings.Contains(out, "nothing to do") && !strings.Contains(out, "1 left out") || strings.Contains(out, "sent") {
		t.Errorf("put again says %q", out)
	}
	nowhere(t, d.dir, "narwhal", "photos", "marmoset")
	back := filepath.Join(d.home, "back", "photos")
	if out := d.do("get", "/albums/photos", filepath.Dir(back)); !strings.Contains(out, "300 fetched") {
		t.Errorf("get says %q", out)
	}
	if got := string(read(t, filepath.Join(back, "day 2", "299.marmoset"))); got != "narwhal "+filepath.Join(source, "day 2", "299.marmoset") {
		t.Errorf("it comes back as %q", got)
	}
	if err := os.WriteFile(filepath.Join(back, "day 1", "1.marmoset"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.fails("is there already", "get", "/albums/photos", filepath.Dir(back))
	if got := string(read(t, filepath.Join(back, "day 1", "1.marmoset"))); got != "mine" {
		t.Errorf("what was there is %q", got)
	}
	d.do("mv", "/albums/photos", "/pictures")
	d.do("rm", "--now", "/pictures", "/albums")
	if out := d.do("ls"); out != "" {
		t.Errorf("ls says %q", out)
	}
}

// sync goes both ways, says what it would do, and holds deletions back.
func TestFileSync(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	dir := filepath.Join(d.home, "work")
	for i := range 12 {
		d.keepIn(dir, fmt.Sprintf("file %d.txt", i), "content")
	}
	if out := d.do("sync", dir, "/work", "--dry-run"); !strings.Contains(out, "sent\tfile 7.txt") || d.do("ls") != "" {
		t.Errorf("a rehearsal says %q", out)
	}
	if out := d.do("sync", dir, "/work", "--once"); !strings.Contains(out, "12 sent") {
		t.Errorf("sync says %q", out)
	}
	d.do("put", d.keep("extra", []byte("extra")), "--to", "/work")
	d.do("rm", "/work/file 3.txt")
	if out := d.do("sync", dir, "/work", "--once", "-v"); !strings.Contains(out, "1 fetched, 1 into the trash") || !strings.Contains(out, "fetched\textra") {
		t.Errorf("sync says %q", out)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	d.keepIn(dir, "new", "new")
	fails(t, exitHeld, []string{"12 files would be deleted"}, d.args([]string{"sync", dir, "/work", "--once"})...)
	if out := d.do("ls", "/work"); strings.Count(out, "\n") != 13 {
		t.Errorf("ls says %q", out)
	}
	d.do("sync", dir, "/work", "--once", "--allow-deletions")
	if out := d.do("ls", "/work"); out != "new\n" {
		t.Errorf("ls says %q", out)
	}
}

func (d *tablet) keepIn(dir, name, content string) {
	d.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}
