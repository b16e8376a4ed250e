package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// thunderbird is a running Thunderbird with a profile of its own and no window on any
// screen, driven by Marionette: the protocol that Mozilla's own tests speak.
type thunderbird struct {
	conn net.Conn
	in   *bufio.Reader
	last int
}

func startThunderbird(t *testing.T) *thunderbird {
	t.Helper()
	need(t, "thunderbird")
	profile := t.TempDir()
	port := freePort(t)
	prefs := fmt.Sprintf("user_pref(\"marionette.port\", %d);\n", port) + `user_pref("app.update.auto", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mailnews.start_page.enabled", false);
`
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("thunderbird", "--headless", "--no-remote", "--profile", profile, "--marionette", "--remote-allow-system-access")
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_HEADLESS=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	b := &thunderbird{}
	var err error
	for range 600 {
		if b.conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("Thunderbird does not listen: %v", err)
	}
	t.Cleanup(func() { b.conn.Close() })
	b.in = bufio.NewReader(b.conn)
	if _, err := b.receive(); err != nil { // its greeting
		t.Fatal(err)
	}
	b.command(t, "WebDriver:NewSession", map[string]any{"capabilities": map[string]any{}})
	b.command(t, "WebDriver:SetTimeouts", map[string]any{"script": 15 * 60_000})
	b.command(t, "Marionette:SetContext", map[string]any{"value": "chrome"})
	return b
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// receive reads a message: its length, a colon, JSON.
func (b *thunderbird) receive() ([]byte, error) {
	length, err := b.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil || n > 64<<20 {
		return nil, fmt.Errorf("expected a length, not %q", length)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(b.in, text)
	return text, err
}

func (b *thunderbird) command(t *testing.T, name string, params any) json.RawMessage {
	t.Helper()
	b.last++
	text, err := json.Marshal([]any{0, b.last, name, params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.conn, "%d:%s", len(text), text); err != nil {
		t.Fatal(err)
	}
	answer, err := b.receive()
	if err != nil {
		t.Fatal(err)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(answer, &parts); err != nil || len(parts) != 4 {
		t.Fatalf("%s: %s", name, tail(string(answer), 2000))
	}
	if string(parts[2]) != "null" {
		t.Fatalf("%s: %s", name, tail(string(parts[2]), 2000))
	}
	return parts[3]
}

// run runs a script of clients/thunderbird within Thunderbird, as its own code, and
// decodes what it returns.
func (b *thunderbird) run(t *testing.T, script string, arg, into any) {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("clients", "thunderbird", script))
	if err != nil {
		t.Fatal(err)
	}
	whole := "const done = arguments[arguments.length - 1]; (async (given) => {" + string(code) +
		"})(arguments[0]).then((value) => done({ value }), (e) => done({ error: `${e} ${e?.stack}` }));"
	answer := b.command(t, "WebDriver:ExecuteAsyncScript", map[string]any{"script": whole, "args": []any{arg}, "sandbox": "system", "newSandbox": true})
	var out struct {
		Value struct {
			Value json.RawMessage `json:"value"`
			Error string          `json:"error"`
		} `json:"value"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.Value.Error != "" {
		t.Fatalf("%s: %s %v", script, out.Value.Error, err)
	}
	if into != nil {
		if err := json.Unmarshal(out.Value.Value, into); err != nil {
			t.Fatalf("%s returned %s: %v", script, out.Value.Value, err)
		}
	}
}
