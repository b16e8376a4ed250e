package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sealpost/cmd/sealpost/backup"
	"sealpost/mailstore"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// A store is backed up twice while its server runs, verified, restored
// elsewhere, and serves the same mail and passwords.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	secret, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	password := strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=test", config))
	send(t, up, "ann@demo.test", "Subject: first\r\n\r\nthe canary sang once\r\n")
	to := filepath.Join(s.dir, "backup")
	if out := must(t, "backup", to, config); !strings.Contains(out, "letters, of which 2 ") {
		t.Errorf("first backup says:\n%s", out)
	}
	send(t, up, "ann@demo.test", "Subject: second\r\n\r\n"+strings.Repeat("canary, again and again\r\n", 200_000))
	for i := range 2 {
		holdSecond(t, to)
		out := must(t, "backup", to, config, "--keep=2")
		if want := []string{"of which 3 ", "of which 0 "}[i]; !strings.Contains(out, want) {
			t.Errorf("backup %d says:\n%s", i+2, out)
		}
	}
	if out := must(t, "verify", "--backup", to, config); !strings.Contains(out, "2 snapshots: ") || !strings.Contains(out, "All is well") {
		t.Errorf("verify of the backup says:\n%s", out)
	}
	if out := must(t, "verify", config); !strings.Contains(out, "1 account, 2 messages, 5 letters") || !strings.Contains(out, "All is well") {
		t.Errorf("verify of the live store says:\n%s", out)
	}
	if nothingReadable(t, to, "canary") == 0 {
		t.Error("the backup holds no file")
	}

	fails(t, exitFailed, []string{"is not empty"}, "restore", to, config)
	s.settings.Data = filepath.Join(s.dir, "elsewhere")
	s.settings.Spool.Folder = filepath.Join(s.settings.Data, "tmp")
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	must(t, "restore", to, config)
	names, err := backup.Snapshots(to)
	if err != nil {
		t.Fatal(err)
	}
	laterUIDs(t, filepath.Join(to, "snapshots", names[len(names)-1]), s.settings.Data)
	again := s.serve(t)
	got := fetch(t, again.imapsDoors[0].Addr().String(), filepath.Join(s.dir, "ca.pem"), "ann@demo.test", password, 2)
	if opened := do(t, string(got), "open", "--key", secret); !strings.Contains(opened.out, "again and again") {
		t.Errorf("the restored mail opens as: %+v", opened)
	}
}

// A snapshot that a clock in the future has named does not push out those that are
// made later, and two backups at a time do not remove what the other relies on.
func TestBackupsInTheWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	names, err := backup.Snapshots(to)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Rename(filepath.Join(to, "snapshots", names[0]), filepath.Join(to, "snapshots", "20991231T235959Z")); err != nil {
		t.Fatal(err)
	}
	must(t, "backup", to, config, "--keep=1")
	if names, err = backup.Snapshots(to); err != nil || len(names) != 1 || strings.HasPrefix(names[0], "2099") {
		t.Errorf("left are %v, %v", names, err)
	}
	lock, err := disk.OS{}.Lock(filepath.Join(to, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	fails(t, exitFailed, []string{"another backup is being written"}, "backup", to, config)
}

// holdSecond gives the snapshots of a backup the names of an earlier time:
// names count seconds.
func holdSecond(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		if strings.HasPrefix(n.Name(), "2020") {
			continue
		}
		aside := filepath.Join(dir, "snapshots", "2020010"+string(rune('1'+i))+"T000000Z")
		if err := os.Rename(filepath.Join(dir, "snapshots", n.Name()), aside); err != nil {
			t.Fatal(err)
		}
	}
}

func nothingReadable(t *testing.T, dir, word string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(word)) {
			t.Errorf("%s holds %q", path, word)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// laterUIDs checks that in a restored index each next UID is far from those that were
// given after the snapshot, and that mailboxes are the same ones.
func laterUIDs(t *testing.T, was, now string) {
	t.Helper()
	read := func(data string) (all []mailstore.Mailbox) {
		db, err := bolt.Open(filepath.Join(data, "index.db"), bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		people, err := db.Accounts().Accounts(t.Context())
		if err != nil || len(people) != 1 {
			t.Fatal(people, err)
		}
		if all, err = db.Index().Mailboxes(t.Context(), mailstore.Owner(people[0].ID)); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for i, m := range read(now) {
		if old := read(was)[i]; m.ID != old.ID || m.UIDValidity != old.UIDValidity || m.UIDNext < old.UIDNext+1<<20 {
			t.Errorf("restored: %+v; it was %+v", m, old)
		}
	}
}

// A restore that was broken off is gone on with; a folder that holds something else
// is left alone.
func TestRestoreGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	data := filepath.Join(s.dir, "elsewhere")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(t, "elsewhere/secret", []byte("half"))
	fails(t, exitFailed, []string{"is not empty"}, "restore", to, config)
	s.write(t, "elsewhere/restoring", nil)
	s.write(t, "elsewhere/index.db.restoring", []byte("half"))
	if err := os.Remove(s.settings.Queue.Key); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "restore", to, config); !strings.Contains(out, "is made anew") {
		t.Errorf("the node key was missing, and restore says\n%s", out)
	}
	if _, err := os.Stat(s.settings.Queue.Key); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "restoring")); err == nil {
		t.Error("the mark of a restore under way is still there")
	}
	if out := must(t, "account", "list", config); !strings.Contains(out, "ann@demo.test") {
		t.Errorf("restored: %s", out)
	}
	fails(t, exitFailed, []string{"is not empty"}, "restore", to, config)
}

