package webmail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestLogSaysNothing of who asked for what, where.
func TestLogSaysNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, key := places("bob", "example.org")
	for _, url := range []string{key, "https://mail.example.org" + profilePlace + "?address=bob@example.org", "https://canary.test/canary?canary", "https://example.org/canary?canary=canary"} {
		r := httptest.NewRequest("CANARY", url, nil)
		w.do(r)
		r = httptest.NewRequest(http.MethodGet, url, nil)
		r.Header.Set("User-Agent", "canary")
		r.Header.Set("Referer", "canary")
		r.RemoteAddr = "192.0.2.77:1234"
		w.do(r)
	}
	w.fail = errors.New("disk is gone")
	w.index.Changed()
	w.get(key)
	logs := strings.ToLower(w.logs.String())
	for _, never := range []string{"bob", "example", "canary", "192.0.2", "hu/", "1234"} {
		if strings.Contains(logs, never) {
			t.Errorf("%q stands in the log: %s", never, logs)
		}
	}
	if !strings.Contains(logs, "place=wkd") || !strings.Contains(logs, "status=200") || !strings.Contains(logs, "level=warn") {
		t.Errorf("log: %s", logs)
	}
	if a, b, c := w.client("192.0.2.77:1"), w.client("192.0.2.77:2"), w.client("192.0.2.78:1"); a != b || a == c || len(a) != 12 {
		t.Errorf("clients %q, %q, %q", a, b, c)
	}
	w.Secret = nil
	if w.client("192.0.2.77:1") != "" {
		t.Error("without a key the hash could be guessed")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld()
	if r := w.get("http://10.0.0.1/healthz"); r.Code != 200 || r.Body.String() != "ok\n" {
		t.Errorf("%d %q", r.Code, r.Body)
	}
	if r := w.get("http://10.0.0.1/readyz"); r.Code != 200 || r.Body.String() != "ready\n" {
		t.Errorf("%d %q", r.Code, r.Body)
	}
	w.Ready = func(context.Context) error { return errors.New("draining") }
	if r := w.get("http://10.0.0.1/readyz"); r.Code != 503 || strings.Contains(r.Body.String(), "draining") {
		t.Errorf("%d %q", r.Code, r.Body)
	}
	if r := w.get("http://10.0.0.1/healthz"); r.Code != 200 {
		t.Errorf("who is not ready is not well: %d", r.Code)
	}
	w.Health = func(context.Context) error { return errors.New("disk is full") }
	if r := w.get("http://10.0.0.1/healthz"); r.Code != 503 || strings.Contains(r.Body.String(), "disk") {
		t.Errorf("%d %q", r.Code, r.Body)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	acme := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "token") })
	for _, c := range []struct {
		method, url, location string
		status                int
	}{
		{"GET", "http://example.org/x?y=z", "https://example.org/x?y=z", 308},
		{"HEAD", "http://MAIL.example.org:80/", "https://mail.example.org/", 308},
		{"GET", "http://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt", "https://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt", 308},
		{"GET", "http://example.org//evil.test/", "https://example.org//evil.test/", 308},
		{"GET", "http://elsewhere.test/", "", 421},
		{"GET", "http://192.0.2.1/", "", 421},
		{"POST", "http://example.org/autodiscover/autodiscover.xml", "", 405},
		{"GET", "http://elsewhere.test/.well-known/acme-challenge/abc", "", 200},
		{"GET", "http://example.org/.well-known/acme-challenge/", "https://example.org/.well-known/acme-challenge/", 308},
		{"GET", "http://192.0.2.1/healthz", "", 200},
	} {
		rec := httptest.NewRecorder()
		w.Plain(acme).ServeHTTP(rec, httptest.NewRequest(c.method, c.url, nil))
		if rec.Code != c.status || rec.Header().Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q", c.method, c.url, rec.Code, rec.Header().Get("Location"))
		}
	}
	rec := httptest.NewRecorder()
	w.Plain(nil).ServeHTTP(rec, httptest.NewRequest("GET", "http://example.org/.well-known/acme-challenge/abc", nil))
	if rec.Code != 308 {
		t.Errorf("without ACME: %d", rec.Code)
	}
}

// TestServerIsBounded over a real socket: large headers, a body that never ends, and a
// header that never comes.
func TestServerIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := NewServer(w, w.Log)
	for name, d := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "read": s.ReadTimeout, "write": s.WriteTimeout, "idle": s.IdleTimeout} {
		if d <= 0 || d > time.Minute {
			t.Errorf("%s has %v", name, d)
		}
	}
	s.ReadHeaderTimeout = 200 * time.Millisecond
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	for name, c := range map[string]struct{ send, want string }{
		"a large header":   {"GET / HTTP/1.1\r\nHost: example.org\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "431"},
		"a large body":     {"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), "400"},
		"no host":          {"GET / HTTP/1.0\r\n\r\n", "421"},
		"half of a header": {"GET / HTTP/1.1\r\nHost: exam", ""},
	} {
		conn := must(net.Dial("tcp", l.Addr().String()))
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		go fmt.Fprint(conn, c.send)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if c.want == "" && err == nil && !strings.Contains(line, "408") || c.want != "" && !strings.Contains(line, " "+c.want+" ") {
			t.Errorf("%s: %q, %v", name, line, err)
		}
		var wait net.Error
		if errors.As(err, &wait) && wait.Timeout() {
			t.Errorf("%s: the connection was kept", name)
		}
		conn.Close()
	}
}
