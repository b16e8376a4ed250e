package dav

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client/files"
	"sealpost/webmail/api/client/roomtest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a server with one account, and a bridge to its drive.
type world struct {
	t      *testing.T
	dir    string // of the server
	store  *mailstore.Store
	owner  mailstore.Owner
	drive  *files.Drive
	bridge *Bridge
	url    string
	spools sync.Map // files that were made for sealed octets
	between
}

// between is what the bridge asks of the server, on its way.
type between struct {
	under   http.RoundTripper
	content atomic.Int64 // bytes of files that came
	boxes   atomic.Int64 // folders that were written
	change  func(*http.Request, *http.Response)
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.under.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.URL.Path, "/content") {
		resp.Body = &counted{resp.Body, &b.content}
	}
	if r.Method == "PUT" && strings.Contains(r.URL.Path, "/cabinet/") {
		b.boxes.Add(1)
	}
	if b.change != nil {
		b.change(r, resp)
	}
	return resp, nil
}

type counted struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

const word = "a password for tests"

func newWorld(t *testing.T) *world {
	t.Helper()
	r := roomtest.New(t)
	s := r.Serve(t, nil)
	w := &world{t: t, dir: r.Dir, store: r.API.Store, owner: r.Owner()}
	w.between.under = s.Client().Transport
	c := r.Client(s)
	c.HTTP = &http.Client{Transport: &w.between}
	key := must(keyring.NewDrawer(string(r.Account), sealed.Drawer, bytes.Repeat([]byte{7}, 32)))
	w.drive = &files.Drive{Server: c, Boxes: key, Seen: must(files.OpenSeen("")), Now: time.Now}
	w.show(Config{})
	return w
}

// show serves the drive.
func (w *world) show(c Config) {
	w.t.Helper()
	c.Drive, c.User, c.Password, c.Log = w.drive, "ann", word, slog.New(slog.DiscardHandler)
	c.Spool = func() (*os.File, error) {
		f, err := os.CreateTemp(w.t.TempDir(), "spool")
		if err == nil {
			w.spools.Store(f.Name(), true)
		}
		return f, err
	}
	w.bridge = must(New(w.t.Context(), c))
	front := httptest.NewUnstartedServer(nil)
	front.Config = w.bridge.Server()
	front.Start()
	w.t.Cleanup(front.Close)
	w.url = front.URL
}

// ask asks the bridge: headers are name, value, name, value.
func (w *world) ask(method, path string, body any, headers ...string) (int, http.Header, []byte) {
	w.t.Helper()
	var from io.Reader
	switch b := body.(type) {
	case string:
		from = strings.NewReader(b)
	case []byte:
		from = bytes.NewReader(b)
	case io.Reader:
		from = b
	}
	r := must(http.NewRequestWithContext(w.t.Context(), method, w.url+path, from))
	r.SetBasicAuth("ann", word)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return -resp.StatusCode, resp.Header, b // it broke off
	}
	return resp.StatusCode, resp.Header, b
}

func (w *world) expect(status int, method, path string, body any, headers ...string) (http.Header, []byte) {
	w.t.Helper()
	got, h, b := w.ask(method, path, body, headers...)
	if got != status {
		w.t.Errorf("%s %s is answered %d, not %d: %s", method, path, got, status, b)
	}
	return h, b
}

func (w *world) names(path string, trash bool) string {
	w.t.Helper()
	var names []string
	for _, e := range must(w.drive.List(w.t.Context(), path, trash)) {
		names = append(names, fmt.Sprintf("%s+%d", e.Name, len(e.Versions)))
	}
	return strings.Join(names, " ")
}

// objects is how many files the account has at the server, whole or not.
func (w *world) objects() int {
	w.t.Helper()
	return len(must(w.drive.Server.Files(w.t.Context(), "", false)).Files)
}

