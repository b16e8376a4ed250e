package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/filestore/storagetest"
	"sealpost/webmail/api/client/files"
)

// A download that used its link up goes on after a break, as itself and not as another one;
// afterwards nothing is left of it, and the link leads nowhere.
func TestLastDownloadGoesOn(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	content := storagetest.Content(9, 21<<20)
	d.do("put", d.keep("big", content))
	word := d.keep("word", []byte("swordfish\n"))
	link := strings.TrimSpace(d.do("link", "make", "/big", "--downloads", "1", "--password-file", word))
	s, b := newVisitor(d)
	link = d.through(link)
	into := t.TempDir()
	get := []string{"file", "get", link, into, "--ca", s.ca, "--password-file", word}
	b.refuse(5, func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Range"), "bytes=16777216-") })
	fails(t, exitFailed, []string{"403"}, get...)
	b.touch.Store(nil)
	fails(t, exitFailed, []string{"leads nowhere"}, "file", "get", link, t.TempDir(), "--ca", s.ca, "--password-file", word)
	fails(t, exitFailed, []string{"leads nowhere"}, "file", "get", link, into, "--ca", s.ca, "--password-file", d.keep("wrong", []byte("sword")))
	busy := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/content") {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		pass.ServeHTTP(w, r)
	}
	b.touch.Store(&busy)
	fails(t, exitFailed, []string{"503"}, get...)
	b.touch.Store(nil)
	b.forget()
	must(t, get...)
	if n := b.carried(); n > 6 {
		t.Errorf("went on with %d blocks of 6", n)
	}
	if !bytes.Equal(read(t, filepath.Join(into, "big")), content) {
		t.Error("another file comes by the link")
	}
	if all, err := os.ReadDir(into); err != nil || len(all) != 1 {
		t.Errorf("left are %v, %v", all, err)
	}
	if out := d.do("link", "list"); !strings.Contains(out, "1 of 1") {
		t.Errorf("it was counted otherwise: %q", out)
	}
	fails(t, exitFailed, []string{"leads nowhere"}, append(get, "--force")...)
}

// A link can be given where nobody else of the machine sees it.
func TestLinkOnTheInput(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	d.do("put", d.keep("a.txt", []byte("walrus")))
	into := t.TempDir()
	var out, said bytes.Buffer
	in := strings.NewReader(strings.TrimSpace(d.do("link", "make", "/a.txt")) + "\nmore\n")
	if code := run(t.Context(), []string{"file", "get", "-", into, "--ca", d.ca}, console{in, &out, &said}); code != 0 || string(read(t, filepath.Join(into, "a.txt"))) != "walrus" {
		t.Errorf("%d %s", code, said.String())
	}
	in = strings.NewReader(d.do("request", "make", "x"))
	if code := run(t.Context(), []string{"file", "drop", "-", "--ca", d.ca}, console{in, &out, &said}); code != 0 || !strings.Contains(out.String(), "It still takes") {
		t.Errorf("%d %s", code, said.String())
	}
	if code := run(t.Context(), []string{"file", "get", "-", into, "--ca", d.ca}, console{strings.NewReader("/a.txt\n"), &out, &said}); code == 0 || !strings.Contains(said.String(), "expected a whole link") {
		t.Errorf("%d %s", code, said.String())
	}
}

// through leads a link by way of what stands between this device and its server.
func (d *tablet) through(link string) string {
	d.t.Helper()
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		d.t.Fatal(err)
	}
	return p.Server + link[strings.Index(link, "/f/"):]
}
