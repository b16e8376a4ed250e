package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/webmail/ui"
)

const webmailSources = "../webmail/ui"

// needBrowser skips where there is no Node, no Chromium or no node_modules.
func needBrowser(t *testing.T) {
	t.Helper()
	need(t, "node", "npx", "chromium")
	if _, err := os.Stat(webmailSources + "/node_modules/playwright-core"); err != nil {
		skip(t, "webmail/ui/node_modules is not installed")
	}
}

// node runs a script of the webmail's tests and returns what it printed.
func node(t *testing.T, limit time.Duration, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(timeout(t, limit), "node", append([]string{filepath.Join("test", script)}, args...)...)
	cmd.Dir = webmailSources
	var fault strings.Builder
	cmd.Stderr = &fault
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s%s", script, err, tail(string(out), 3000), tail(fault.String(), 3000))
	}
	return out
}

// framePage builds the page of the frame's tests once for the whole run, as the
// product is built.
var framePage = sync.OnceValues(func() (string, error) {
	dir, err := workFolder()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "frame-page")
	cmd := exec.Command("npx", "vite", "build", "-c", "test/page/vite.config.ts", "--outDir", out, "--emptyOutDir", "--logLevel", "error")
	cmd.Dir = webmailSources
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("vite build: %w\n%s", err, text)
	}
	return out, nil
})

type hostileCase struct{ Name, HTML string }

// serveFramePage serves that page under the product's policies, and bare payloads at
// /control/N under none.
func serveFramePage(t *testing.T, corpus []hostileCase) string {
	t.Helper()
	dir, err := framePage()
	if err != nil {
		t.Fatal(err)
	}
	app, err := ui.New(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", app)
	mux.HandleFunc("/control/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 || n >= len(corpus) {
			http.NotFound(w, r)
			return
		}
		host := fmt.Sprintf("c%d.evil.test", n)
		text := strings.NewReplacer("{{hit}}", fmt.Sprintf("top.__hit(%d)", n), "{{host}}", "https://"+host, "{{h}}", "//"+host, "cN.evil.test", host).Replace(corpus[n].HTML)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, text)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// early are the cases in which Chromium opens a connection before it asks any policy,
// though it then sends nothing: the sanitizer alone stops these.
var early = []string{"preconnect", "preconnect in body with crossorigin", "EFAIL link left open", "iframe"}

// TestHostileHTML is checkpoint 9 of the webmail: a corpus of hostile mails, shown by
// the product's own frame under the product's own policies in a real browser. The
// control run shows that the detectors see.
func TestHostileHTML(t *testing.T) {
	needBrowser(t)
	data, err := os.ReadFile(webmailSources + "/test/hostile.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []hostileCase
	if err := json.Unmarshal(data, &corpus); err != nil {
		t.Fatal(err)
	}
	out := node(t, 5*time.Minute, "hostile.mjs", serveFramePage(t, corpus))
	var got struct {
		Cases                                                            int
		Scripts, Connections, Outside, Overlay, Failed, Violations, Slow []string
		Popups                                                           int
		Bare                                                             struct {
			Scripts, Connections []string
			Moved                bool
		}
		Control struct{ Scripts, Connections int }
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, tail(string(out), 2000))
	}
	if got.Cases < 100 || got.Cases != len(corpus) {
		t.Errorf("%d cases were shown, expected all %d", got.Cases, len(corpus))
	}
	for what, names := range map[string][]string{
		"ran a script": got.Scripts, "reached another host": got.Connections, "changed the page": got.Outside,
		"covered the page": got.Overlay, "was not shown": got.Failed, "tried what a policy forbids": got.Violations,
	} {
		for _, name := range names {
			t.Errorf("%s: %s", name, what)
		}
	}
	if got.Popups > 0 {
		t.Errorf("%d windows opened by themselves", got.Popups)
	}
	for _, name := range got.Bare.Scripts {
		t.Errorf("%s: ran a script in the frame when nothing was sanitized", name)
	}
	for _, name := range got.Bare.Connections {
		if !slices.Contains(early, name) {
			t.Errorf("%s: reached another host when nothing was sanitized", name)
		}
	}
	if got.Bare.Moved {
		t.Error("the page went elsewhere when nothing was sanitized")
	}
	if got.Control.Scripts < 25 || got.Control.Connections < 25 {
		t.Errorf("the control run saw %d scripts and %d hosts: the detectors do not work", got.Control.Scripts, got.Control.Connections)
	}
	t.Logf("%d cases; without any layer %d of them run a script and %d reach another host", got.Cases, got.Control.Scripts, got.Control.Connections)
}

// TestMailFrame is what the frame promises beside safety; see test/frame.mjs. Its
// figures are checkpoints 7 and 8 and are judged only where nothing else runs.
func TestMailFrame(t *testing.T) {
	needBrowser(t)
	out := node(t, 3*time.Minute, "frame.mjs", serveFramePage(t, nil))
	t.Logf("%s", out)
}

// TestAlteredBundle is the browser's half of attack C07: a script with one byte changed
// does not run, nor does one for which the page has no hash.
func TestAlteredBundle(t *testing.T) {
	needBrowser(t)
	dir, err := framePage()
	if err != nil {
		t.Fatal(err)
	}
	app, err := ui.New(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, err := r.Cookie("kind")
		if err != nil {
			kind = &http.Cookie{}
		}
		r.Header.Del("Accept-Encoding")
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		switch {
		case kind.Value == "altered" && strings.HasSuffix(r.URL.Path, ".js"):
			body = append(body, ' ')
		case kind.Value == "unhashed" && r.URL.Path == "/":
			body = regexp.MustCompile(`integrity="[^"]*" |<script type="importmap">.*?</script>`).ReplaceAll(body, nil)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	out := node(t, time.Minute, "altered.mjs", strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	var ran struct{ Honest, Altered, Unhashed bool }
	if err := json.Unmarshal(out, &ran); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !ran.Honest || ran.Altered || ran.Unhashed {
		t.Errorf("what ran: %+v, expected the honest page alone", ran)
	}
}
