package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	importMap = `{"integrity":{"/assets/a-1.js":"sha256-x"}}`
	script    = strings.Repeat("export const a = 1;\n", 200)
)

// build is a small dist.
func build() fstest.MapFS {
	return fstest.MapFS{
		"index.html":       {Data: []byte(`<!doctype html><script type="importmap">` + importMap + `</script><script>alert(1)</script>`)},
		"mailframe.html":   {Data: []byte("<!doctype html>")},
		"stranger.html":    {Data: []byte(`<!doctype html><title>s</title><script type="importmap">` + importMap + `</script>`)},
		"bring.js":         {Data: []byte("self.x = 2")},
		"sw.js":            {Data: []byte("self.x = 1")},
		"icon.png":         {Data: bytes.Repeat([]byte("p"), 4000)},
		"assets/a-1.js":    {Data: []byte(script)},
		"assets/a-1.css":   {Data: []byte("a{}")},
		"site.webmanifest": {Data: []byte("{}")},
	}
}

func newApp(t *testing.T, dist fstest.MapFS) *App {
	t.Helper()
	a, err := New(dist)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(a *App, path string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Frame-Options", "DENY") // as the door has it for all
	a.ServeHTTP(w, r)
	return w
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	a := newApp(t, build())
	for path, typ := range map[string]string{
		"/": "text/html; charset=utf-8", "/mailframe": "text/html; charset=utf-8", "/sw.js": "text/javascript; charset=utf-8",
		"/icon.png": "image/png", "/assets/a-1.js": "text/javascript; charset=utf-8", "/assets/a-1.css": "text/css; charset=utf-8", "/site.webmanifest": "application/manifest+json",
	} {
		got := get(a, path)
		if h := got.Header(); got.Code != 200 || h.Get("Content-Type") != typ || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("ETag") == "" || got.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, got.Code, h)
		}
		cache := "no-cache"
		if strings.HasPrefix(path, "/assets/") {
			cache = "public, max-age=31536000, immutable"
		}
		if got.Header().Get("Cache-Control") != cache {
			t.Errorf("%s: kept %q", path, got.Header().Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/f/3VtZQm0c2n-Jq_8sKXw1aA", "/r/3VtZQm0c2n-Jq_8sKXw1aA"} {
		got := get(a, path)
		if h := got.Header(); got.Body.String() != get(a, "/stranger").Body.String() || got.Body.String() == get(a, "/").Body.String() || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Integrity-Policy") == "" ||
			!strings.HasSuffix(h.Get("Content-Security-Policy"), "; trusted-types app") || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("the page at %s: %v", path, h)
		}
	}
	for _, path := range []string{"/f/", "/r/", "/stranger.html", "/q/3VtZQm0c2n-Jq_8sKXw1aA", "/f/3VtZQm0c2n-Jq_8sKXw1a", "/f/3VtZQm0c2n-Jq_8sKXw1aA/", "/f/3VtZQm0c2n-Jq_8sKXw1aA/save/0123456789abcdef0123456789abcdef", "/index.html", "/mailframe.html", "/assets", "/assets/", "/nothing", ""} {
		if a.Has(path) {
			t.Errorf("%q is served", path)
		}
	}
	for name, dist := range map[string]fstest.MapFS{"no page": {"a.js": {}}, "an unknown kind of file": {"index.html": {}, "a.map": {}}} {
		if _, err := New(dist); err == nil {
			t.Errorf("a build with %s was taken", name)
		}
	}
}

