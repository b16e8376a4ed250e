package test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

// aerc shows threads as the server makes them (THREAD=REFERENCES), hears of new mail by
// IDLE, and marks, moves and deletes by UID. What it showed and did is what another
// client finds.
func TestAercReadsThreads(t *testing.T) {
	t.Parallel()
	need(t, "aerc", "script")
	d := startDemo(t)
	from := newSender(t, d.SMTP)
	mail := func(who, answers string) {
		text := fmt.Sprintf("From: %s@example.org\r\nTo: alice@demo.test\r\nSubject: s\r\nMessage-ID: <%s@example.org>\r\nReferences: <%s@example.org>\r\n\r\nhello\r\n", who, who, answers)
		if err := from.send(who+"@example.org", d.alice().Address, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	mail("ann", "none")
	mail("ben", "ann")
	mail("cat", "ben")
	a := startAerc(t, d)
	a.shows("row:[...]ann@", "row:└─>ben@", "row:   └─>cat@")
	mail("eve", "cat")
	a.shows("row:      └─>eve@")

	other := d.login(t, d.alice())
	is := func(what string, messages, unseen uint32) {
		t.Helper()
		await(t, what, func() bool {
			got, err := other.Status("INBOX", &goimap.StatusOptions{NumMessages: true, NumUnseen: true}).Wait()
			if err != nil {
				t.Fatal(err)
			}
			return *got.NumMessages == messages && *got.NumUnseen == unseen
		})
	}
	is("four mails", 4, 4)
	a.types(":read\r")
	is("a mark of aerc's", 4, 3)
	a.types(":delete\r")
	is("a deletion of aerc's", 3, 3)
	a.types(":archive flat\r")
	is("a move of aerc's", 2, 2)
	a.types(":quit -f\r")
	if err := a.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// aerc is one at work on a terminal.
type aerc struct {
	*testing.T
	cmd   *exec.Cmd
	keys  io.Writer
	mu    sync.Mutex
	drawn []byte
}

func startAerc(t *testing.T, d *demo) *aerc {
	t.Helper()
	work := t.TempDir()
	files := map[string]string{
		"accounts.conf": fmt.Sprintf("[demo]\nsource = imaps://%s:%s@localhost:%s\ndefault = INBOX\nfrom = <%s>\narchive = Archive\n",
			strings.ReplaceAll(d.alice().Address, "@", "%40"), d.alice().Password, port(t, d.IMAPS), d.alice().Address),
		"aerc.conf": "[ui]\nthreading-enabled=true\nindex-format=row:%s%a:\n",
	}
	config := filepath.Join(work, "aerc")
	if err := os.Mkdir(config, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &aerc{T: t, cmd: exec.Command("script", "-qec", "stty rows 40 cols 200; exec aerc", "/dev/null")}
	a.cmd.Env = append(os.Environ(), "HOME="+work, "XDG_CONFIG_HOME="+work, "XDG_CACHE_HOME="+work, "XDG_DATA_HOME="+work, "TERM=xterm", "LC_ALL=C.UTF-8", "SSL_CERT_FILE="+d.CA)
	a.cmd.Stdout, a.cmd.WaitDelay = a, 5*time.Second
	keys, err := a.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.keys = keys
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keys.Close()
		a.cmd.Process.Kill()
		a.cmd.Wait()
	})
	return a
}

// Write takes what aerc draws.
func (a *aerc) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drawn = append(a.drawn, p...)
	return len(p), nil
}

func (a *aerc) types(keys string) {
	a.Helper()
	for _, k := range strings.SplitAfter(keys, "\r") {
		if _, err := io.WriteString(a.keys, k); err != nil {
			a.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond) // a paste is no command
	}
}

// shows waits until these have been drawn.
func (a *aerc) shows(rows ...string) {
	a.Helper()
	for _, row := range rows {
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			a.mu.Lock()
			text := escapes.ReplaceAll(a.drawn, nil)
			a.mu.Unlock()
			if bytes.Contains(text, []byte(row)) {
				break
			}
			if time.Since(start) > time.Minute {
				a.Fatalf("aerc never showed %q:\n%q", row, tail(string(text), 3000))
			}
		}
	}
}