// Files come, are read, replaced, moved, copied and deleted, and the server has nothing
// that can be read.
func TestFilesComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := storagetest.Content(1, drive.PartSize+17)
	w.expect(201, "MKCOL", "/wombats", nil)
	w.expect(405, "MKCOL", "/wombats", nil)
	w.expect(409, "MKCOL", "/none/below", nil)
	h, _ := w.expect(201, "PUT", "/wombats/quokka%20list", "a quokka hops at dusk", "X-OC-Mtime", "1600000000.5")
	if h.Get("X-OC-Mtime") != "accepted" {
		t.Errorf("the time is not said to be taken: %v", h)
	}
	w.expect(201, "PUT", "/large", large)
	w.expect(201, "PUT", "/wombats/large", large[:smallMost+1])
	w.expect(201, "PUT", "/wombats/unknown", io.MultiReader(bytes.NewReader(large[:1200<<10])))
	h, b := w.expect(200, "GET", "/wombats/quokka%20list", nil)
	if string(b) != "a quokka hops at dusk" || h.Get("Last-Modified") != "Sun, 13 Sep 2020 12:26:40 GMT" || h.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%q comes back with %v", b, h)
	}
	if _, b := w.expect(200, "GET", "/large", nil); !bytes.Equal(b, large) {
		t.Errorf("%d bytes of the large one come back, not those that went in", len(b))
	}
	if _, b := w.expect(200, "GET", "/wombats/unknown", nil); !bytes.Equal(b, large[:1200<<10]) {
		t.Errorf("%d bytes come back of what had no length", len(b))
	}
	w.expect(304, "GET", "/wombats/quokka%20list", nil, "If-None-Match", h.Get("ETag"))
	w.expect(412, "PUT", "/wombats/quokka%20list", "x", "If-None-Match", "*")
	w.expect(412, "PUT", "/wombats/quokka%20list", "x", "If-Match", `"another"`)
	w.expect(412, "PUT", "/wombats/quokka%20list", "x", "If", `(["another"])`)
	h, _ = w.expect(204, "PUT", "/wombats/QUOKKA%20list", "a second quokka", "If-Match", h.Get("ETag"))
	w.expect(201, "PUT", "/save.tmp", "a third quokka")
	w.expect(204, "MOVE", "/save.tmp", nil, "Destination", w.url+"/wombats/quokka%20list")
	if got := w.names("/wombats", false); got != "large+0 quokka list+2 unknown+0" {
		t.Errorf("after a second and a third one: %s", got)
	}
	w.expect(201, "COPY", "/wombats/", nil, "Destination", w.url+"/copy")
	w.expect(204, "MOVE", "/copy/quokka%20list", nil, "Destination", w.url+"/copy/Quokka%20List") // in another case
	w.expect(412, "MOVE", "/copy/large", nil, "Destination", w.url+"/copy/unknown", "Overwrite", "F")
	w.expect(404, "MOVE", "/copy/none", nil, "Destination", w.url+"/copy/unknown")
	w.expect(409, "MOVE", "/copy/large", nil, "Destination", w.url+"/none/large")
	w.expect(403, "COPY", "/copy", nil, "Destination", w.url+"/copy/itself")
	w.expect(403, "MOVE", "/copy/large", nil, "Destination", w.url+"/copy")
	if _, b := w.expect(200, "GET", "/copy/Quokka%20List", nil); string(b) != "a third quokka" {
		t.Errorf("the copy has %q", b)
	}
	w.expect(204, "DELETE", "/copy/large", nil)
	w.expect(404, "GET", "/copy/large", nil)
	w.expect(403, "DELETE", "/", nil)
	if got := w.names("/copy", true); got != "large+0" {
		t.Errorf("in the trash: %s", got)
	}
	w.nowhere("quokka", "wombats")
}

// nowhere looks for words in all that the server keeps.
func (w *world) nowhere(words ...string) {
	w.t.Helper()
	looked := 0
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		looked += len(b)
		for _, word := range words {
			if bytes.Contains(b, []byte(word)) {
				w.t.Errorf("%q stands in %s", word, path)
			}
		}
		return err
	})
	if err != nil || looked < 1<<20 {
		w.t.Errorf("%d bytes were looked at, %v", looked, err)
	}
}

// A listing tells what file managers want to know, and how much room there is.
func TestProperties(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.store.Apply(t.Context(), w.owner, mailstore.SetQuota{Bytes: 1_000_000}))
	w.expect(201, "PUT", "/a%20%26b.pdf", "12345")
	w.expect(201, "MKCOL", "/folder", nil)
	_, b := w.expect(207, "PROPFIND", "/", nil, "Depth", "1")
	for _, want := range []string{
		"<D:href>/a%20&amp;b.pdf</D:href>", "<D:displayname>a &amp;b.pdf</D:displayname>", "<D:getcontentlength>5<", "<D:getcontenttype>application/pdf<",
		"<D:href>/folder/</D:href>", "<D:quota-used-bytes>", "<D:quota-available-bytes>99",
	} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	patch := func(name string) string {
		return `<propertyupdate xmlns="DAV:" xmlns:w="urn:schemas-microsoft-com:"><set><prop>` + name + `</prop></set></propertyupdate>`
	}
	_, b = w.expect(207, "PROPPATCH", "/a%20%26b.pdf", patch("<w:Win32LastModifiedTime>Sun, 13 Sep 2020 12:26:40 GMT</w:Win32LastModifiedTime>"))
	if !bytes.Contains(b, []byte("200 OK")) {
		t.Errorf("a time is answered %s", b)
	}
	if h, _ := w.expect(200, "HEAD", "/a%20%26b.pdf", nil); h.Get("Last-Modified") != "Sun, 13 Sep 2020 12:26:40 GMT" {
		t.Errorf("a time that was set reads %v", h)
	}
	if _, b = w.expect(207, "PROPPATCH", "/a%20%26b.pdf", patch("<w:colour>red</w:colour>")); !bytes.Contains(b, []byte("403 Forbidden")) {
		t.Errorf("what is not kept is answered %s", b)
	}
}

