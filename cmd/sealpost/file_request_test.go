package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed"
	"sealpost/filestore/storagetest"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

var wholeRequest = regexp.MustCompile(`^https://[\w.]+:\d+/r/[\w-]+#[\w-]{22}\n$`)

// visitor is somebody without an account, and without the owner's device.
type visitor struct {
	d     *tablet
	ca    string
	cache string
}

// newVisitor stands behind what is between the owner and the server.
func newVisitor(d *tablet) (*visitor, *between) {
	d.t.Helper()
	b := d.between()
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		d.t.Fatal(err)
	}
	return &visitor{d: d, ca: d.keep("proxy.pem", []byte(p.CA)), cache: filepath.Join(d.t.TempDir(), "waits")}, b
}

func (s *visitor) args(link string, more []string) []string {
	return append([]string{"file", "drop", link, "--ca", s.ca, "--cache", s.cache}, more...)
}

func (s *visitor) drop(link string, more ...string) string {
	s.d.t.Helper()
	return must(s.d.t, s.args(link, more)...)
}

func (s *visitor) fails(want, link string, more ...string) {
	s.d.t.Helper()
	fails(s.d.t, exitFailed, []string{want}, s.args(link, more)...)
}

func (s *visitor) waiting() int {
	s.d.t.Helper()
	all, err := os.ReadDir(s.cache)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.d.t.Fatal(err)
	}
	return len(all)
}

// Somebody without an account brings files, which nobody but their owner opens, and what is
// cut goes on; the owner takes them over beside what is there.
func TestFileRequests(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	s, b := newVisitor(d)
	d.do("mkdir", "/in")
	d.do("put", d.keep("walrus.txt", []byte("mine")), "--to", "/in")
	link := d.do("request", "make", "The quay's pictures", "--note", "in June\x1b[2J", "--to", "/in", "--files", "3", "--size", "10MB", "--expires", "2d")
	if !wholeRequest.MatchString(link) {
		t.Fatalf("a request: %q", link)
	}
	link = strings.TrimSpace(link)
	if out := s.drop(link); !strings.Contains(out, "The quay's pictures\nin June\ufffd[2J\nIt still takes 3 files") {
		t.Errorf("it asks for %q", out)
	}
	one, two := storagetest.Content(1, 300_000), storagetest.Content(2, 70)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "walrus.txt"), filepath.Join(dir, "puffin.txt")
	for file, content := range map[string][]byte{first: one, second: two} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.refuse(0, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/complete") })
	s.fails("403", link, first)
	b.touch.Store(nil)
	b.forget()
	out := s.drop(link, first, second)
	if n := b.carried(); n != 1 || !strings.Contains(out, "walrus.txt: ") || !strings.Contains(out, "puffin.txt: ") {
		t.Errorf("went on with %d parts, %q", n, out)
	}
	if n := s.waiting(); n != 0 {
		t.Errorf("%d files wait after all came", n)
	}
	if out := d.do("request", "list"); !strings.Contains(out, link+"  open     2 of 3 files") && !strings.Contains(out, "2 of 3 files") || !strings.Contains(out, "The quay's pictures") {
		t.Errorf("request list says %q", out)
	}
	out = d.do("collect")
	if !strings.Contains(out, "walrus (2).txt: 293.0 KiB") || !strings.Contains(out, "puffin.txt: 70 B") {
		t.Errorf("collect says %q", out)
	}
	back := t.TempDir()
	for name, want := range map[string][]byte{"walrus (2).txt": one, "puffin.txt": two, "walrus.txt": []byte("mine")} {
		d.do("get", "/in/"+name, back)
		if !bytes.Equal(read(t, filepath.Join(back, name)), want) {
			t.Errorf("another file came as %s", name)
		}
	}
	if out := d.do("collect"); out != "" {
		t.Errorf("collected twice: %q", out)
	}
	s.fails("its secret is another", link[:len(link)-2]+"AA", first)
	s.fails("larger than what the request still takes", link, d.keep("big", make([]byte, 11_000_000)))
	if n := s.waiting(); n != 0 {
		t.Errorf("%d files wait that nobody takes", n)
	}
	d.do("request", "close", link)
	id := strings.SplitN(link, "/", 5)[4][:22]
	for _, l := range []string{link, link[:len(link)-2] + "AA", strings.Replace(link, id, "AAAAAAAAAAAAAAAAAAAAAA", 1)} {
		s.fails("this link takes no files", l, first)
	}
	s.fails("with all behind the #", link[:strings.Index(link, "#")], first)
	nowhere(t, d.dir, "quay", "walrus", "puffin", link[strings.Index(link, "#")+1:])
}

// D12: what strangers say of a file leads nowhere, and does not stop what others brought.
func TestHostileDropsAreLeft(t *testing.T) {
	t.Parallel()
	d := newTablet(t)
	link := strings.TrimSpace(d.do("request", "make", "x"))
	a, err := files.ParseAsked(link)
	if err != nil {
		t.Fatal(err)
	}
	c, err := files.Dial(d.url, string(read(t, d.ca)))
	if err != nil {
		t.Fatal(err)
	}
	room := d.room()
	content := storagetest.Content(3, 100)
	bring := func(key []byte, head string, secret sealed.Secret) {
		t.Helper()
		var octets bytes.Buffer
		w, err := sealed.Seal(&octets, secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = c.Upload(t.Context(), client.Upload{Octets: bytes.NewReader(octets.Bytes()), Size: int64(octets.Len()), By: &client.Bringing{Request: a.ID, Head: func(f client.File) ([]byte, error) {
			return keyring.SealTo(key, "sealpost drop v1", fmt.Appendf(nil, "request=%s object=%s size=%d", a.ID, f.ID, f.Size), []byte(head))
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	secret := sealed.NewSecret()
	text, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) string {
		return `{"v":1,"name":"` + name + `","length":100,"secret":"` + string(text) + `"}`
	}
	mine := room.Drops.Public()
	other, err := keyring.ReceiverOf(make([]byte, 32), sealed.DropPurpose)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{named("../../up"), named(`a\u001b[2Jb`), named("txt.\u202eexe"), "{"} {
		bring(mine, head, secret)
	}
	bring(other.Public(), named("a"), secret)
	bring(mine, named("-rf ~ <b>.exe"), secret)
	d.fails("5 files do not open", "collect")
	if out := d.do("ls"); out != "-rf ~ <b>.exe\n" {
		t.Errorf("collected %q", out)
	}
	if _, err := c.Drop(t.Context(), a.ID); err != nil {
		t.Errorf("the request takes no more: %v", err)
	}
	totals, err := d.up.files.Store.Totals(t.Context(), drive.Owner(accountOf(t, d)))
	if err != nil || totals.Objects != 6 {
		t.Errorf("%+v, %v", totals, err)
	}
	p, err := files.ReadProfile(d.profile)
	if err != nil {
		t.Fatal(err)
	}
	p.Drops = nil
	if err := p.Write(d.profile); err != nil {
		t.Fatal(err)
	}
	d.fails("log in again", "collect")
	d.fails("log in again", "request", "make", "x")
	d.do("ls")
}
