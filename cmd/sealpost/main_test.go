package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/config"
	"sealpost/pgp"
	"sealpost/storage/postgres/pgtest"
)

// scratch is where TestMain lets the program be built.
var scratch string

// binary is the program, built once, for what only a process of its own shows.
var binary = sync.OnceValues(func() (string, error) {
	out := filepath.Join(scratch, "sealpost")
	text, err := exec.Command("go", "build", "-o", out, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return out, nil
})

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "sealpost-cmd-"); err != nil {
		panic(err)
	}
	code := m.Run()
	pgtest.Stop()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// said is what a command did.
type said struct {
	out, err string
	code     int
}

// do runs a command in this process.
func do(t testing.TB, stdin string, args ...string) said {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, console{strings.NewReader(stdin), &out, &errs})
	return said{out.String(), errs.String(), code}
}

// must runs a command that has to succeed and returns what it printed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	s := do(t, "", args...)
	if s.code != exitDone {
		t.Fatalf("sealpost %s: exit %d: %s", strings.Join(args, " "), s.code, s.err)
	}
	return s.out
}

// fails runs a command that has to fail with this code, saying all of want.
func fails(t testing.TB, code int, want []string, args ...string) {
	t.Helper()
	s := do(t, "", args...)
	if s.code != code {
		t.Errorf("sealpost %s: exit %d, want %d: %s", strings.Join(args, " "), s.code, code, s.err)
	}
	for _, w := range want {
		if !strings.Contains(s.err, w) {
			t.Errorf("sealpost %s says %q, want %q in it", strings.Join(args, " "), s.err, w)
		}
	}
	if code == exitFailed && strings.Count(strings.TrimSpace(s.err), "\n") > 1 {
		t.Errorf("sealpost %s fails with a speech: %s", strings.Join(args, " "), s.err)
	}
}

// site is a folder with a configuration, certificates and keys, and no server.
type site struct {
	dir, config string
	settings    config.Config
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	d := &demo{dir: s.dir, server: s.dir, clients: s.dir}
	if err := d.certify(); err != nil {
		t.Fatal(err)
	}
	s.config = filepath.Join(s.dir, "sealpost.toml")
	text := `data = "data"
hostname = "mail.demo.test"
domains = ["demo.test", "other.test"]
[tls]
certificate = "tls.pem"
key = "tls.key"
[queue]
key = "node.key"
[dkim]
folder = "dkim"
[http]
listen = []
listen_tls = []
[submission]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]
[screen]
on = false
[smtp]
listen = ["127.0.0.1:0"]
[imap]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]
`
	s.write(t, "sealpost.toml", []byte(text))
	var err error
	if s.settings, err = config.Load(s.config); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) write(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// keys makes an OpenPGP key and writes both halves.
func (s *site) keys(t testing.TB, address string) (secret, public string) {
	t.Helper()
	sec, pub, err := pgp.GenerateKey("", address, pgp.Compat, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s.write(t, address+".secret.asc", sec), s.write(t, address+".asc", pub)
}

// serve runs a server in this process until the test ends.
func (s *site) serve(t testing.TB) *server {
	t.Helper()
	return s.serveSaying(t, slog.New(slog.DiscardHandler), nil)
}

func (s *site) serveSaying(t testing.TB, log *slog.Logger, level *slog.LevelVar) *server {
	t.Helper()
	return s.serveOn(t, log, occasions{level: level})
}

func (s *site) serveOn(t testing.TB, log *slog.Logger, on occasions) *server {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan *server, 1), make(chan error, 1)
	go func() {
		on.ready = func(s *server) error { ready <- s; return nil }
		ended <- serve(ctx, s.settings, log, on)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not stop")
		}
	})
	select {
	case up := <-ready:
		return up
	case err := <-ended:
		ended <- err
		t.Fatalf("the server did not start: %v", err)
	case <-time.After(time.Minute): // many of them start at once, with the race detector
		t.Fatal("the server does not start")
	}
	return nil
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"", "demo", "serve", "check", "config", "account add", "account list", "account show", "account set", "account key",
		"account alias", "account remove", "password add", "password list", "password remove", "message get", "open", "prove", "version",
		"file login", "file logout", "file put", "file get", "file ls", "file mkdir", "file rm", "file restore", "file mv", "file link make", "file link list",
		"file link revoke", "reload", "drain", "report list", "report show", "mark", "migrate",
	} {
		s := do(t, "", append(strings.Fields(command), "--help")...)
		if s.code != exitDone || !strings.HasPrefix(s.out, "Usage: sealpost "+command) || s.err != "" {
			t.Errorf("%s --help: exit %d: %s%s", command, s.code, s.out, s.err)
		}
	}
	fails(t, exitUsage, []string{"unexpected argument", `"sealpost --help"`}, "frobnicate")
	fails(t, exitUsage, []string{"--key", `"sealpost account add --help"`}, "account", "add", "a@demo.test")
	fails(t, exitUsage, []string{"--headers must be one of", "shy"}, "account", "add", "a@demo.test", "--key", "main.go", "--headers", "none")
	fails(t, exitUsage, []string{`--headers must be one of "open"`}, "account", "set", "a@demo.test", "--headers", "none")
	fails(t, exitUsage, []string{"expected a size such as"}, "account", "set", "a@demo.test", "--quota", "lots")
	fails(t, exitUsage, []string{"nowhere.asc"}, "open", "--key", "nowhere.asc")
	if out := must(t, "version"); !strings.HasPrefix(out, "sealpost ") {
		t.Errorf("version says %q", out)
	}
	if out := do(t, "").out; !strings.Contains(out, "sealpost demo") {
		t.Errorf("without a command: %q", out)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if out := must(t, "check", "--config", s.config); !strings.Contains(out, "is well") || !strings.Contains(out, "demo.test, other.test") {
		t.Errorf("check says %q", out)
	}
	sample := s.write(t, "sample.toml", []byte(must(t, "config")))
	fails(t, exitFailed, []string{"read TLS certificate", "tls.certificate"}, "check", "--config", sample)
	old := template("mail.demo.test", -time.Minute)
	if err := issue(old, nil, filepath.Join(s.dir, "tls.pem"), filepath.Join(s.dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	if got := do(t, "", "check", "--config", s.config); got.code != exitDone || !strings.Contains(got.err, "certificate is valid only from") {
		t.Errorf("a certificate that has expired: %+v", got)
	}
	broken := s.write(t, "broken.toml", []byte("hostname = \"mail.demo.test\"\ndomain = [\"demo.test\"]\n"))
	fails(t, exitFailed, []string{"broken.toml:2: domain: no such setting; did you mean domains?"}, "check", "--config", broken)
	fails(t, exitFailed, []string{"broken.toml:2: domain"}, "serve", "--config", broken)
	fails(t, exitFailed, []string{"none.toml"}, "account", "list", "--config", filepath.Join(s.dir, "none.toml"))
}

// broken is an output whose use panics, as a bug in a command would.
type broken struct{}

func (broken) Write([]byte) (int, error) { panic("a bug") }

// A bug in a command is not taken for its good end.
func TestPanicIsNoSuccess(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v != "a bug" {
			t.Errorf("recovered %v", v)
		}
	}()
	t.Errorf("ended with %d", run(t.Context(), []string{"--help"}, console{strings.NewReader(""), broken{}, broken{}}))
}
