package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a sealpost in a process of its own.
type process struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	said  bytes.Buffer
	ended chan error
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, "", args...)
}

// startWith has one more variable in the environment, as NAME=VALUE.
func startWith(t *testing.T, variable string, args ...string) *process {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(bin, args...), ended: make(chan error, 1)}
	if variable != "" {
		p.cmd.Env = append(os.Environ(), variable)
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%v said:\n%s", args, p.log())
		}
	})
	return p
}

// end waits for the process to be over and returns its exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatalf("the process does not end:\n%s", p.log())
		return -1
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// bases counts the port bases given out, so that no two tests get the same.
var bases atomic.Int64

// freeBase finds a port base whose ports are free now, below those that the
// system gives to outgoing connections.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 3000 + os.Getpid()%50*100 + int(bases.Add(1))
		if portsFree(base) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func portsFree(base int) bool {
	for _, n := range []int{25, 143, 993} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+n))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// startDemo runs a demo until it is ready.
func startDemo(t *testing.T, dir string, base int) (*process, demoFacts) {
	t.Helper()
	file := filepath.Join(dir, "demo.json")
	os.Remove(file)
	p := start(t, "demo", "--dir", dir, "--port-base", fmt.Sprint(base))
	until(t, "demo.json", func() bool {
		if len(p.ended) > 0 {
			t.Fatalf("the demo ended:\n%s", p.log())
		}
		_, err := os.Stat(file)
		return err == nil
	})
	var facts demoFacts
	if err := json.Unmarshal(read(t, file), &facts); err != nil {
		t.Fatal(err)
	}
	return p, facts
}

func deliver(t *testing.T, facts demoFacts, to, text string) {
	t.Helper()
	c := dialSMTP(t, facts.SMTP)
	for _, line := range []string{"EHLO there", "MAIL FROM:<a@example.org>", "RCPT TO:<" + to + ">", "DATA", text + "\r\n."} {
		c.say(t, line)
	}
}

// wireSMTP speaks SMTP line by line.
type wireSMTP struct {
	net.Conn
	in *bufio.Reader
}

func dialSMTP(t *testing.T, at string) *wireSMTP {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &wireSMTP{conn, bufio.NewReader(conn)}
	c.hear(t)
	return c
}

// hear reads one reply, which must be good.
func (c *wireSMTP) hear(t *testing.T) string {
	t.Helper()
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || line[0] > '3' {
			t.Fatalf("the server says %q, %v", line, err)
		}
		if line[3] == ' ' {
			return line
		}
	}
}