// Nobody but who shows the password is answered, and no page in a browser.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(201, "PUT", "/secret", "x")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.url, "http://"))
	for _, c := range []struct {
		status  int
		name    string
		headers []string
	}{
		{200, "an address", []string{"Host", "127.0.0.1:" + port}},
		{200, "localhost", []string{"Host", "LocalHost:" + port}},
		{200, "version 6", []string{"Host", "[::1]:" + port}},
		{421, "a name that leads here", []string{"Host", "rebound.example.org:" + port}},
		{421, "another name", []string{"Host", "localhost.example.org"}},
		{421, "an address that is not this machine's", []string{"Host", "192.0.2.1:" + port}},
		{403, "a page", []string{"Origin", "http://localhost:" + port}},
		{403, "a page without a name", []string{"Origin", "null"}},
		{403, "a picture in a page", []string{"Sec-Fetch-Site", "cross-site"}},
		{403, "a page of the bridge itself", []string{"Sec-Fetch-Site", "same-origin"}},
		{401, "no password", []string{"Authorization", ""}},
		{401, "another user", []string{"Authorization", "Basic " + basic("bob", word)}},
		{401, "another password", []string{"Authorization", "Basic " + basic("ann", word+"x")}},
		{401, "an empty one", []string{"Authorization", "Basic " + basic("", "")}},
	} {
		h, b := w.expect(c.status, "GET", "/secret", nil, c.headers...)
		if h.Get("Access-Control-Allow-Origin") != "" || c.status != 200 && string(b) == "x" {
			t.Errorf("%s: %v, %q", c.name, h, b)
		}
		if c.status == 200 {
			continue
		}
		for _, method := range []string{"PUT", "DELETE", "PROPFIND", "OPTIONS", "MOVE"} {
			w.expect(c.status, method, "/secret", nil, append(c.headers, "Destination", "/gone", "Depth", "0")...)
		}
	}
	w.show(Config{ReadOnly: true})
	w.expect(200, "GET", "/secret", nil)
	w.expect(403, "PUT", "/secret", "y")
	w.expect(403, "DELETE", "/secret", nil)
	w.show(Config{Anywhere: true})
	w.expect(200, "GET", "/secret", nil, "Host", "192.0.2.1:80")
	w.expect(421, "GET", "/secret", nil, "Host", "rebound.example.org")
}

func basic(user, password string) string {
	r := must(http.NewRequest("GET", "/", nil))
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

// endless is a body without end.
type endless struct {
	text byte
	sent atomic.Int64
	most int64
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text
	}
	if e.sent.Add(int64(len(p))) > e.most {
		return 0, context.Canceled
	}
	return len(p), nil
}

