package mirror

import (
	"os"
	"path/filepath"
	"testing"
)

func (d *device) file(name string) string { return filepath.Join(d.Dir, name) }

// What one device writes, moves and deletes, the other has.
func TestTwoDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	large := big(3, 2<<20)
	a.write("letters/may/one.txt", "one")
	a.write("letters/two.txt", "two")
	a.write("film.bin", large)
	a.write("empty", "")
	must(0, os.Mkdir(a.file("nothing"), 0o700))
	if r := a.sync(); r.Sent != 4 || r.Fetched != 0 {
		t.Errorf("%+v", r)
	}
	if r := b.sync(); r.Fetched != 4 || r.Sent != 0 {
		t.Errorf("%+v", r)
	}
	all := map[string]string{"letters/": "", "letters/may/": "", "letters/may/one.txt": "one", "letters/two.txt": "two", "film.bin": large, "empty": "", "nothing/": ""}
	b.want(all)
	if r := a.sync(); r.Sent+r.Fetched+r.Moved+r.Trashed != 0 {
		t.Errorf("nothing changed: %+v", r)
	}

	b.write("letters/may/one.txt", "one, later")
	must(0, os.Rename(b.file("film.bin"), b.file("letters/film 2.bin")))
	must(0, os.Remove(b.file("empty")))
	if r := b.sync(); r.Sent != 1 || r.Moved != 1 || r.Trashed != 1 {
		t.Errorf("%+v", r)
	}
	if r := a.sync(); r.Fetched != 1 || r.Moved != 1 || r.Trashed != 1 {
		t.Errorf("%+v", r)
	}
	all["letters/may/one.txt"] = "one, later"
	all["letters/film 2.bin"] = large
	delete(all, "film.bin")
	delete(all, "empty")
	a.want(all)

	must(0, os.Rename(a.file("letters"), a.file("post")))
	a.write("new", "new")
	if r := a.sync(); r.Sent != 1 || r.Moved != 3 {
		t.Errorf("%+v", r)
	}
	if r := b.sync(); r.Fetched != 1 || r.Moved != 3 {
		t.Errorf("%+v", r)
	}
	b.want(map[string]string{"post/": "", "post/may/": "", "post/may/one.txt": "one, later", "post/two.txt": "two", "post/film 2.bin": large, "nothing/": "", "new": "new"})
	must(0, os.RemoveAll(b.file("post")))
	b.sync()
	a.sync()
	a.want(map[string]string{"nothing/": "", "new": "new"})
	if in := treeOf(t, a.file(trash), true); len(in) == 0 {
		t.Error("what was deleted elsewhere is not in the trash here")
	}
}
