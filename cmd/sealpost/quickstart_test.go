package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/config"
)

// quick runs quickstart in a folder of a world.
func quick(t testing.TB, cmd quickstartCommand, w world) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := cmd.in(t.Context(), console{nil, &out, &out}, machine{root: "/", uid: 1000, run: func(context.Context, string, ...string) error { return errors.New("nothing is run") }}, w)
	return out.String(), err
}

var printedPassword = regexp.MustCompile(`(?m)^  ([a-z2-7]{5}(?:-[a-z2-7]{5,6}){4})$`)

func passwordIn(t testing.TB, text string) string {
	t.Helper()
	found := printedPassword.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no password in\n%s", text)
	}
	return found[1]
}

// snapshot is every file below a folder but those of the data.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && d.Name() == "data" {
				return filepath.SkipDir
			}
			return err
		}
		info, err := d.Info()
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), string(read(t, path)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// From an empty folder to a server that takes mail, which only its owner opens.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	cmd := quickstartCommand{Address: "Ann@example.org", Dir: dir}
	f := newFar(t, "")
	f.open["198.51.100.25:25"] = mailServer(t, "220 hello\r\n")
	out, err := quick(t, cmd, f.world)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"sealpost for Ann@example.org\n", "Move the secret key away.", "✗ address", "✓ port 25 out", "$ORIGIN example.org.", "serve --config", "self-signed",
		"mail IN A     192.0.2.1\n", "Only if it is to stay",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(line)); n > pageWidth+1 && !strings.Contains(line, "DKIM1") && !strings.HasPrefix(line, `    "`) && !strings.Contains(line, dir) && !strings.Contains(line, "TLSA") {
			t.Errorf("%d letters: %s", n, line)
		}
	}
	for name, mode := range map[string]os.FileMode{
		"": 0o700, "data": 0o700, "dkim": 0o700, "dkim/example.org": 0o700, "owner": 0o700, "node.key": 0o600, "tls.key": 0o600,
		"owner/Ann@example.org.secret.asc": 0o600, "owner/Ann@example.org.listkey.pem": 0o600,
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if text := string(read(t, filepath.Join(dir, "tls.pem"))); !strings.HasPrefix(text, "Self-signed by sealpost quickstart") {
		t.Errorf("the certificate does not say what it is:\n%s", text)
	}
	before := snapshot(t, dir)
	again, err := quick(t, cmd, f.world)
	if err != nil || printedPassword.MatchString(again) || strings.Count(again, "was there") < 4 {
		t.Errorf("once more: %v\n%s", err, again)
	}
	for path, was := range before {
		if snapshot(t, dir)[path] != was {
			t.Errorf("%s was written again", path)
		}
	}
	lives(t, dir, passwordIn(t, out))
}