// TestPolicies: nothing inline runs but import maps, the frame runs nothing at all,
// and scripts that are opened as workers may not do more than the page.
func TestPolicies(t *testing.T) {
	t.Parallel()
	a := newApp(t, build())
	sum := sha256.Sum256([]byte(importMap))
	app := get(a, "/").Header().Get("Content-Security-Policy")
	if want := "script-src 'self' 'wasm-unsafe-eval' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(app, want) {
		t.Errorf("policy %q lacks %q", app, want)
	}
	for _, want := range []string{"default-src 'none';", "style-src 'self';", "connect-src 'self';", "base-uri 'none';", "form-action 'none';", "frame-ancestors 'none';", "require-trusted-types-for 'script';", "trusted-types app dompurify ProseMirrorClipboard"} {
		if !strings.Contains(app, want) {
			t.Errorf("the page's policy lacks %s", want)
		}
	}
	if strings.Contains(app, "unsafe-inline") || strings.Contains(app, "'unsafe-eval'") || strings.Contains(app, "http") || strings.Contains(app, ",") {
		t.Errorf("the page's policy allows too much: %s", app)
	}
	frame := get(a, "/mailframe").Header()
	policy := frame.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none';") || strings.Contains(policy, "script") || strings.Contains(policy, "'self';") {
		t.Errorf("the frame's policy: %s", policy)
	}
	if frame.Get("X-Frame-Options") != "SAMEORIGIN" || get(a, "/").Header().Get("X-Frame-Options") != "DENY" {
		t.Error("who may frame what is wrong")
	}
	if p := get(a, "/").Header().Get("Integrity-Policy"); p != "blocked-destinations=(script)" {
		t.Errorf("Integrity-Policy %q", p)
	}
	for _, worker := range []string{"/sw.js", "/bring.js", "/assets/a-1.js"} {
		if p := get(a, worker).Header().Get("Content-Security-Policy"); !strings.Contains(p, "connect-src 'self'") || strings.Contains(p, "unsafe-inline") || !strings.Contains(p, "trusted-types app") {
			t.Errorf("%s: %s", worker, p)
		}
	}
}

func TestCodingsAndTags(t *testing.T) {
	t.Parallel()
	a := newApp(t, build())
	for field, zipped := range map[string]bool{
		"gzip": true, "br, gzip": true, "gzip;q=0.5": true, "GZIP; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0.0": false, "x-gzip": false, "gzip;q=x": false,
	} {
		got := get(a, "/assets/a-1.js", "Accept-Encoding", field)
		if (got.Header().Get("Content-Encoding") == "gzip") != zipped || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", field, got.Header())
		}
		body := io.Reader(got.Body)
		if zipped {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if text, err := io.ReadAll(body); err != nil || string(text) != script {
			t.Errorf("%q: other bytes, %v", field, err)
		}
	}
	tag, zippedTag := get(a, "/assets/a-1.js").Header().Get("ETag"), get(a, "/assets/a-1.js", "Accept-Encoding", "gzip").Header().Get("ETag")
	if tag == zippedTag || get(a, "/assets/a-1.css").Header().Get("ETag") == tag {
		t.Errorf("the same tag for different bytes: %s", tag)
	}
	for field, fresh := range map[string]bool{tag: true, `"x", W/` + tag: true, "*": true, zippedTag: false, `"x"`: false, "": false} {
		if got := get(a, "/assets/a-1.js", "If-None-Match", field); (got.Code == http.StatusNotModified) != fresh || fresh && got.Body.Len() > 0 {
			t.Errorf("If-None-Match %s: %d", field, got.Code)
		}
	}
	if got := get(a, "/icon.png", "Accept-Encoding", "gzip"); got.Header().Get("Content-Encoding") != "" {
		t.Error("a picture is zipped")
	}
}

// TestManifest: every byte of a build counts.
func TestManifest(t *testing.T) {
	t.Parallel()
	m := newApp(t, build()).Manifest("1")
	sum := sha256.Sum256([]byte(script))
	if got := m.Files["/assets/a-1.js"]; got != base64.RawURLEncoding.EncodeToString(sum[:]) || m.Sizes["/assets/a-1.js"] != len(script) || len(m.Files) != len(build()) {
		t.Errorf("%+v", m)
	}
	if m.Build != newApp(t, build()).Manifest("1").Build {
		t.Error("the same build has two names")
	}
	for name := range build() {
		other := build()
		other[name].Data[0] ^= 1
		if newApp(t, other).Manifest("1").Build == m.Build {
			t.Errorf("a changed %s changes nothing", name)
		}
	}
	dist := build()
	module := append([]byte("\x00asm\x01\x00\x00\x00"), make([]byte, 30)...)
	dist["assets/w-1.js"] = &fstest.MapFile{Data: []byte(`var w="` + base64.StdEncoding.EncodeToString(module) + `"`)}
	sum = sha256.Sum256(module)
	if got := newApp(t, dist).Manifest("1").Wasm; len(got) != 1 || got[0] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("WebAssembly in a script: %v", got)
	}
}

// TestBuilt: the dist that was committed can be served.
func TestBuilt(t *testing.T) {
	t.Parallel()
	if _, err := Built(); err != nil {
		t.Error(err)
	}
}
