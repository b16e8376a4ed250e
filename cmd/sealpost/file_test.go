package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/filestore/storagetest"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client/files"
)

// ann is an account with a sign-in, made once: its keys take a while.
var ann = sync.OnceValues(func() (joined struct {
	keyring.Join
	kit string
}, err error) {
	_, j, kit, err := keyring.New("ann@demo.test", "Ann", "correct horse battery staple", hex.EncodeToString(bytes.Repeat([]byte{7}, 8)))
	joined.Join, joined.kit = j, strings.Join(kit.Words(), " ")
	return joined, err
})

// tablet is a device that uses a drive of a running server.
type tablet struct {
	*site
	t                    testing.TB
	up                   *server
	url, ca, kit         string
	profile, cache, home string
}

func newTablet(t testing.TB) *tablet {
	t.Helper()
	s := newSite(t)
	s.settings.HTTP.ListenTLS, s.settings.HTTP.Names = []string{"127.0.0.1:0"}, []string{"localhost"}
	d := &tablet{site: s, t: t, up: s.serve(t), ca: filepath.Join(s.dir, "ca.pem"), home: t.TempDir()}
	d.profile, d.cache = filepath.Join(d.home, "file.json"), filepath.Join(d.home, "cache")
	j, err := ann()
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := d.up.desk.Invite(t.Context(), j.Address, false, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.up.desk.Join(t.Context(), account.Caller{}, signin.Joining{
		Token: token, Address: j.Address, ID: account.ID(j.Account), Cert: j.Certificate, ListKey: j.ListKey, Profile: j.Profile, Salt: j.Salt,
		KDF:   signin.KDF{Name: j.KDF.Name, Memory: int(j.KDF.Memory), Iterations: int(j.KDF.Iterations), Lanes: int(j.KDF.Lanes)},
		Proof: j.Proof, KitProof: j.KitProof, Containers: j.Containers, Device: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.up.desk.End(t.Context(), e.ID, e.Session.ID); err != nil {
		t.Fatal(err)
	}
	port := d.up.httpsDoors[0].Addr().String()
	d.url = "https://localhost" + port[strings.LastIndex(port, ":"):]
	d.kit = d.keep("kit", []byte(j.kit+"\n"))
	must(t, "file", "login", j.Address, "--server", d.url, "--ca", d.ca, "--kit-file", d.kit, "--profile", d.profile, "--device", "laptop")
	return d
}

// keep writes a file of the device, and names it.
// otherEnd is a link with another secret.
func otherEnd(link string) string {
	if end := "AA"; !strings.HasSuffix(link, end) {
		return link[:len(link)-2] + end
	}
	return link[:len(link)-2] + "BA"
}

func (d *tablet) keep(name string, b []byte) string {
	d.t.Helper()
	file := filepath.Join(d.home, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return file
}

func (d *tablet) args(words []string) []string {
	args := append([]string{"file"}, words...)
	if words[0] == "put" || words[0] == "sync" {
		args = append(args, "--cache", d.cache)
	}
	return append(args, "--profile", d.profile)
}

func (d *tablet) do(words ...string) string {
	d.t.Helper()
	return must(d.t, d.args(words)...)
}

func (d *tablet) fails(want string, words ...string) {
	d.t.Helper()
	fails(d.t, exitFailed, []string{want}, d.args(words)...)
}

// room is the client of the device, for what no command does.
func (d *tablet) room() *files.Drive {
	d.t.Helper()
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		d.t.Fatal(err)
	}
	seen, err := files.OpenSeen("")
	if err != nil {
		d.t.Fatal(err)
	}
	room, err := p.Drive(seen, time.Now)
	if err != nil {
		d.t.Fatal(err)
	}
	return room
}

// A file goes in, is listed, moved, fetched, deleted; and its name and content stand
// nowhere at the server.
func TestFilesRoundTrip(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	content := append(storagetest.Content(1, 1<<20+17), "the narwhal sings at noon"...)
	source := d.keep("quarterly narwhal.pdf", content)
	d.do("mkdir", "/letters/may")
	d.do("put", source, "--to", "/letters/may")
	d.do("put", source, "--name", "empty")
	if out := d.do("ls"); out != "empty\nletters/\n" {
		t.Errorf("ls says %q", out)
	}
	d.do("mv", "/letters/may/quarterly narwhal.pdf", "/letters/narwhal.pdf")
	to := filepath.Join(d.home, "back")
	d.do("get", "letters/narwhal.pdf", to)
	if got := read(t, to); !bytes.Equal(got, content) {
		t.Errorf("%d bytes come back, not those that went in", len(got))
	}
	d.fails("is there already", "get", "letters/narwhal.pdf", to)
	d.do("get", "letters/narwhal.pdf", to, "--force")
	d.do("put", d.keep("narwhal.pdf", []byte("second")), "--to", "/letters")
	if out := d.do("ls", "-l", "/letters"); !strings.Contains(out, "6 B") || !strings.Contains(out, "2 versions") || !strings.Contains(out, "may/") {
		t.Errorf("ls -l says %q", out)
	}
	d.fails("expected a folder", "put", source, "--to", "/letters/narwhal.pdf")
	d.fails("no such file or folder", "get", "/none/narwhal.pdf")
	d.fails("does not go into itself", "mv", "/letters", "/letters/may")
	nowhere(t, d.dir, "narwhal", "letters")
	if waits, err := os.ReadDir(d.cache); err != nil || len(waits) != 0 {
		t.Errorf("the cache still has %v, %v", waits, err)
	}

	d.do("rm", "/letters/narwhal.pdf")
	if out := d.do("ls", "/letters") + d.do("ls", "--trash", "/letters"); out != "may/\nnarwhal.pdf\n" {
		t.Errorf("after rm: %q", out)
	}
	d.do("restore", "/letters/narwhal.pdf")
	d.do("rm", "--now", "/letters", "empty")
	if out := d.do("ls"); out != "" {
		t.Errorf("after rm --now: %q", out)
	}
	totals, err := d.up.files.Store.Totals(t.Context(), drive.Owner(accountOf(t, d)))
	if err != nil || totals.Objects != 0 || totals.Bytes != 0 {
		t.Errorf("rm --now leaves %+v, %v", totals, err)
	}
}

func accountOf(t testing.TB, d *tablet) string {
	t.Helper()
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		t.Fatal(err)
	}
	return p.Account
}

// nowhere looks for words in every file of a folder.
func nowhere(t testing.TB, dir string, words ...string) {
	t.Helper()
	looked := 0
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				t.Errorf("%q stands in %s", w, path)
			}
		}
		looked++
		return err
	})
	if err != nil || looked < 2 {
		t.Errorf("looked into %d files, %v", looked, err)
	}
}

