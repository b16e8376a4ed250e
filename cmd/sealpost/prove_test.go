package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// provable writes the configuration of a running server with the ports it got,
// and mail coming in through door.
func provable(t *testing.T, s *site, running *server, door string) string {
	t.Helper()
	return s.write(t, "prove.toml", fmt.Appendf(nil, `data = "data"
hostname = "mail.demo.test"
domains = ["demo.test"]
[tls]
certificate = "tls.pem"
key = "tls.key"
[queue]
key = "node.key"
[screen]
on = false
[submission]
listen = [%q]
listen_tls = [%q]
[http]
listen = []
listen_tls = [%q]
[smtp]
listen = [%q]
[imap]
listen = [%q]
listen_tls = [%q]
`, running.submitDoors[0].Addr(), running.submitsDoors[0].Addr(), running.httpsDoors[0].Addr(), door, running.imapDoors[0].Addr(), running.imapsDoors[0].Addr()))
}

// TestProve: a server that leaks nothing is found to, and is left as it was.
func TestProve(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newSite(t)
	s.settings.HTTP.ListenTLS = []string{"127.0.0.1:0"}
	running := s.serve(t)
	config := provable(t, s, running, running.smtpDoors[0].Addr().String())
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config", config)
	must(t, "account", "alias", "ann@demo.test", "*@demo.test", "--config", config) // nobody is unknown then
	log := s.write(t, "server.log", []byte("nothing to see"))
	out := searched(t, "--config", config, "--log", log)
	if out.code != exitDone {
		t.Fatalf("exit %d: %s", out.code, out.err)
	}
	said := out.out
	for _, want := range []string{"DATA after STARTTLS: 11 mails stored", "BDAT in chunks: 11 mails stored", "APPEND: 11 mails stored",
		", DATA: 10 mails stored", "held in the queue: one mail waits", "append: 11 mails stored",
		"86 mails of 86 stored, opened with the account's key, and each holds the word", "Nothing: the word stands in none",
		"whoever controls the live server", log + ": 1 file"} {
		if !strings.Contains(said, want) {
			t.Errorf("prove does not say %q:\n%s", want, said)
		}
	}
	if list := must(t, "queue", "list", "--config", config); strings.Contains(list, "prove") {
		t.Errorf("prove left its mail: %s", list)
	}
	if list := must(t, "account", "list", "--config", config); strings.Contains(list, "prove-") {
		t.Errorf("prove left its account: %s", list)
	}
}

// TestProveFindsLeaks is the control: the same server, with a way in that
// writes down what comes through it.
func TestProveFindsLeaks(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newSite(t)
	s.settings.HTTP.ListenTLS = []string{"127.0.0.1:0"}
	running := s.serve(t)
	for name, leak := range map[string]struct {
		file  string
		write func(io.Writer) io.WriteCloser
		form  string
	}{
		"raw, in the data folder": {filepath.Join(s.dir, "data", "debug.txt"), plain, "raw at octet"},
		"gzip, in temporary space": {filepath.Join(os.TempDir(), "cache"), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
			"raw in a gzip stream at octet 0"},
	} {
		t.Run(name, func(t *testing.T) {
			config := provable(t, s, running, leaky(t, running.smtpDoors[0].Addr().String(), leak.file, leak.write))
			said := searched(t, "--config", config)
			if said.code != exitFailed || !strings.Contains(said.err, "the canary was found in") {
				t.Errorf("exit %d: %s", said.code, said.err)
			}
			if !strings.Contains(said.out, leak.file+": "+leak.form) {
				t.Errorf("the leak was not named:\n%s", said.out)
			}
			if word := regexp.MustCompile(`Canary[a-z2-7]{24}`).FindString(said.out + said.err); word != "" {
				t.Error("prove prints the word it looks for")
			}
			os.Remove(leak.file)
		})
	}
}

// searched is prove in a process of its own, without the race detector: it looks at every
// octet of a disk, for which it would take a minute and more. Its room is tested with it.
func searched(t *testing.T, args ...string) said {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(bin, append([]string{"prove"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

type open struct{ io.Writer }

func (open) Close() error { return nil }

func plain(w io.Writer) io.WriteCloser { return open{w} }

// leaky passes connections on to a server and writes what clients say to file.
func leaky(t *testing.T, to, file string, through func(io.Writer) io.WriteCloser) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				return
			}
			f := io.WriteCloser(open{io.Discard})
			if n == 0 { // one connection is leak enough
				if f, err = os.Create(file); err != nil {
					t.Error(err)
					return
				}
			}
			go func() {
				io.Copy(client, behind)
				client.Close()
			}()
			go func() {
				w := through(f)
				io.Copy(io.MultiWriter(behind, w), client)
				w.Close()
				f.Close()
				behind.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestProveNeedsAServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	fails(t, exitFailed, []string{"needs the server running"}, "prove", "--config", s.config)
}