func (c *wireSMTP) say(t *testing.T, line string) string {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		t.Fatal(err)
	}
	return c.hear(t)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir, base := filepath.Join(t.TempDir(), "demo"), freeBase(t)
	begun := time.Now()
	p, facts := startDemo(t, dir, base)
	t.Logf("ready after %v", time.Since(begun))
	checkFacts(t, facts, dir, base)
	checkApart(t, dir)
	alice := facts.Accounts[0]
	deliver(t, facts, alice.Address, "Subject: one\r\n\r\nfirst words")
	first := fetch(t, facts.IMAPS, facts.CA, alice.Address, alice.Password, 1)

	if out, err := exec.Command(p.cmd.Path, "demo", "--dir", dir, "--port-base", fmt.Sprint(base+1)).CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "a demo is running in "+dir+" already") {
		t.Errorf("a second demo in the same folder: %v %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); err != nil {
		t.Errorf("the second demo took demo.json away: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if out, err := exec.Command(p.cmd.Path, "demo", "--dir", other, "--port-base", fmt.Sprint(base)).CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "--port-base") {
		t.Errorf("a second demo on the same ports: %v %s", err, out)
	}

	p.cmd.Process.Kill() // a power cut
	p.end(t)
	p, again := startDemo(t, dir, base)
	if fmt.Sprint(again) != fmt.Sprint(facts) {
		t.Errorf("after a restart:\n%+v\nbefore:\n%+v", again, facts)
	}
	deliver(t, facts, alice.Address, "Subject: two\r\n\r\nmore words")
	if second := fetch(t, facts.IMAPS, facts.CA, alice.Address, alice.Password, 1); !bytes.Equal(first, second) {
		t.Error("the first mail is another one after the restart")
	}
	mail := fetch(t, facts.IMAPS, facts.CA, alice.Address, alice.Password, 2)
	if opened := do(t, string(mail), "open", "--key", alice.SecretKey); !strings.Contains(opened.out, "more words") {
		t.Errorf("the second mail: %+v", opened)
	}
	card := must(t, "message", "get", alice.Address, "2", "--part=card", "--config", facts.Config)
	if opened := do(t, card, "open", "--key", alice.SecretKey, "--list-key", alice.ListKey); !strings.Contains(opened.out, `"s": "two"`) {
		t.Errorf("the card: %+v", opened)
	}
	if opened := do(t, card, "open", "--key", alice.SecretKey); opened.code != exitFailed || !strings.Contains(opened.err, "expected --list-key") {
		t.Errorf("the card without its key: %+v", opened)
	}
	p.cmd.Process.Signal(syscall.SIGINT)
	if code := p.end(t); code != 0 {
		t.Errorf("Ctrl-C: exit %d", code)
	}
}

func checkFacts(t *testing.T, f demoFacts, dir string, base int) {
	t.Helper()
	for got, want := range map[string]int{f.SMTP: 25, f.Submission: 587, f.Submissions: 465, f.IMAP: 143, f.IMAPS: 993, strings.TrimPrefix(f.HTTPS, "https://"): 443} {
		if got != fmt.Sprintf("127.0.0.1:%d", base+want) {
			t.Errorf("demo.json says %s, want port %d", got, base+want)
		}
	}
	if len(f.Accounts) != 2 || f.Accounts[0].Address != "alice@demo.test" || f.Accounts[1].Address != "bob@demo.test" {
		t.Fatalf("accounts are %+v", f.Accounts)
	}
	clients := filepath.Join(dir, "clients") + string(filepath.Separator)
	for _, path := range []string{f.CA, f.Accounts[0].SecretKey, f.Accounts[0].ListKey, f.Accounts[1].SecretKey, f.Accounts[1].ListKey} {
		if _, err := os.Stat(path); err != nil || !strings.HasPrefix(path, clients) {
			t.Errorf("%s: %v; want it in %s", path, err, clients)
		}
	}
	must(t, "check", "--config", f.Config)
}

// checkApart looks for anything of the clients' among the server's files, and
// for files that others than their owner can read.
func checkApart(t *testing.T, dir string) {
	t.Helper()
	secrets := map[string]string{}
	for _, name := range []string{"alice.secret.asc", "bob.listkey.pem", "ca.key"} {
		secrets[name] = strings.Split(string(read(t, filepath.Join(dir, "clients", name))), "\n")[3-strings.Count(name, ".pem")*2-strings.Count(name, ".key")*2]
	}
	secrets["alice.password"] = strings.TrimSpace(string(read(t, filepath.Join(dir, "clients", "alice.password"))))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		if !d.Type().IsRegular() || !strings.HasPrefix(path, filepath.Join(dir, "server")) {
			return nil
		}
		data := read(t, path)
		for name, secret := range secrets {
			if len(secret) < 20 {
				t.Fatalf("%s: %q is too short to look for", name, secret)
			}
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("what %s holds stands in %s", name, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A stop lets a mail that is on its way in finish, and says BYE to clients.
func TestStopFinishesWhatItBegan(t *testing.T) {
	t.Parallel()
	p, facts := startDemo(t, filepath.Join(t.TempDir(), "demo"), freeBase(t))
	c := dialSMTP(t, facts.SMTP)
	for _, line := range []string{"EHLO there", "MAIL FROM:<a@example.org>", "RCPT TO:<bob@demo.test>", "DATA"} {
		c.say(t, line)
	}
	fmt.Fprint(c, "Subject: on its way\r\n\r\nhalf of ")
	idle := idling(t, facts)
	time.Sleep(50 * time.Millisecond)
	p.cmd.Process.Signal(syscall.SIGTERM)
	until(t, "the doors to close", func() bool {
		conn, err := net.Dial("tcp", facts.SMTP)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	bye := false
	for idle.Scan() {
		bye = bye || strings.HasPrefix(idle.Text(), "* BYE")
	}
	if !bye {
		t.Error("an idle client hears no BYE")
	}
	if reply := c.say(t, "it\r\n."); !strings.HasPrefix(reply, "250") {
		t.Errorf("the mail on its way hears %q", reply)
	}
	if code := p.end(t); code != 0 {
		t.Errorf("exit %d", code)
	}
	card := must(t, "message", "get", "bob@demo.test", "1", "--part=card", "--config", facts.Config)
	bob := facts.Accounts[1]
	if opened := do(t, card, "open", "--key", bob.SecretKey, "--list-key", bob.ListKey); !strings.Contains(opened.out, "half of it") {
		t.Errorf("the mail was acknowledged and is not there: %+v", opened)
	}
}

// idling is a client in IDLE, read line by line.
func idling(t *testing.T, facts demoFacts) *bufio.Scanner {
	t.Helper()
	conn, err := tls.Dial("tcp", facts.IMAPS, trust(t, facts.CA))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewScanner(conn)
	for _, line := range []string{"a LOGIN " + facts.Accounts[0].Address + " " + facts.Accounts[0].Password, "b SELECT INBOX", "c IDLE"} {
		fmt.Fprintf(conn, "%s\r\n", line)
		for in.Scan() && !strings.HasPrefix(in.Text(), line[:2]) && !strings.HasPrefix(in.Text(), "+") {
		}
	}
	return in
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	p, facts := startDemo(t, filepath.Join(t.TempDir(), "demo"), freeBase(t))
	c := dialSMTP(t, facts.SMTP)
	for _, line := range []string{"EHLO there", "MAIL FROM:<a@example.org>", "RCPT TO:<bob@demo.test>", "DATA"} {
		c.say(t, line)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	until(t, "the stop to begin", func() bool { return strings.Contains(p.log(), "stopping") })
	time.Sleep(300 * time.Millisecond)
	if len(p.ended) > 0 {
		t.Fatal("the server did not wait for the mail on its way")
	}
	begun := time.Now()
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.end(t); code != 0 || time.Since(begun) > 5*time.Second {
		t.Errorf("exit %d after %v", code, time.Since(begun))
	}
	startDemo(t, filepath.Dir(filepath.Dir(facts.Config)), freeBase(t)) // and starts again
}

func TestHangupReadsCertificatesAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	p, facts := startDemo(t, dir, freeBase(t))
	serial := func() string {
		conn, err := tls.Dial("tcp", facts.IMAPS, trust(t, facts.CA))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old := serial()
	d := &demo{dir: dir, server: filepath.Join(dir, "server"), clients: filepath.Join(dir, "clients")}
	chain, key := filepath.Join(d.server, "tls.pem"), filepath.Join(d.server, "tls.key")
	if err := errors.Join(os.Remove(chain), d.certify()); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	until(t, "the new certificate", func() bool { return serial() != old })
	fresh := serial()
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	until(t, "the complaint", func() bool { return strings.Contains(p.log(), "a reload left something as it was") })
	if serial() != fresh {
		t.Error("a broken key took the certificate away")
	}
}

// Attack F04: no core dump of a server, whatever it is told.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	p, _ := startDemo(t, filepath.Join(t.TempDir(), "demo"), freeBase(t))
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	for line := range strings.SplitSeq(string(limits), "\n") {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && (f[4] != "0" || f[5] != "0") {
			t.Errorf("core dumps are on: %s", line)
		}
	}
}