// The profile is for its owner alone and opens the drive only; logout ends it at the
// server too.
func TestFileLogin(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	if info, err := os.Stat(d.profile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the profile has %v, %v", info.Mode(), err)
	}
	p, err := files.ReadProfile(d.profile)
	if err != nil || p.Name != "files on laptop" {
		t.Fatalf("%q, %v", p.Name, err)
	}
	a, err := d.up.find(t.Context(), "ann@demo.test")
	if err != nil || len(a.Passwords) != 1 || strings.Join(a.Passwords[0].AllScopes(), " ") != "api" {
		t.Errorf("%+v, %v", a.Passwords, err)
	}
	if all, err := d.up.desk.Sessions(t.Context(), a.ID); err != nil || len(all) != 0 {
		t.Errorf("login leaves %d sessions, %v", len(all), err)
	}
	d.fails("is there already", "login", "ann@demo.test", "--server", d.url, "--ca", d.ca, "--kit-file", d.kit)
	other := filepath.Join(d.home, "other.json")
	fails(t, exitFailed, []string{"expected the 24 words"}, "file", "login", "ann@demo.test", "--server", d.url, "--ca", d.ca, "--kit-file", d.ca, "--profile", other)
	fails(t, exitFailed, []string{"expected a server such as"}, "file", "login", "ann@demo.test", "--server", "http://localhost", "--kit-file", d.kit, "--profile", other)
	fails(t, exitFailed, []string{"certificate"}, "file", "login", "ann@demo.test", "--server", d.url, "--kit-file", d.kit, "--profile", other)
	second := d.keep("second.json", read(t, d.profile))
	d.do("logout")
	if _, err := os.Stat(d.profile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after logout: %v", err)
	}
	fails(t, exitFailed, []string{"status 401"}, "file", "ls", "--profile", second)
	fails(t, exitFailed, []string{"file login"}, "file", "ls", "--profile", d.profile)
}

