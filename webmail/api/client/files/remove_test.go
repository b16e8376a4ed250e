package files_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
	"sealpost/webmail/api/client/roomtest"
)

var long = flag.Bool("long", false, "delete 10,000 files, not 2,000")

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a server with one account, whose drive devices use.
type world struct {
	t     *testing.T
	room  *roomtest.Room
	open  func() *client.Client
	key   []byte
	asked atomic.Int64
	touch atomic.Pointer[func(*http.Request) (before, after bool)] // which requests break off
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, room: roomtest.New(t), key: make([]byte, 32)}
	rand.Read(w.key)
	s := w.room.Serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.asked.Add(1)
			before, after := false, false
			if f := w.touch.Load(); f != nil {
				before, after = (*f)(r)
			}
			if before {
				panic(http.ErrAbortHandler)
			}
			if !after {
				h.ServeHTTP(rw, r)
				return
			}
			h.ServeHTTP(&nobody{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		})
	})
	w.open = func() *client.Client {
		c := w.room.Client(s)
		c.Queue = time.Minute
		return c
	}
	return w
}

// nobody hears no answer.
type nobody struct{ header http.Header }

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n *nobody) WriteHeader(int)             {}

func (w *world) device() *files.Drive {
	return &files.Drive{
		Server: w.open(), Boxes: must(keyring.NewDrawer(string(w.room.Account), sealed.Drawer, w.key)),
		Seen: must(files.OpenSeen("")), Now: time.Now,
	}
}

// fill puts so many files into a folder.
func (w *world) fill(d *files.Drive, folder string, n int) {
	w.t.Helper()
	if err := d.MakeFolder(w.t.Context(), folder); err != nil {
		w.t.Fatal(err)
	}
	var all []sealed.Entry
	for len(all) < n {
		var some []files.Small
		for range min(n-len(all), client.MostBatch) {
			s := must(files.SealSmall(fmt.Sprintf("%d.txt", len(all)), []byte(folder), time.Now()))
			some, all = append(some, s), append(all, s.Entry)
		}
		if err := d.Bring(w.t.Context(), some); err != nil {
			w.t.Fatal(err)
		}
	}
	id := must(d.Entry(w.t.Context(), folder)).ID
	if err := d.Change(w.t.Context(), id, func(f *sealed.Folder) error {
		f.Entries = append(f.Entries, all...)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) totals() drive.Totals {
	return must(w.room.API.Files.Store.Totals(context.Background(), drive.Owner(w.room.Account)))
}

// boxes are how many folders are there, with the root.
func (w *world) boxes() (n int) {
	for _, i := range must(w.open().Cabinet(context.Background(), 0)).Items {
		if i.Drawer == sealed.Drawer && !i.Gone {
			n++
		}
	}
	return n
}

// whole says that everything a device is led to, in folders and trash, is there.
func (w *world) whole(what string) {
	w.t.Helper()
	d := w.device()
	var look func(id, path string)
	look = func(id, path string) {
		f, _, err := d.Folder(w.t.Context(), id)
		if err != nil {
			w.t.Errorf("%s: %s leads to nothing: %v", what, path, err)
			return
		}
		for _, e := range f.Entries {
			if e.Doomed {
				continue
			}
			if e.Kind == sealed.IsFolder {
				look(e.ID, path+"/"+e.Name)
			} else if _, err := d.Server.File(w.t.Context(), e.ID); err != nil {
				w.t.Errorf("%s: %s/%s leads to nothing: %v", what, path, e.Name, err)
			}
		}
	}
	look(sealed.Root, "")
}

// Thousands of files go in a few dozen requests, and are told of.
func TestRemoveMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.device()
	files := 2000
	if *long {
		files = 10_000
	}
	w.fill(d, "/photos", files-1000)
	w.fill(d, "/photos/a", 600)
	w.fill(d, "/photos/a/b", 400)
	w.fill(d, "/stays", 3)
	was, begun, told := w.asked.Load(), time.Now(), 0
	if err := d.Remove(t.Context(), "/photos", func(done, known int) {
		if done < told || done > known {
			t.Errorf("%d of %d after %d", done, known, told)
		}
		told = done
	}); err != nil {
		t.Fatal(err)
	}
	n := w.asked.Load() - was
	t.Logf("%d files in %d requests, %v", files, n, time.Since(begun).Round(time.Millisecond))
	if got := w.totals(); n > 80 || told != files || got.Objects != 3 || w.boxes() != 2 {
		t.Errorf("%d requests, told of %d, %+v and %d folders are left", n, told, got, w.boxes())
	}
	w.whole("after")
}

// Whenever a deletion breaks off, and whether the server did what it was asked last, nobody
// is led to nothing, and the same call goes on to the end.
func TestRemoveBrokenOff(t *testing.T) {
	t.Parallel()
	requests := removeCut(t, 1<<30, false)
	if requests < 10 {
		t.Errorf("%d requests", requests)
	}
	for n := range requests {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d done %v", n+1, after), func(t *testing.T) {
				t.Parallel()
				removeCut(t, n+1, after)
			})
		}
	}
}