// What a restore cannot bring back it tells how to come by.
func TestRestoreTellsOfTheCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	text := strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)
	s.write(t, "sealpost.toml", []byte(text+"[acme]\non = true\nemail = \"ann@demo.test\"\n"))
	if out := must(t, "restore", to, config); !strings.Contains(out, filepath.Join(s.dir, "elsewhere", "acme")) || !strings.Contains(out, "TLSA") {
		t.Errorf("restore says\n%s", out)
	}
}

// A folder that the service may not write to is a matter of the service's settings.
func TestBackupWhereNothingMayBeWritten(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.EROFS, syscall.EACCES} {
		err := mayWrite(&fs.PathError{Op: "mkdir", Path: "/mnt/disk", Err: cause}, "/mnt/disk")
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "ReadWritePaths=/mnt/disk") {
			t.Error(err)
		}
	}
	if err := mayWrite(syscall.ENOSPC, "/mnt/disk"); err != syscall.ENOSPC {
		t.Error(err)
	}
}

// backedUp is a server with one mail, and a backup of it.
func backedUp(t *testing.T) (s *site, config, to string) {
	t.Helper()
	s = newSite(t)
	config = "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	send(t, up, "ann@demo.test", "Subject: first\r\n\r\nwords\r\n")
	to = filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	return s, config, to
}

// A byte of a stored letter is turned: verify says so, a backup names it, a check of
// the backup mends what it can, and a restore brings all that is sound.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	s, config, to := backedUp(t)
	flip(t, filepath.Join(s.settings.Data, "blobs", "segments"))
	fails(t, exitFailed, []string{"wrong"}, "verify", config)
	must(t, "verify", "--backup", to, config)
	flip(t, filepath.Join(to, "blobs", "segments"))
	fails(t, exitFailed, []string{"wrong"}, "verify", "--backup", to, config)
	holdSecond(t, to)
	fails(t, exitFailed, []string{"1 letter could not be copied"}, "backup", to, "--check", config)
	flip(t, filepath.Join(s.settings.Data, "blobs", "segments")) // it is whole again
	must(t, "verify", config)
	holdSecond(t, to)
	must(t, "backup", to, config)
	fails(t, exitFailed, []string{"wrong"}, "verify", "--backup", to, config)
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	got := do(t, "", "restore", to, config)
	if got.code != exitFailed || !strings.Contains(got.err, "1 of 2 letters are missing or damaged") || strings.Count(got.out, "lost: letter ") != 1 {
		t.Errorf("restore says %+v", got)
	}
	fails(t, exitFailed, []string{"1 thing wrong"}, "verify", config)
	fails(t, exitFailed, []string{"1 message could not be had"}, "export", "ann@demo.test", "--to", filepath.Join(s.dir, "out"), config)
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"elsewhere"`, `"data"`, 1)))
	holdSecond(t, to)
	if out := must(t, "backup", to, "--check", config); !strings.Contains(out, "1 of these were damaged") {
		t.Errorf("backup --check says\n%s", out)
	}
	must(t, "verify", "--backup", to, config)
}

// Whichever page of a snapshot's index is broken: verify says so, and ends.
func TestVerifyOfBrokenPages(t *testing.T) {
	t.Parallel()
	_, config, to := backedUp(t)
	names, err := backup.Snapshots(to)
	if err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(to, "snapshots", names[0], "index.db")
	whole := read(t, index)
	const page = 4096
	for at := 0; at < min(len(whole), 60*page); at += page {
		broken := bytes.Clone(whole)
		for i := range page {
			broken[at+i] ^= 0xa5
		}
		if err := os.WriteFile(index, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := do(t, "", "verify", "--backup", to, config); got.code != exitFailed || !strings.Contains(got.err, "wrong") {
			t.Errorf("page %d: %+v", at/page, got)
		}
	}
}

// flip turns a byte in the first letter of the first segment.
func flip(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	f, err := os.OpenFile(names[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 60); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], 60); err != nil {
		t.Fatal(err)
	}
}

// A data folder of the layout before is brought to this one, with a copy of the
// index beside it, which goes when an account is removed.
func TestMigration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	if err := os.WriteFile(filepath.Join(s.settings.Data, "VERSION"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "account", "list", config); !strings.Contains(out, "ann@demo.test") {
		t.Errorf("after the migration: %s", out)
	}
	if got := string(read(t, filepath.Join(s.settings.Data, "VERSION"))); got != layout+"\n" {
		t.Errorf("VERSION says %q", got)
	}
	before := filepath.Join(s.settings.Data, "before-layout-2")
	if got := string(read(t, filepath.Join(before, "VERSION"))); got != "1\n" {
		t.Errorf("the copy is of layout %q", got)
	}
	must(t, "account", "remove", "ann@demo.test", "--yes", config)
	if _, err := os.Stat(before); err == nil {
		t.Error("the copy of the index still knows the removed account")
	}
}