// lives serves what quickstart made, and passes one mail through it.
func lives(t *testing.T, dir, password string) {
	t.Helper()
	s := &site{dir: dir, config: filepath.Join(dir, "sealpost.toml")}
	var err error
	if s.settings, err = config.Load(s.config); err != nil {
		t.Fatal(err)
	}
	here := []string{"127.0.0.1:0"}
	s.settings.SMTP.Listen, s.settings.IMAP.ListenTLS, s.settings.Submission.ListenTLS = here, here, here
	s.settings.Submission.Listen, s.settings.HTTP.Listen, s.settings.HTTP.ListenTLS = here, here, here
	s.settings.Screen.On = false
	up := s.serve(t)
	send(t, up, "ann@example.org", "Subject: first light\r\n\r\nfor Ann\r\n")
	submitMail(t, up, dir, password)

	secret := filepath.Join(dir, "owner", "Ann@example.org.secret.asc")
	for uid, want := range []string{"Subject: first light", "Subject: from me to me"} {
		sealed := must(t, "message", "get", "ann@example.org", fmt.Sprint(uid+1), "--config", s.config)
		if opened := do(t, sealed, "open", "--key", secret); opened.code != exitDone || !strings.Contains(opened.out, want) {
			t.Errorf("no %q: %+v", want, opened)
		}
	}
	card := must(t, "message", "get", "ann@example.org", "1", "--part=card", "--config", s.config)
	if opened := do(t, card, "open", "--key", secret, "--list-key", filepath.Join(dir, "owner", "Ann@example.org.listkey.pem")); !strings.Contains(opened.out, "first light") {
		t.Errorf("the card: %+v", opened)
	}
	c, err := imapclient.DialTLS(up.imapsDoors[0].Addr().String(), &imapclient.Options{TLSConfig: believing(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("Ann@example.org", password).Wait(); err != nil {
		t.Errorf("sign in: %v", err)
	}
}

// believing trusts the certificate that was made.
func believing(t testing.TB, dir string) *tls.Config {
	t.Helper()
	c := trust(t, filepath.Join(dir, "tls.pem"))
	c.ServerName = "mail.example.org"
	return c
}

// submitMail writes to oneself, signed in with the password that was printed.
func submitMail(t *testing.T, up *server, dir, password string) {
	t.Helper()
	conn, err := tls.Dial("tcp", up.submitsDoors[0].Addr().String(), believing(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "mail.example.org")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = errors.Join(c.Auth(smtp.PlainAuth("", "Ann@example.org", password, "mail.example.org")), c.Mail("ann@example.org"), c.Rcpt("ann@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "From: ann@example.org\r\nTo: ann@example.org\r\nSubject: from me to me\r\n\r\nhello\r\n")
	if err := errors.Join(w.Close(), c.Quit()); err != nil {
		t.Fatal(err)
	}
}

// One command, and the server runs: a process of its own, as a person would start it.
func TestQuickstartInOneCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, public := (&site{dir: dir}).keys(t, "bob@example.net")
	base := freeBase(t)
	p := start(t, "quickstart", "bob@example.net", "--key", public, "--dir", filepath.Join(dir, "new"), "--port-base", fmt.Sprint(base), "--start", "--hostname", "localhost.invalid")
	var c *smtp.Client
	until(t, "the server answers", func() bool {
		var err error
		c, err = smtp.Dial(fmt.Sprintf("127.0.0.1:%d", base+25))
		return err == nil
	})
	defer c.Close()
	if err := errors.Join(c.Mail("a@example.org"), c.Rcpt("bob@example.net")); err != nil {
		t.Error(err)
	}
	if log := p.log(); !strings.Contains(log, "whose secret half never was here") || !strings.Contains(log, "The server runs here until Ctrl-C.") || !printedPassword.MatchString(log) {
		t.Error("it does not say what it did")
	}
	if _, err := os.Stat(filepath.Join(dir, "new", "owner")); err == nil {
		t.Error("a key was made though there was one")
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.end(t); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

func TestQuickstartRefuses(t *testing.T) {
	t.Parallel()
	f := newFar(t, "")
	dir := t.TempDir()
	for _, c := range []struct {
		cmd  quickstartCommand
		says string
	}{
		{quickstartCommand{Address: "nobody", Dir: dir}, "not a mail address"},
		{quickstartCommand{Address: "a@[127.0.0.1]", Dir: dir}, "domain"},
		{quickstartCommand{Address: "a@example.org", Dir: dir, PortBase: 65000}, "--port-base"},
		{quickstartCommand{Address: "a@example.org", Dir: dir, Key: "quickstart.go"}, "expected an OpenPGP public key"},
		{quickstartCommand{Address: "a@example.org"}, "--dir"},
		{quickstartCommand{Address: "a@example.org", Dir: dir, Hostname: "not a name"}, "hostname"},
	} {
		if _, err := quick(t, c.cmd, f.world); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.cmd, err)
		}
	}
	other := t.TempDir()
	if _, err := quick(t, quickstartCommand{Address: "a@example.org", Dir: other}, f.world); err != nil {
		t.Fatal(err)
	}
	if _, err := quick(t, quickstartCommand{Address: "a@example.net", Dir: other}, f.world); err == nil || !strings.Contains(err.Error(), "sealpost domain add example.net") {
		t.Errorf("another domain: %v", err)
	}
	if out, err := quick(t, quickstartCommand{Address: "b@example.org", Dir: other}, f.world); err != nil || !printedPassword.MatchString(out) {
		t.Errorf("another account: %v", err)
	}
}

// A name that leads here gets certificates by ACME, unless nobody wants it.
func TestQuickstartDecides(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	for name, c := range map[string]struct {
		zone string
		cmd  quickstartCommand
		acme bool
	}{
		"leads here":      {"mail.example.org. A 192.0.2.1", quickstartCommand{}, true},
		"leads elsewhere": {"mail.example.org. A 198.51.100.7", quickstartCommand{}, false},
		"nowhere":         {"", quickstartCommand{}, false},
		"not wanted":      {"mail.example.org. A 192.0.2.1", quickstartCommand{ACME: &no}, false},
		"wanted":          {"", quickstartCommand{ACME: &yes}, true},
		"a trial":         {"mail.example.org. A 192.0.2.1", quickstartCommand{PortBase: 2000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cmd.Address, c.cmd.Dir = "ann@example.org", t.TempDir()
			out, err := quick(t, c.cmd, newFar(t, c.zone).world)
			if err != nil {
				t.Fatal(err)
			}
			settings, err := config.Load(filepath.Join(c.cmd.Dir, "sealpost.toml"))
			if err != nil || settings.ACME.On != c.acme || strings.Contains(out, `CAA   0 issue "letsencrypt.org"`) != c.acme {
				t.Errorf("ACME is %v, %v\n%s", settings.ACME.On, err, out)
			}
			if c.acme {
				must(t, "check", "--config", settings.File)
			}
		})
	}
}

// serviceID is a user that nobody is.
const serviceID = 65533

// A service of the machine: root makes it, the server cannot rewrite it, and its
// first account is made by the server itself.
func TestQuickstartService(t *testing.T) { // alone: root becomes another user for moments
	if os.Geteuid() != 0 {
		t.Skip("only root sets up a service")
	}
	root, err := os.MkdirTemp("", "sealpost-service-") // in a folder that others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	os.Chmod(root, 0o755)
	var ran []string
	m := machine{root: root, uid: 0}
	m.look = func(string) (int, int, error) {
		if len(ran) == 0 {
			return 0, 0, errors.New("unknown user")
		}
		return serviceID, serviceID, nil
	}
	m.run = func(_ context.Context, name string, args ...string) error {
		ran = append(ran, name+" "+strings.Join(args, " "))
		return nil
	}
	var out bytes.Buffer
	cmd := quickstartCommand{Address: "ann@example.org"}
	f := newFar(t, "")
	if err := cmd.in(t.Context(), console{nil, &out, &out}, m, f.world); err != nil {
		t.Fatal(err)
	}
	if len(ran) != 1 || !strings.HasPrefix(ran[0], "useradd --system ") {
		t.Errorf("ran %q", ran)
	}
	if !strings.Contains(out.String(), "systemctl enable --now sealpost") || !printedPassword.MatchString(out.String()) {
		t.Errorf("it says\n%s", &out)
	}
	for path, want := range map[string]string{
		"etc/sealpost": "0:65533 drwxr-x---", "etc/sealpost/sealpost.toml": "0:65533 -rw-r-----", "etc/sealpost/node.key": "65533:65533 -rw-------",
		"etc/sealpost/tls.key": "65533:65533 -rw-------", "etc/sealpost/dkim": "65533:65533 drwx------", "etc/sealpost/dkim/example.org": "65533:65533 drwx------",
		"etc/sealpost/owner": "0:0 drwx------", "etc/sealpost/owner/ann@example.org.secret.asc": "0:0 -rw-------",
		"var/lib/sealpost": "65533:65533 drwx------", "var/lib/sealpost/index.db": "65533:65533 -rw-------", "var/backups/sealpost": "65533:65533 drwx------",
		"usr/local/bin/sealpost": "0:0 -rwxr-xr-x", "etc/systemd/system/sealpost.service": "0:0 -rw-r--r--",
	} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		as := info.Sys().(*syscall.Stat_t)
		if got := fmt.Sprintf("%d:%d %v", as.Uid, as.Gid, info.Mode()); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	keys, err := filepath.Glob(filepath.Join(root, "etc/sealpost/dkim/example.org/*.pem"))
	if err != nil || len(keys) != 2 {
		t.Errorf("%q, %v", keys, err)
	}
	startedService(t, root, m, cmd, f.world)
}

// startedService runs quickstart once more, for another account, with a service
// manager that starts the server in this process.
func startedService(t *testing.T, root string, m machine, cmd quickstartCommand, w world) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	started := false
	m.run = func(_ context.Context, name string, args ...string) error {
		if strings.Join(args, " ") != "enable --now sealpost" {
			return nil
		}
		settings, err := config.Load(filepath.Join(root, "etc/sealpost/sealpost.toml"))
		if err != nil {
			return err
		}
		settings.SMTP.Listen, settings.IMAP.ListenTLS, settings.HTTP.Listen, settings.HTTP.ListenTLS = nil, nil, nil, nil
		settings.Submission.Listen, settings.Submission.ListenTLS = nil, nil
		started = true
		ready := make(chan error)
		go func() {
			ended <- serve(ctx, settings, slog.New(slog.DiscardHandler), occasions{ready: func(*server) error {
				ready <- os.Chown(socketPath(settings.Data), serviceID, serviceID) // it would be the service's own
				return nil
			}})
		}()
		select {
		case err := <-ready:
			return err
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the server did not start: %w", err)
		}
	}
	cmd.Address, cmd.Start = "bob@example.org", true
	var out bytes.Buffer
	if err := cmd.in(t.Context(), console{nil, &out, &out}, m, w); err == nil || !strings.Contains(err.Error(), "no systemd here") {
		t.Errorf("without systemd: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(root, "run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := cmd.in(t.Context(), console{nil, &out, &out}, m, w); err != nil || !started || !printedPassword.MatchString(out.String()) {
		t.Errorf("%v\n%s", err, &out)
	}
	stop()
	if started {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The unit that is delivered is the one that quickstart writes, and systemd takes it.
func TestUnit(t *testing.T) {
	t.Parallel()
	u := unit{Program: installed, Config: "/etc/sealpost/sealpost.toml", Data: "/var/lib/sealpost", User: serviceUser, State: true}
	text, err := u.text()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "dist", "sealpost.service")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if string(read(t, file)) != text {
		t.Error("dist/sealpost.service is another (go test -update writes it anew)")
	}
	for _, want := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "MemorySwapMax=0", "LimitCORE=0", "SystemCallFilter=@system-service", "AmbientCapabilities=CAP_NET_BIND_SERVICE\n", "User=sealpost\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	verified(t, u)
}

func verified(t *testing.T, u unit) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	u.Program, u.User = "/bin/true", "root" // that are everywhere
	text, err := u.text()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sealpost.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-analyze", "verify", file).CombinedOutput(); err != nil || bytes.Contains(said, []byte("sealpost.service:")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
	u.User = "daemon"
	if text, err = u.text(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// Of 100, in tenths; most services of a distribution have over 90.
	if said, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", file).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v ... %s", err, said[max(0, len(said)-100):])
	}
}

// A server does nothing that its unit forbids: what it asks of the kernel is traced
// while mail comes in and is read, and looked up in the unit's filter.
func TestUnitAllowsTheServer(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"strace", "systemd-analyze"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("there is no " + tool + " here")
		}
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	trace, base := filepath.Join(dir, "trace"), freeBase(t)
	p := &process{ended: make(chan error, 1), cmd: exec.Command("strace", "-f", "-c", "-U", "name", "-o", trace,
		bin, "quickstart", "ann@example.org", "--dir", filepath.Join(dir, "new"), "--port-base", fmt.Sprint(base), "--start")}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	until(t, "mail is taken", func() bool {
		return plainMail(fmt.Sprintf("127.0.0.1:%d", base+25), "ann@example.org") == nil
	})
	child := strings.TrimSpace(string(read(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))))
	pid, err := strconv.Atoi(child)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(pid, syscall.SIGTERM)
	p.end(t)
	allowed := filter(t, "@system-service")
	for name := range filter(t, "@privileged") {
		delete(allowed, name)
	}
	for name := range filter(t, "@resources") {
		delete(allowed, name)
	}
	used := strings.Fields(string(read(t, trace)))
	seen := 0
	for _, name := range used {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || strings.Trim(name, "0123456789_") == "" || name == "syscall" || name == "total" {
			continue
		}
		if seen++; !allowed[name] {
			t.Errorf("the server asks for %s, which its unit forbids", name)
		}
	}
	if seen < 20 {
		t.Errorf("only %d calls were seen: %s\n%s", seen, used, p.log())
	}
}

// plainMail sends a mail without TLS.
func plainMail(at, to string) error {
	c, err := smtp.Dial(at)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Mail("a@example.net"), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprint(w, "From: a@example.net\r\nSubject: x\r\n\r\ny\r\n")
	return errors.Join(w.Close(), c.Quit())
}

// filter is what a set of systemd's holds, with the sets in it.
func filter(t testing.TB, set string) map[string]bool {
	t.Helper()
	text, err := exec.Command("systemd-analyze", "syscall-filter", set).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		word := strings.TrimSpace(line)
		if strings.HasPrefix(word, "@") && word != set {
			for name := range filter(t, word) {
				all[name] = true
			}
		}
		all[word] = true
	}
	return all
}

// A certificate of an authority, one of our own behind the words that mark it, and none.
func TestSelfMade(t *testing.T) {
	t.Parallel()
	leaf, err := chainOf(read(t, filepath.Join("testdata", "leaf.pem")))
	if err != nil || selfMade(leaf[0]) {
		t.Errorf("one of an authority: %v", err)
	}
	file := filepath.Join(t.TempDir(), "tls.pem")
	if err := issue(template("a.test", time.Hour), nil, file, file+".key"); err != nil {
		t.Fatal(err)
	}
	own, err := chainOf(append([]byte(selfSigned), read(t, file)...))
	if err != nil || !selfMade(own[0]) || own[0].PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("our own: %v", err)
	}
	if _, err := chainOf([]byte("nothing")); err == nil {
		t.Error("nothing is a certificate")
	}
}
