package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealpost/storage/postgres/pgtest"
)

var long = flag.Bool("long", false, "run the long modes: hundreds of thousands of rounds")

// binary builds sealpost once for the whole run, as a user would, or with the
// race detector in it.
var (
	plainBinary = sync.OnceValues(func() (string, error) { return build("sealpost") })
	raceBinary  = sync.OnceValues(func() (string, error) { return build("sealpost-race", "-race") })
	workFolder  = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "sealpost-test-") })
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	pgtest.Stop()
	if dir, err := workFolder(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build compiles cmd/sealpost, with the seeded fault of this run if there is one.
func build(name string, flags ...string) (string, error) {
	dir, err := workFolder()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	args := append([]string{"build", "-o", out}, flags...)
	if overlay := os.Getenv("SEALPOST_OVERLAY"); overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "sealpost/cmd/sealpost")...)
	cmd.Dir = ".."
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, text)
	}
	return out, nil
}

// need skips a test for want of programs, says so in the list of skips, and
// fails instead in CI, where nothing may be missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			skip(t, p+" is not installed")
		}
	}
}

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: in CI nothing may be skipped", why)
	}
	if list := os.Getenv("SEALPOST_SKIPS"); list != "" {
		if f, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintf(f, "%s: %s\n", t.Name(), why)
			f.Close()
		}
	}
	t.Skip(why)
}

// person is one account of the demo, as demo.json gives it.
type person struct {
	Address     string `json:"address"`
	Password    string `json:"password"`
	SecretKey   string `json:"secret_key"`
	ListKey     string `json:"list_key"`
	Fingerprint string `json:"fingerprint"`
}

// demo is a running `sealpost demo`.
type demo struct {
	SMTP        string   `json:"smtp"`
	IMAP        string   `json:"imap"`
	Submissions string   `json:"submissions"`
	IMAPS       string   `json:"imaps"`
	HTTPS       string   `json:"https"`
	CA          string   `json:"ca"`
	Config      string   `json:"config"`
	Accounts    []person `json:"accounts"`

	bin, dir string
	base     int
	cmd      *exec.Cmd
	wrap     []string // a program the server runs under, such as strace
	env      []string
	log      bytes.Buffer
}

type option func(*demo)

func withBinary(path string) option  { return func(d *demo) { d.bin = path } }
func under(command ...string) option { return func(d *demo) { d.wrap = command } }
func inDir(path string) option       { return func(d *demo) { d.dir = path } }
func withEnv(env ...string) option   { return func(d *demo) { d.env = env } }

// startDemo runs a demo in a folder and on ports of its own until the test ends.
func startDemo(t *testing.T, options ...option) *demo {
	t.Helper()
	d := &demo{dir: filepath.Join(t.TempDir(), "demo")}
	for _, o := range options {
		o(d)
	}
	if d.bin == "" {
		bin, err := raceBinary()
		if err != nil {
			t.Fatal(err)
		}
		d.bin = bin
	}
	d.base = freeBase(t)
	d.start(t)
	t.Cleanup(func() {
		d.stop(t)
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(d.log.String(), 2000))
		}
	})
	return d
}

func (d *demo) start(t *testing.T) {
	t.Helper()
	os.Remove(filepath.Join(d.dir, "demo.json"))
	args := append(append([]string{}, d.wrap...), d.bin, "demo", "--dir", d.dir, "--port-base", fmt.Sprint(d.base))
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Env = append(append(os.Environ(), "NO_COLOR=1"), d.env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if data, err := os.ReadFile(filepath.Join(d.dir, "demo.json")); err == nil {
			if err := json.Unmarshal(data, d); err != nil {
				t.Fatalf("demo.json: %v", err)
			}
			return
		}
		if err := d.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.kill()
	t.Fatalf("the demo did not get ready:\n%s", d.log.String())
}

// kill ends the server as a power cut would, as far as a process can.
func (d *demo) kill() {
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	d.cmd.Wait()
	d.cmd = nil
}

// stop ends the server as an operator would and fails the test if it does not
// end in peace or a race was found in it.
func (d *demo) stop(t *testing.T) {
	t.Helper()
	if d.cmd == nil {
		return
	}
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- d.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil && len(d.wrap) == 0 {
			t.Errorf("the server ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server did not stop within 30 s of SIGTERM")
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-done
	}
	d.cmd = nil
	if strings.Contains(d.log.String(), "WARNING: DATA RACE") {
		t.Errorf("data race in the server:\n%s", tail(d.log.String(), 8000))
	}
}

// doors are the ports of a demo, from its base.
var doors = []int{25, 143, 443, 465, 587, 993}

// taken keeps parallel tests from choosing the same ports.
var taken = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// freeBase finds a port base whose ports are all free, and keeps it for the test.
func freeBase(t *testing.T) int {
	t.Helper()
	taken.Lock()
	defer taken.Unlock()
	for base := 10000 + os.Getpid()%100*61; base < 31000; base += 61 {
		if free(base) {
			for _, n := range doors {
				taken.ports[base+n] = true
			}
			t.Cleanup(func() { giveBack(base) })
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func free(base int) bool {
	for _, n := range doors {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+n))
		if err != nil {
			return false
		}
		l.Close()
		if taken.ports[base+n] {
			return false
		}
	}
	return true
}

func giveBack(base int) {
	taken.Lock()
	defer taken.Unlock()
	for _, n := range doors {
		delete(taken.ports, base+n)
	}
}

func (d *demo) alice() person { return d.Accounts[0] }
func (d *demo) bob() person   { return d.Accounts[1] }

// data is the server's folder, where nothing readable may ever be.
func (d *demo) data() string { return filepath.Join(d.dir, "server") }

// run runs the sealpost command itself and returns what it printed.
func (d *demo) run(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	out, err := d.try(stdin, args...)
	if err != nil {
		t.Fatalf("sealpost %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (d *demo) try(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command(d.bin, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%w: %s", err, tail(fault.String(), 2000))
	}
	return out.Bytes(), nil
}

// tls is what a client needs to trust this demo and nothing else.
func (d *demo) tls(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(d.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the demo's CA is no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func timeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// do runs a foreign program and returns its standard output.
func do(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	return doEnv(t, nil, stdin, name, args...)
}

func doEnv(t *testing.T, env []string, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(timeout(t, 2*time.Minute), name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, tail(out.String(), 2000), tail(fault.String(), 3000))
	}
	return out.Bytes()
}