// between stands between a device and its server.
type between struct {
	touch atomic.Pointer[func(http.ResponseWriter, *http.Request, http.Handler)]

	mu   sync.Mutex
	seen map[string]bool // what was carried since forget: a part or range that is asked for again counts once
}

// forget begins to count anew.
func (b *between) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = map[string]bool{}
}

// carried counts the parts and ranges that came or went since forget.
func (b *between) carried() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen)
}

func (b *between) note(r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")] = true
}

func (d *tablet) between() *between {
	d.t.Helper()
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := p.Client()
	if err != nil {
		d.t.Fatal(err)
	}
	at, _ := url.Parse(d.url)
	pass := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Transport: c.HTTP.Transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	b := &between{seen: map[string]bool{}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if carries(r) {
			b.note(r)
		}
		if touch := b.touch.Load(); touch != nil {
			(*touch)(w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	d.t.Cleanup(s.Close)
	p.Server = s.URL
	p.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	if err := p.Write(d.profile); err != nil {
		d.t.Fatal(err)
	}
	return b
}

// refuse makes an answer that no client tries again after, once so many other parts or
// blocks came through.
func (b *between) refuse(others int64, which func(*http.Request) bool) {
	var passed atomic.Int64
	f := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if !which(r) {
			pass.ServeHTTP(w, r)
			if carries(r) {
				passed.Add(1)
			}
			return
		}
		for until := time.Now().Add(5 * time.Second); passed.Load() < others && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		if others > 0 {
			time.Sleep(time.Second) // for the client to open them, and to note that
		}
		http.Error(w, "", http.StatusForbidden)
	}
	b.touch.Store(&f)
}

func carries(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/parts/") || strings.HasSuffix(r.URL.Path, "/content")
}

// An upload that was cut in the middle goes on by the same command, with the same octets.
func TestPutGoesOn(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	b := d.between()
	content := storagetest.Content(2, drive.PartSize+99)
	source := d.keep("big", content)
	b.refuse(1, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/parts/1") })
	d.fails("403", "put", source)
	b.touch.Store(nil)
	b.forget()
	d.do("put", source)
	if n := b.carried(); n != 1 {
		t.Errorf("went on with %d parts of 2", n)
	}
	to := filepath.Join(d.home, "back")
	d.do("get", "big", to)
	if !bytes.Equal(read(t, to), content) {
		t.Error("another file comes back")
	}
	totals, err := d.up.files.Store.Totals(t.Context(), drive.Owner(accountOf(t, d)))
	if err != nil || totals.Objects != 1 {
		t.Errorf("%+v, %v", totals, err)
	}

	// A source that changed is another file: it is sealed anew, and what was sent goes.
	b.refuse(0, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/parts/0") })
	d.keep("big", content[1:1000])
	d.fails("403", "put", source)
	b.touch.Store(nil)
	d.keep("big", content[2:2000])
	d.do("put", source)
	d.do("get", "big", to, "--force")
	if !bytes.Equal(read(t, to), content[2:2000]) {
		t.Error("another file comes back after a change")
	}
	if totals, err = d.up.files.Store.Totals(t.Context(), drive.Owner(accountOf(t, d))); err != nil || totals.Objects != 2 || totals.Uploads != 0 {
		t.Errorf("%+v, %v", totals, err)
	}
}

// A download that was cut goes on; what was damaged on this disk meanwhile is noticed.
func TestGetGoesOn(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	content := storagetest.Content(3, 21<<20)
	d.do("put", d.keep("big", content))
	b := d.between()
	cut := func() {
		b.refuse(5, func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Range"), "bytes=16777216-") })
		d.fails("403", "get", "big", filepath.Join(d.home, "back"))
		b.touch.Store(nil)
		if _, err := os.Stat(filepath.Join(d.home, "back")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half a file has its final name: %v", err)
		}
	}
	cut()
	b.forget()
	d.do("get", "big", filepath.Join(d.home, "back"))
	if n := b.carried(); n > 5 {
		t.Errorf("went on with %d blocks of 6", n)
	}
	if !bytes.Equal(read(t, filepath.Join(d.home, "back")), content) {
		t.Error("another file comes back")
	}
	os.Remove(filepath.Join(d.home, "back"))
	cut()
	parts, err := filepath.Glob(filepath.Join(d.home, ".sealpost-*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("%v, %v", parts, err)
	}
	half := read(t, parts[0])
	half[100] ^= 1
	d.keep(filepath.Base(parts[0]), half)
	d.fails("it does not open", "get", "big", filepath.Join(d.home, "back"))
	if _, err := os.Stat(filepath.Join(d.home, "back")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged file has its final name: %v", err)
	}
	d.do("get", "big", filepath.Join(d.home, "back")) // from its beginning
}

// What a server tampers with is refused with one error, and nothing is left of it.
func TestTamperedFilesAreRefused(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	content := storagetest.Content(4, 3<<20)
	d.do("put", d.keep("one", content))
	d.do("put", d.keep("two", storagetest.Content(5, 3<<20)))
	one, err := d.room().Entry(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := d.room().Entry(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	b := d.between()
	change := func(at int64, size int) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			rec := httptest.NewRecorder()
			pass.ServeHTTP(rec, r)
			body := rec.Body.Bytes()
			if strings.HasSuffix(r.URL.Path, "/content") && at < int64(len(body)) {
				body[at] ^= 1
			}
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(rec.Code)
			w.Write(body)
		}
	}
	swap := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		r.URL.Path = strings.Replace(r.URL.Path, one.ID, two.ID, 1)
		r.Header.Set("If-Range", `"`+two.ID+`"`)
		pass.ServeHTTP(w, r)
	}
	to := filepath.Join(d.home, "to", "back")
	if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, touch := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"head": change(3, 0), "middle": change(2<<20, 0), "late": change(900_000, 0), "another file": swap,
	} {
		b.touch.Store(&touch)
		d.fails("it does not open", "get", "one", to)
		if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) != 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
	}
	b.touch.Store(nil)
	d.do("get", "one", to)

	// An older folder in the place of a newer one.
	room := d.room()
	box, version, err := room.Server.Box(t.Context(), sealed.Drawer, sealed.Root)
	if err != nil {
		t.Fatal(err)
	}
	d.do("rm", "two")
	back := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/root") {
			w.Header().Set("ETag", `"`+string('0'+rune(version))+`"`)
			w.Write(box)
			return
		}
		pass.ServeHTTP(w, r)
	}
	b.touch.Store(&back)
	three := d.keep("three", []byte("3"))
	for _, words := range [][]string{
		{"ls"}, {"get", "one", to, "--force"}, {"put", three}, {"mkdir", "/x"}, {"mv", "one", "uno"}, {"rm", "one"}, {"rm", "--now", "one"}, {"restore", "two"}, {"link", "make", "one"},
	} {
		d.fails("older than this device has seen", words...)
	}
	b.touch.Store(nil)
	if out := d.do("ls"); out != "one\n" {
		t.Errorf("an older folder was built on: %q", out)
	}
}

var whole = regexp.MustCompile(`^https://localhost:\d+/f/[\w-]+#[\w-]{22}\n$`)

// Whoever has a link, and its password, fetches the file without an account, as often as
// the link allows, and nobody after it was revoked.
func TestFileLinks(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	content := storagetest.Content(6, 100_000)
	d.do("put", d.keep("-rf ~.txt", content))
	word, wrong := d.keep("word", []byte("swordfish\n")), d.keep("wrong", []byte("sword\n"))
	link := d.do("link", "make", "/-rf ~.txt", "--expires", "2d", "--downloads", "1", "--password-file", word)
	if !whole.MatchString(link) {
		t.Fatalf("a link: %q", link)
	}
	link = strings.TrimSpace(link)
	into := t.TempDir()
	get := func(link string, more ...string) []string {
		return append([]string{"file", "get", link, into, "--ca", d.ca}, more...)
	}
	fails(t, exitFailed, []string{"leads nowhere"}, get(link, "--password-file", wrong)...)
	fails(t, exitFailed, []string{"leads nowhere"}, get(otherEnd(link), "--password-file", word)...)
	fails(t, exitFailed, []string{"with all behind the #"}, get(link[:strings.Index(link, "#")])...)
	must(t, get(link, "--password-file", word)...)
	if got := read(t, filepath.Join(into, "_-rf ~.txt")); !bytes.Equal(got, content) {
		t.Error("another file comes by a link")
	}
	fails(t, exitFailed, []string{"leads nowhere"}, get(link, "--password-file", word, "--force")...)
	if out := d.do("link", "list"); !strings.Contains(out, "used-up  1 of 1") || !strings.Contains(out, "/-rf ~.txt") {
		t.Errorf("link list says %q", out)
	}
	open := strings.TrimSpace(d.do("link", "make", "/-rf ~.txt"))
	must(t, get(open, "--force")...)
	if out := d.do("link", "list"); !strings.Contains(out, open+"  open") || !strings.Contains(out, link+"  used-up") {
		t.Errorf("link list does not say the whole links %s and %s: %q", link, open, out)
	}
	d.do("link", "revoke", open)
	fails(t, exitFailed, []string{"leads nowhere"}, get(open, "--force")...)
	d.fails("expected a time such as 7d", "link", "make", "/-rf ~.txt", "--expires", "soon")
	nowhere(t, d.dir, "swordfish", open[strings.Index(open, "#")+1:])
}

// Devices that change the same folders at the same time lose nothing of each other's.
func TestDevicesChangeTheTreeAtOnce(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	a, b := d.room(), d.room()
	var both sync.WaitGroup
	for i, room := range []*files.Drive{a, b} {
		both.Go(func() {
			for _, name := range []string{"p", "q", "r", "s"} {
				if err := room.MakeFolder(t.Context(), "/shared/"+name+string('0'+rune(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	all, err := a.List(t.Context(), "/shared", false)
	if err != nil || len(all) != 8 {
		t.Errorf("%d of 8 folders, %v", len(all), err)
	}
	if top, err := b.List(t.Context(), "/", false); err != nil || len(top) != 1 {
		t.Errorf("%d topmost folders, %v", len(top), err)
	}
	var moved sync.WaitGroup
	errs := make([]error, 2)
	for i, room := range []*files.Drive{a, b} {
		moved.Go(func() { errs[i] = room.Move(t.Context(), "/shared/p0", "/shared/q"+string('0'+rune(i))) })
	}
	moved.Wait()
	places := 0
	for _, at := range []string{"/shared/p0", "/shared/q0/p0", "/shared/q1/p0"} {
		if _, err := a.Entry(context.Background(), at); err == nil {
			places++
		}
	}
	if places != 1 || errs[0] != nil && errs[1] != nil {
		t.Errorf("moved by two, it is in %d places: %v", places, errs)
	}
}

// D11: no name leads out of the folder that files are fetched into.
func TestNamesLeadNowhere(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	for _, name := range []string{"../up", "..", "a/b", "line\nbreak", "txt.\u202eexe"} {
		d.fails("expected a name without", "put", d.profile, "--name", name)
	}
	into := filepath.Join(d.home, "into")
	if err := os.Mkdir(into, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{`..\..\evil`: "_", ".bashrc": "_.bashrc", "CON": "_CON"} {
		d.do("put", d.kit, "--name="+name)
		out := strings.TrimSpace(d.do("get", name, into))
		if filepath.Dir(out) != into || !strings.HasPrefix(filepath.Base(out), want) && want != "_" || strings.ContainsAny(filepath.Base(out), `\/`) {
			t.Errorf("%q comes as %q", name, out)
		}
	}
	above, err := os.ReadDir(filepath.Dir(d.home))
	if err != nil || len(above) > 3 {
		t.Errorf("%v, %v", above, err)
	}
}