// Requests that would cost more than they may are refused, and leave nothing.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(201, "PUT", "/f", "here")
	before := w.objects()
	_, b := w.expect(403, "PROPFIND", "/", nil, "Depth", "infinity")
	if !bytes.Contains(b, []byte("propfind-finite-depth")) {
		t.Errorf("depth infinity is answered %s", b)
	}
	w.expect(403, "PROPFIND", "/", nil)
	w.expect(400, "PROPFIND", "/", "<propfind", "Depth", "0")
	w.expect(413, "PROPFIND", "/", strings.Repeat(" ", mostXML+1), "Depth", "0")
	w.expect(400, "PROPFIND", "/f", `<D:propfind xmlns:D="DAV:"><D:prop><x:foo xmlns:x=""/></D:prop></D:propfind>`, "Depth", "0")
	w.expect(207, "PROPFIND", "/f", `<D:propfind xmlns:D="DAV:"><D:prop><foo xmlns=""/></D:prop></D:propfind>`, "Depth", "0")
	for method, root := range map[string]string{"PROPFIND": "propfind", "PROPPATCH": "propertyupdate", "LOCK": "lockinfo"} {
		body := &endless{text: ' ', most: 64 << 20}
		w.expect(413, method, "/f", io.MultiReader(strings.NewReader("<"+root+` xmlns="DAV:">`), body), "Depth", "0")
		if body.sent.Load() > 32<<20 {
			t.Errorf("%s reads %d bytes of XML", method, body.sent.Load())
		}
	}
	for _, path := range []string{"/a/..", "/%2e%2e/etc", "/a%00b", "/%ff", "/a%0d%0ab", "/" + strings.Repeat("n", 256), strings.Repeat("/d", sealed.MaxDepth+1), "/%e2%80%ae", "/..."} {
		w.expect(400, "PUT", path, "x")
		if status, _, _ := w.ask("GET", path, nil); status != 400 {
			t.Errorf("GET %.20q is answered %d", path, status)
		}
	}
	w.expect(409, "PUT", "/f/below", "x")
	w.expect(409, "PUT", "/none/f", "x")
	w.expect(405, "PUT", "/", "x")
	w.expect(400, "PUT", "/f", "x", "Content-Range", "bytes 0-0/4")
	w.expect(400, "MOVE", "/f", nil)
	w.expect(502, "MOVE", "/f", nil, "Destination", "http://elsewhere.example.org/f")
	for _, method := range []string{"POST", "PATCH", "TRACE", "REPORT", "SEARCH"} {
		w.expect(405, method, "/f", nil)
	}
	must(w.store.Apply(t.Context(), w.owner, mailstore.SetQuota{Bytes: 4 << 20}))
	w.bridge.usage.Store(nil)
	w.expect(507, "PUT", "/f", storagetest.Content(3, 5<<20))
	body := &endless{text: 'x', most: 256 << 20}
	if status, _, _ := w.ask("PUT", "/f", struct{ io.Reader }{body}); status != 507 && status != 0 || body.sent.Load() > 64<<20 {
		t.Errorf("a body without end is answered %d after %d bytes", status, body.sent.Load())
	}
	if _, b := w.expect(200, "GET", "/f", nil); string(b) != "here" || w.objects() != before {
		t.Errorf("%q is there, and %d objects, not %d", b, w.objects(), before)
	}
}

// A body that breaks off puts nothing in the place of what was there.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(201, "PUT", "/f", "here")
	before := w.objects()
	large := storagetest.Content(5, 2<<20)
	for name, head := range map[string]string{
		"small":  "Content-Length: 100\r\n\r\nhalf",
		"large":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 20<<20, large),
		"chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(large), large),
	} {
		c := must(net.Dial("tcp", strings.TrimPrefix(w.url, "http://")))
		_, _ = fmt.Fprintf(c, "PUT /f HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\n%s", basic("ann", word), head)
		must(0, c.(*net.TCPConn).CloseWrite())
		answer, _ := io.ReadAll(c)
		c.Close()
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) {
			t.Errorf("%s: answered %.60q", name, answer)
		}
	}
	if _, b := w.expect(200, "GET", "/f", nil); string(b) != "here" || w.objects() != before || w.names("/", false) != "f+0" {
		t.Errorf("%q is there, %d objects, not %d; %s", b, w.objects(), before, w.names("/", false))
	}
}

// What has no length waits on a disk until it ends: sealed.
func TestNothingReadableOnDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	canary := []byte("the axolotl regrows its gills ")
	w.expect(201, "PUT", "/axolotl.txt", io.MultiReader(bytes.NewReader(bytes.Repeat(canary, 3<<20/len(canary)))))
	seen := 0
	w.spools.Range(func(name, _ any) bool {
		b := must(os.ReadFile(name.(string)))
		if seen += len(b); bytes.Contains(b, canary) || bytes.Contains(b, []byte("axolotl")) {
			t.Error("what waits on the disk can be read")
		}
		return true
	})
	if seen < 3<<20 {
		t.Errorf("%d bytes waited on the disk", seen)
	}
	w.nowhere("axolotl")
}