// removeCut cuts the connection at a request, which the server heard or not, and from then
// on; it says how many there were.
func removeCut(t *testing.T, n int64, after bool) int64 {
	w := newWorld(t)
	d := w.device()
	w.fill(d, "/a", 3)
	w.fill(d, "/a/b", 270)
	w.fill(d, "/a/c", 2)
	w.fill(d, "/stays", 2)
	from := w.asked.Load()
	cut := func(*http.Request) (bool, bool) {
		now := w.asked.Load() - from
		return now > n || now == n && !after, now == n
	}
	w.touch.Store(&cut)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if n < 1<<30 {
		defer time.AfterFunc(2*time.Second, stop).Stop() // who asks again is not waited for
	}
	err := d.Remove(ctx, "/a", nil)
	requests := w.asked.Load() - from
	if (err != nil) != (n <= requests) {
		t.Errorf("%d requests, cut at %d: %v", requests, n, err)
	}
	w.touch.Store(nil)
	w.whole("cut")
	if err := w.device().Remove(t.Context(), "/a", nil); err != nil && !errors.Is(err, files.ErrNone) {
		t.Errorf("again: %v", err)
	}
	if got := w.totals(); got.Objects != 2 || w.boxes() != 2 {
		t.Errorf("%+v and %d folders are left", got, w.boxes())
	}
	w.whole("again")
	return requests
}

// What is doomed is in no list, and nobody gets it back.
func TestDoomedIsNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.device()
	w.fill(d, "/a", 3)
	cut := func(r *http.Request) (bool, bool) { return r.Method == "DELETE", false }
	w.touch.Store(&cut)
	ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer stop()
	if err := d.Remove(ctx, "/a/0.txt", nil); err == nil {
		t.Fatal("it was deleted")
	}
	w.touch.Store(nil)
	for _, trash := range []bool{false, true} {
		for _, e := range must(d.List(t.Context(), "/a", trash)) {
			if e.Name == "0.txt" {
				t.Errorf("listed, in the trash: %v", trash)
			}
		}
	}
	if err := d.Restore(t.Context(), "/a/0.txt"); !errors.Is(err, files.ErrNone) {
		t.Errorf("restore: %v", err)
	}
	if err := d.Move(t.Context(), "/a/0.txt", "/b"); !errors.Is(err, files.ErrNone) {
		t.Errorf("move: %v", err)
	}
	if err := d.Remove(t.Context(), "/a/1.txt", nil); err != nil { // finishes both
		t.Fatal(err)
	}
	if got := w.totals(); got.Objects != 1 {
		t.Errorf("%+v", got)
	}
}

// Who moves a file out of a folder that another device deletes for good has it, or is told
// that it is gone: it is never led to nothing.
func TestRemoveAgainstMove(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"PUT", "DELETE"} { // of the folder's box
		for _, first := range []bool{true, false} {
			w := newWorld(t)
			a, b := w.device(), w.device()
			w.fill(a, "/old", 2)
			w.fill(a, "/old/sub", 2)
			w.fill(a, "/new", 1)
			sub := must(a.Entry(t.Context(), "/old/sub")).ID
			var did atomic.Bool
			during := func(r *http.Request) (bool, bool) {
				mine := strings.HasSuffix(r.URL.Path, "/"+sub) && r.Method == at
				if first { // one moves, and the other deletes all of it before the last step
					mine = strings.HasSuffix(r.URL.Path, "/"+sub) && r.Method == "PUT"
				}
				if !mine || !did.CompareAndSwap(false, true) {
					return false, false
				}
				if first {
					if err := a.Remove(t.Context(), "/old", nil); err != nil {
						t.Error(err)
					}
				} else {
					_ = b.Move(t.Context(), "/old/sub/0.txt", "/new/moved.txt")
				}
				return false, false
			}
			if _, err := b.Entry(t.Context(), "/old/sub/0.txt"); err != nil {
				t.Fatal(err)
			}
			w.touch.Store(&during)
			if first {
				_ = b.Move(t.Context(), "/old/sub/0.txt", "/new/moved.txt")
			} else if err := a.Remove(t.Context(), "/old", nil); err != nil {
				t.Error(err)
			}
			w.touch.Store(nil)
			what := fmt.Sprintf("at %s, the move first: %v", at, first)
			if !did.Load() {
				t.Errorf("%s: they did not meet", what)
			}
			w.whole(what)
			visible := int64(1)
			if _, err := w.device().Entry(t.Context(), "/new/moved.txt"); err == nil {
				visible++
			}
			if got := w.totals(); got.Objects != visible {
				t.Errorf("%s: %d files are led to, %+v", what, visible, got)
			}
		}
	}
}

