package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// Files are never swept, are in backups, are verified and come back, and go with their
// account.
func TestFilesAreKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	address, err := mail.ParseAddress("ann@demo.test")
	if err != nil {
		t.Fatal(err)
	}
	a, err := up.book.Find(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := up.store.Index.Usage(t.Context(), owner(a)); err != nil || u.Quota != 50_000_000_000 {
		t.Errorf("the quota of a new account is %d, %v", u.Quota, err)
	}
	octets := bytes.Repeat([]byte("sealed"), 1000)
	by := drive.By{Owner: drive.Owner(a.ID)}
	o, err := up.files.Begin(t.Context(), by, int64(len(octets)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.files.Put(t.Context(), by, o.ID, 0, sha256.Sum256(octets), bytes.NewReader(octets)); err != nil {
		t.Fatal(err)
	}
	if _, err := up.files.Complete(t.Context(), by, o.ID, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := up.store.Sweep(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("%d blobs were swept, %v", n, err)
	}
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	for _, args := range [][]string{{"verify", config}, {"verify", "--backup", to, config}} {
		if out := must(t, args...); !strings.Contains(out, "and 1 part of files") || !strings.Contains(out, "All is well") {
			t.Errorf("%v says:\n%s", args, out)
		}
	}
	l, err := up.files.Link(t.Context(), by.Owner, drive.Link{Object: o.ID, Box: []byte("box")})
	if err != nil {
		t.Fatal(err)
	}
	if out := must(t, "link", "kill", l.ID.String(), config); !strings.Contains(out, "of account "+string(a.ID)+" is ended, after 0 downloads") {
		t.Errorf("link kill says %s", out)
	}
	if _, _, _, err := up.files.Shared(t.Context(), l.ID, nil); err == nil {
		t.Error("a link that was killed is open")
	}
	fails(t, exitFailed, []string{"there is no link"}, "link", "kill", drive.NewID().String(), config)
	fails(t, exitFailed, []string{"expected the id of a link"}, "link", "kill", "../x", config)
	other := s.write(t, "other.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	must(t, "restore", to, "--config="+other)
	comesBack(t, filepath.Join(s.dir, "elsewhere"), by.Owner, o.ID, octets)
	must(t, "account", "remove", "ann@demo.test", "--yes", config)
	for info, err := range up.blobs.All(t.Context()) {
		t.Errorf("blob %s is left, %v", info.ID, err)
	}
}

func comesBack(t *testing.T, data string, o drive.Owner, id drive.ID, want []byte) {
	t.Helper()
	index, err := bolt.Open(filepath.Join(data, "index.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	blobs, err := disk.Open(filepath.Join(data, "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	c, err := (&drive.Drive{Store: index.Drive(), Blobs: blobs}).Open(t.Context(), o, id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file came back changed: %v", err)
	}
}