// A range of a large file costs its chunks, and what is needed to know that they are its.
func TestRangesFetchTheirChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := storagetest.Content(9, 6<<20+11)
	w.expect(201, "PUT", "/film", large)
	for _, c := range []struct{ from, to, most int64 }{
		{5 << 20, 5<<20 + 100, (headChunks + 2) * 66_000}, {3<<20 + 65_000, 3<<20 + 140_000, 3 * 66_000}, {6 << 20, 6<<20 + 11, 66_000},
	} {
		w.content.Store(0)
		_, b := w.expect(206, "GET", "/film", nil, "Range", fmt.Sprintf("bytes=%d-%d", c.from, c.to-1))
		if !bytes.Equal(b, large[c.from:c.to]) || w.content.Load() > c.most {
			t.Errorf("%d to %d: %d bytes came for %d, at most %d", c.from, c.to, w.content.Load(), len(b), c.most)
		}
	}
	w.expect(416, "GET", "/film", nil, "Range", fmt.Sprintf("bytes=%d-", len(large)))
}

const headChunks = 3

// Many small files at the same time are a few changes of their folder, and none is lost.
func TestManySmallFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(201, "MKCOL", "/many", nil)
	w.boxes.Store(0)
	var all sync.WaitGroup
	for i := range 48 {
		all.Go(func() { w.expect(201, "PUT", fmt.Sprintf("/many/%d", i), fmt.Sprint("file ", i)) })
	}
	all.Wait()
	if n := len(must(w.drive.List(t.Context(), "/many", false))); n != 48 || w.boxes.Load() > 24 {
		t.Errorf("%d files by %d changes", n, w.boxes.Load())
	}
	if _, b := w.expect(200, "GET", "/many/31", nil); string(b) != "file 31" {
		t.Errorf("one has %q", b)
	}
}

// A server that lies is not believed: nothing it changed comes through, and no folder
// goes back to what it was.
func TestLyingServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := storagetest.Content(4, 4<<20)
	w.expect(201, "PUT", "/large", large)
	w.expect(201, "PUT", "/small", "as it was")
	flip := func(at int64) {
		w.change = func(r *http.Request, resp *http.Response) {
			if strings.HasSuffix(r.URL.Path, "/content") {
				resp.Body = &flipped{resp.Body, at}
			}
		}
	}
	flip(300)
	if status, _, b := w.ask("GET", "/small", nil); status != 502 || bytes.Contains(b, []byte("as it")) {
		t.Errorf("a changed file is answered %d, %q", status, b)
	}
	flip(1 << 20)
	if status, _, b := w.ask("GET", "/large", nil); status != -200 || !bytes.HasPrefix(large, b) {
		t.Errorf("a file changed in its middle is answered %d, %d bytes", status, len(b))
	}
	var old *http.Response
	var box []byte
	w.change = func(r *http.Request, resp *http.Response) {
		if r.Method != "GET" || !strings.HasSuffix(r.URL.Path, "/cabinet/drive/root") {
			return
		}
		if old == nil {
			box = must(io.ReadAll(resp.Body))
			old = &http.Response{Header: resp.Header.Clone(), ContentLength: resp.ContentLength}
		}
		resp.Header, resp.ContentLength, resp.Body = old.Header, old.ContentLength, io.NopCloser(bytes.NewReader(box))
	}
	w.bridge.tree.forget(sealed.Root)
	w.expect(201, "PUT", "/newer", "x")
	w.bridge.tree.forget(sealed.Root)
	w.expect(502, "PROPFIND", "/", nil, "Depth", "1")
}

type flipped struct {
	io.ReadCloser
	at int64
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// Locks keep others out, end by themselves, and are so many at most.
func TestLocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const lock = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
	h, b := w.expect(201, "LOCK", "/doc", lock, "Timeout", "Infinite, Second-4100000000")
	if !bytes.Contains(b, []byte("<D:timeout>Second-3600</D:timeout>")) {
		t.Errorf("a lock without end is answered %s", b)
	}
	token := h.Get("Lock-Token")
	w.expect(423, "PUT", "/doc", "stranger")
	w.expect(204, "PUT", "/doc", "mine", "If", "("+token+")")
	if got := w.names("/", false); got != "doc+0" {
		t.Errorf("what a lock made empty is kept as a version: %s", got)
	}
	w.expect(204, "UNLOCK", "/doc", nil, "Lock-Token", token)
	w.expect(204, "PUT", "/doc", "anybody")
	l := w.bridge.inner.LockSystem.(*locks)
	for i := range mostLocks {
		l.ends[fmt.Sprint(i)] = time.Now().Add(time.Minute)
	}
	w.expect(423, "LOCK", "/doc", lock)
	w.expect(204, "PUT", "/doc", "a request's own lock is none of those")
}