// A folder whose making was done, though nobody heard the answer, leads somewhere.
func TestFolderInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.device()
	w.fill(d, "/there", 1)
	lost := func(r *http.Request) (bool, bool) {
		return false, r.Method == "PUT" && strings.HasSuffix(r.URL.Path, "/"+sealed.Root)
	}
	w.touch.Store(&lost)
	if err := d.MakeFolder(t.Context(), "/fresh"); err == nil {
		t.Error("the answer was heard")
	}
	w.touch.Store(nil)
	w.whole("in doubt")
	if _, err := w.device().Entry(t.Context(), "/fresh"); err != nil {
		t.Error(err)
	}
}

// One file that two devices move at the same time stands somewhere, whoever was faster.
func TestMovesAtOnce(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"/new/0.txt", "/new/other.txt", "/else/0.txt"} {
		w := newWorld(t)
		a, b := w.device(), w.device()
		w.fill(a, "/old", 1)
		w.fill(a, "/new", 0)
		w.fill(a, "/else", 0)
		old, into := must(a.Entry(t.Context(), "/old")).ID, must(a.Entry(t.Context(), last[:strings.LastIndex(last, "/")])).ID
		for _, at := range []string{old, into} { // before one device writes there, the other moves it all the way
			var did atomic.Bool
			during := func(r *http.Request) (bool, bool) {
				if r.Method == "PUT" && strings.HasSuffix(r.URL.Path, "/"+at) && did.CompareAndSwap(false, true) {
					if err := b.Move(t.Context(), "/old/0.txt", "/new/other.txt"); err != nil {
						t.Log(err)
					}
				}
				return false, false
			}
			w.touch.Store(&during)
			err := a.Move(t.Context(), "/old/0.txt", last)
			w.touch.Store(nil)
			n := 0
			for _, folder := range []string{"/old", "/new", "/else"} {
				for _, e := range must(w.device().List(t.Context(), folder, false)) {
					n++
					if folder != "/old" {
						_ = a.Move(t.Context(), folder+"/"+e.Name, "/old/0.txt")
					}
				}
			}
			if n == 0 {
				t.Fatalf("moved to %s and elsewhere, it is nowhere: %v", last, err)
			}
		}
	}
}

// A move that has put a file into its new place when another device deletes the old folder
// for good, and wants to take it out of there while its objects go, takes it back.
func TestRemoveMeetsMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(), w.device()
	w.fill(a, "/old", 2)
	w.fill(a, "/new", 1)
	old := must(a.Entry(t.Context(), "/old")).ID
	var held atomic.Bool
	reached, on, moved := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	meet := func(r *http.Request) (bool, bool) {
		switch {
		case r.Method == "PUT" && strings.HasSuffix(r.URL.Path, "/"+old) && held.CompareAndSwap(false, true):
			close(reached)
			<-on
		case r.Method == "DELETE" && strings.HasSuffix(r.URL.Path, "/"+old): // its objects are gone
			select {
			case <-on:
			default:
				close(on)
				moved <- <-moved
			}
		}
		return false, false
	}
	w.touch.Store(&meet)
	go func() { moved <- b.Move(t.Context(), "/old/0.txt", "/new/moved.txt") }()
	<-reached
	if err := a.Remove(t.Context(), "/old", nil); err != nil {
		t.Error(err)
	}
	err := <-moved
	w.touch.Store(nil)
	w.whole(fmt.Sprintf("the move says %v", err))
	if got := w.totals(); got.Objects != 1 || w.boxes() != 2 {
		t.Errorf("%+v and %d folders are left", got, w.boxes())
	}
}
