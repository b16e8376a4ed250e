package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// clientNote stands for what a mail client keeps beside a mailbox.
const clientNote = "what the IMAP door sealed"

// What browsers sealed is never swept, is in backups, is verified and comes back, and
// goes with its account; and so does what mail clients keep beside mailboxes.
func TestCabinetsAreKept(t *testing.T) {
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
	kept := &cabinet.Cabinet{Store: up.cabinet, Blobs: up.blobs, Bus: up.store.Bus, Log: up.log}
	place := cabinet.Place{Drawer: "pages", Name: "a"}
	box := append([]byte{1}, bytes.Repeat([]byte{7}, 80+1024)...)
	if _, err := kept.Put(t.Context(), mailstore.Owner(a.ID), place, 0, box); err != nil {
		t.Fatal(err)
	}
	if up.imap.Key == nil {
		t.Error("the IMAP door has no key to seal with")
	}
	if _, err := up.store.Apply(t.Context(), mailstore.Owner(a.ID), mailstore.Note{Now: []byte(clientNote)}); err != nil {
		t.Fatal(err)
	}
	if n, err := up.store.Sweep(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("%d blobs were swept, %v", n, err)
	}
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	for _, args := range [][]string{{"verify", config}, {"verify", "--backup", to, config}} {
		if out := must(t, args...); !strings.Contains(out, "and 1 that browsers sealed") || !strings.Contains(out, "All is well") {
			t.Errorf("%v says:\n%s", args, out)
		}
	}
	restored(t, s, to, a.ID, place, box)
	must(t, "account", "remove", "ann@demo.test", "--yes", config)
	for info, err := range up.blobs.All(t.Context()) {
		t.Errorf("blob %s is left, %v", info.ID, err)
	}
	if bytes.Contains(read(t, filepath.Join(s.dir, "data", "index.db")), []byte(clientNote)) {
		t.Error("what a mail client kept is left in the index")
	}
}

func restored(t *testing.T, s *site, backup string, id account.ID, place cabinet.Place, want []byte) {
	t.Helper()
	data := filepath.Join(s.dir, "elsewhere")
	other := s.write(t, "other.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	must(t, "restore", backup, "--config="+other)
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
	_, blob, err := (&cabinet.Cabinet{Store: index.Cabinet(), Blobs: blobs}).Open(t.Context(), mailstore.Owner(id), place)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the box came back changed: %v", err)
	}
	if note, err := index.Index().Note(t.Context(), mailstore.Owner(id), 0); string(note) != clientNote {
		t.Errorf("what a mail client kept came back as %d octets, %v", len(note), err)
	}
	l, err := index.Cabinet().List(t.Context(), mailstore.Owner(id), 1)
	if err != nil || l.Complete {
		t.Errorf("clients are not told to compare: %+v, %v", l, err)
	}
}
