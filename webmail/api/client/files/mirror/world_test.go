package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
	"sealpost/webmail/api/client/roomtest"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a server with one account, whose drive devices use.
type world struct {
	t        testing.TB
	server   *httptest.Server
	password string
	key      []byte
	account  account.ID
	files    *drive.Drive
	requests atomic.Int64
	break_   atomic.Pointer[func(*http.Request) bool] // requests that get no answer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	r := roomtest.New(t)
	w := &world{t: t, key: make([]byte, 32), account: r.Account, files: r.API.Files, password: r.Password}
	rand.Read(w.key)
	begun := time.Now()
	r.API.Now = func() time.Time { return begun.Add(100 * time.Since(begun)) } // of the pace of requests
	w.server = r.Serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.requests.Add(1)
			if f := w.break_.Load(); f != nil && (*f)(r) {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(rw, r)
		})
	})
	return w
}

// device is one that keeps a folder alike with the drive.
type device struct {
	Mirror
	t testing.TB
}

func (w *world) device(t testing.TB, host string) *device {
	t.Helper()
	home := t.TempDir()
	d := &device{t: t, Mirror: Mirror{
		Drive: &files.Drive{
			Server: &client.Client{URL: w.server.URL, Address: "ann@demo.test", Password: w.password, HTTP: w.server.Client(), Queue: time.Minute},
			Boxes:  must(keyring.NewDrawer(string(w.account), sealed.Drawer, w.key)), Seen: must(files.OpenSeen(filepath.Join(home, "seen"))), Now: time.Now,
		},
		Dir: filepath.Join(home, "dir"), Path: "/work", State: filepath.Join(home, "state"), Cache: filepath.Join(home, "cache"), Host: host,
	}}
	must(0, os.Mkdir(d.Dir, 0o700))
	return d
}

func (d *device) write(name, content string) {
	d.t.Helper()
	file := filepath.Join(d.Dir, name)
	must(0, os.MkdirAll(filepath.Dir(file), 0o700))
	must(0, os.WriteFile(file, []byte(content), 0o600))
}

func (d *device) sync() Report {
	d.t.Helper()
	r, err := d.try(d.t.Context())
	if err != nil || len(r.Failed) > 0 {
		d.t.Fatalf("%s: %+v, %v", d.Host, r, err)
	}
	return r
}

func (d *device) try(ctx context.Context) (Report, error) {
	s, err := d.Open(ctx)
	if err != nil {
		return Report{}, err
	}
	r, err := s.Once(ctx)
	return r, errors.Join(err, s.Close())
}

// tree is what a folder holds, without what is ours; folders end with a slash.
func (d *device) tree() map[string]string { return treeOf(d.t, d.Dir, false) }

func treeOf(t testing.TB, dir string, trash bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		switch {
		case strings.HasPrefix(e.Name(), Ours) && !trash:
			if e.IsDir() {
				return fs.SkipDir
			}
			t.Errorf("%s is left", rel)
		case e.IsDir():
			all[rel+"/"] = ""
		default:
			all[rel] = string(must(os.ReadFile(path)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (d *device) want(all map[string]string) {
	d.t.Helper()
	got := d.tree()
	for name, content := range all {
		if c, there := got[name]; !there || c != content {
			d.t.Errorf("%s: %s holds %.40q, %v; want %.40q", d.Host, name, c, there, content)
		}
	}
	for name := range got {
		if _, wanted := all[name]; !wanted {
			d.t.Errorf("%s: %s should not be there", d.Host, name)
		}
	}
}

func big(seed byte, n int) string {
	return string(bytes.Repeat([]byte{seed, 1, 2, 3, 5, 7, 11}, n/7+1)[:n])
}

func (w *world) owner() drive.Owner { return drive.Owner(w.account) }

// serial asks of one request after another whether it is broken off.
func (w *world) serial(f func(*http.Request) bool) {
	var mu sync.Mutex
	one := func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		return f(r)
	}
	w.break_.Store(&one)
}

type older func(*http.Request) (*http.Response, error)

func (o older) RoundTrip(r *http.Request) (*http.Response, error) { return o(r) }

func readable(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

type small struct {
	all   []files.Small
	entry sealed.Entry
}

func filesSmall(name string) (small, error) {
	s, err := files.SealSmall(name, []byte("content of "+name), time.Now())
	return small{[]files.Small{s}, s.Entry}, err
}

func must2[V any](v V, err error) V { return must(v, err) }

// line is what another process needs to be this device.
func (d *device) line(w *world) string {
	return strings.Join([]string{w.server.URL, w.password, string(w.account), hex.EncodeToString(w.key), filepath.Dir(d.Dir), d.Host}, "\n")
}

// child is a device in a process of its own.
func child(line []string) {
	key, home := must(hex.DecodeString(line[3])), line[4]
	m := Mirror{
		Drive: &files.Drive{
			Server: &client.Client{URL: line[0], Address: "ann@demo.test", Password: line[1], Queue: time.Minute, HTTP: &http.Client{
				Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // of a test's server
			}},
			Boxes: must(keyring.NewDrawer(line[2], sealed.Drawer, key)), Seen: must(files.OpenSeen(filepath.Join(home, "seen"))), Now: time.Now,
		},
		Dir: filepath.Join(home, "dir"), Path: "/work", State: filepath.Join(home, "state"), Cache: filepath.Join(home, "cache"), Host: line[5],
		Say: func(d Deed) { fmt.Println(d.What) },
	}
	fmt.Println("begun")
	s, err := m.Open(context.Background())
	if err == nil {
		_, err = s.Once(context.Background())
	}
	if err != nil {
		fmt.Println(err)
	}
	os.Exit(0)
}
