package test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// bridge is a running `sealpost file dav`.
type bridge struct{ url, user, password string }

// showDrive signs alice's device in and shows her drive until the test ends.
func showDrive(t *testing.T, d *demo) bridge {
	t.Helper()
	var facts struct {
		Accounts []struct{ Kit, Web string }
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "demo.json"))
	if err == nil {
		err = json.Unmarshal(text, &facts)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	kit, profile := filepath.Join(dir, "kit"), filepath.Join(dir, "profile")
	if err := os.WriteFile(kit, []byte(facts.Accounts[0].Kit), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(t, nil, "file", "login", d.alice().Address, "--server", facts.Accounts[0].Web, "--ca", d.CA, "--kit-file", kit, "--profile", profile, "--device", "test")
	cmd := exec.Command(d.bin, "file", "dav", "--profile", profile, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the bridge ended with %v", err)
		}
	})
	var b bridge
	for lines := bufio.NewScanner(out); b.password == "" && lines.Scan(); {
		if at, ok := strings.CutPrefix(lines.Text(), "The drive is at "); ok {
			b.url, _, _ = strings.Cut(at, " ")
		}
		if user, ok := strings.CutPrefix(lines.Text(), "user: "); ok {
			b.user = user
		}
		if word, ok := strings.CutPrefix(lines.Text(), "password: "); ok {
			b.password = word
		}
	}
	if b.url == "" || b.user == "" || len(b.password) < 20 {
		t.Fatalf("the bridge says %q, %q and a password of %d", b.url, b.user, len(b.password))
	}
	return b
}

const zoo = 16 // files

// Programs that know nothing of sealpost use the drive, and the server reads none of it.
func TestNetworkDrive(t *testing.T) {
	t.Parallel()
	need(t, "rclone", "cadaver", "litmus")
	d := startDemo(t)
	b := showDrive(t, d)
	dir := t.TempDir()
	for i := range zoo {
		file := filepath.Join(dir, "from", "deep", fmt.Sprintf("capybara %d.txt", i))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte("the capybara bathes "), i*i*240), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	obscured := strings.TrimSpace(string(do(t, nil, "rclone", "obscure", b.password)))
	env := []string{"RCLONE_CONFIG=/dev/null", "RCLONE_WEBDAV_URL=" + b.url, "RCLONE_WEBDAV_VENDOR=owncloud", "RCLONE_WEBDAV_USER=" + b.user, "RCLONE_WEBDAV_PASS=" + obscured}
	from, back := filepath.Join(dir, "from"), filepath.Join(dir, "back")
	doEnv(t, env, nil, "rclone", "copy", from, ":webdav:zoo")
	doEnv(t, env, nil, "rclone", "check", "--download", from, ":webdav:zoo")
	if out := doEnv(t, env, nil, "rclone", "copy", "-v", "--dry-run", from, ":webdav:zoo"); bytes.Contains(out, []byte("Skipped copy")) {
		t.Errorf("rclone would copy again what has its times: %s", out)
	}
	doEnv(t, env, nil, "rclone", "moveto", ":webdav:zoo/deep", ":webdav:pond")
	doEnv(t, env, nil, "rclone", "copy", ":webdav:pond", filepath.Join(back, "deep"))
	if a, b := contents(t, from), contents(t, back); a != b || strings.Count(a, "\n") != zoo {
		t.Errorf("there was\n%s and there is\n%s", a, b)
	}
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	netrc := fmt.Sprintf("machine 127.0.0.1\nlogin %s\npassword %s\n", b.user, b.password)
	if err := os.WriteFile(filepath.Join(home, ".netrc"), []byte(netrc), 0o600); err != nil {
		t.Fatal(err)
	}
	said := doEnv(t, []string{"HOME=" + home}, []byte("mkcol den\nlock den\nunlock den\nmove pond/* den\ncopy den den2\nls den2\ndelete den/*\nquit\n"), "cadaver", b.url)
	if bytes.Contains(said, []byte("failed")) || bytes.Count(said, []byte("capybara")) < zoo {
		t.Errorf("cadaver says %s", said)
	}
	litmus(t, b)
	nowhereReadable(t, d.data(), "capybara")
}

// litmusRefused are tests of litmus that ask for what the bridge does not have: programs'
// own properties and shared locks.
var litmusRefused = map[string]bool{
	"propset": true, "propget": true, "propmanyns": true, "lock_shared": true,
	"owner_modify": true, // sets a property
}

// litmus is the suite by which WebDAV servers are judged.
func litmus(t *testing.T, b bridge) {
	t.Helper()
	cmd := exec.Command("litmus", "-k", b.url, b.user, b.password)
	cmd.Dir = t.TempDir()
	out, _ := cmd.CombinedOutput() // it fails for those that are refused
	failed := regexp.MustCompile(`(?m) (\w+)\.+ FAIL`).FindAllSubmatch(out, -1)
	for _, f := range failed {
		if !litmusRefused[string(f[1])] {
			t.Errorf("litmus fails in %s:\n%s", f[1], out)
		}
	}
	if n := bytes.Count(out, []byte("pass")); n < 60 {
		t.Errorf("%d tests of litmus pass:\n%s", n, out)
	}
}

// contents is what a folder holds.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return b.String()
}

// nowhereReadable looks for a word in all that a server keeps.
func nowhereReadable(t *testing.T, dir, word string) {
	t.Helper()
	looked := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if looked += len(text); bytes.Contains(text, []byte(word)) {
			t.Errorf("%q stands in %s", word, path)
		}
		return err
	})
	if err != nil || looked < 1<<20 {
		t.Errorf("%d bytes were looked at, %v", looked, err)
	}
}
