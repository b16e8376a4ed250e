package mirror

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/webmail/api/client/files"
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

// A clock that is wrong for a day empties no trash; what lay there long twice goes.
func TestTrashOutlivesClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.device(t, "pi")
	now := time.Now()
	d.Drive.Now = func() time.Time { return now }
	d.write(trash+"/"+now.AddDate(0, 0, -1).Format("2006-01-02")+"/walrus.txt", "walrus")
	d.write("stays.txt", "stays")
	left := func() bool {
		for _, content := range treeOf(t, d.file(trash), true) {
			if content == "walrus" {
				return true
			}
		}
		return false
	}
	for _, day := range []int{0, 20, 400, 0, -900, 0, 20} { // ahead by a year, back by years
		now = time.Now().AddDate(0, 0, day)
		d.sync()
		if !left() {
			t.Fatalf("the trash was emptied on day %d", day)
		}
	}
	for _, day := range []int{31, 435, 470} {
		now = time.Now().AddDate(0, 0, day)
		d.sync()
	}
	if left() {
		t.Error("the trash is never emptied")
	}
}

// What a call that was killed had stored is deleted once that is sure, also where it was
// not at the first time.
func TestOrphansAreNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.device(t, "anna")
	d.write("x", "x")
	d.sync()
	must(0, d.Drive.MakeFolder(t.Context(), "/other"))
	other := must(d.Drive.Entry(t.Context(), "/other")).ID
	lost := must(files.SealSmall("lost", []byte("lost"), time.Now()))
	must(0, d.Drive.Bring(t.Context(), []files.Small{lost}))
	s := must(d.Open(t.Context()))
	must(0, s.state.note(entry{Sent: []string{lost.Entry.ID}}))
	must(0, s.Close())
	unread := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/"+other) }
	w.break_.Store(&unread)
	d.write("y", "y")
	d.sync()
	w.break_.Store(nil)
	d.sync()
	if got := must(w.files.Store.Totals(t.Context(), w.owner())); got.Objects != 2 {
		t.Errorf("%d objects are stored, want 2", got.Objects)
	}
}
