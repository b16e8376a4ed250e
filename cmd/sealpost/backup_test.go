package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/cmd/sealpost/backup"
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

// A byte of a stored letter is turned: verify says so, a backup names it, and a
// restore of a backup that was damaged later refuses.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	up := s.serve(t)
	send(t, up, "ann@demo.test", "Subject: first\r\n\r\nwords\r\n")
	to := filepath.Join(s.dir, "backup")
	must(t, "backup", to, config)
	flip(t, filepath.Join(s.settings.Data, "blobs", "segments"))
	fails(t, exitFailed, []string{"wrong"}, "verify", config)
	must(t, "verify", "--backup", to, config)
	flip(t, filepath.Join(to, "blobs", "segments"))
	fails(t, exitFailed, []string{"wrong"}, "verify", "--backup", to, config)
	s.write(t, "sealpost.toml", []byte(strings.Replace(string(read(t, s.config)), `"data"`, `"elsewhere"`, 1)))
	fails(t, exitFailed, []string{"1 of 2 letters are missing or damaged"}, "restore", to, config)
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
