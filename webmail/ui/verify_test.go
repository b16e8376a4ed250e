package ui

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// page is a dist whose index.html refers to its own files only.
func page() fstest.MapFS {
	dist := build()
	dist["index.html"] = &fstest.MapFile{Data: []byte(`<!doctype html><script type="importmap">` + importMap + `</script>` +
		`<script integrity="sha256-x" type="module" src="/assets/a-1.js"></script><link integrity="sha256-y" rel="stylesheet" href="/assets/a-1.css"><link rel="icon" href="/icon.png">`)}
	return dist
}

// changed is a host that serves a build, but for what change does to some answers.
func verify(t *testing.T, m Manifest, a *App, cookie string, change func(w http.ResponseWriter, r *http.Request) bool) []Fault {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if change == nil || !change(w, r) {
			a.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	faults, err := m.Verify(t.Context(), server.Client(), func(ctx context.Context, place string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+place, nil)
		if err == nil && cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// TestVerifyFindsOneByte is row C07 of the attacks: a host that gives one person other
// code is found by whoever asks as that person, and only then.
func TestVerifyFindsOneByte(t *testing.T) {
	t.Parallel()
	a := newApp(t, page())
	m := a.Manifest("1")
	if faults := verify(t, m, a, "", nil); len(faults) > 0 {
		t.Fatalf("an honest host: %v", faults)
	}
	for name := range page() {
		dist := page()
		dist[name].Data[len(dist[name].Data)-1] ^= 1
		evil := newApp(t, dist)
		forOne := func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Cookie") != "__Host-sealpost=victim" {
				return false
			}
			evil.ServeHTTP(w, r)
			return true
		}
		if faults := verify(t, m, a, "", forOne); len(faults) > 0 {
			t.Errorf("%s: others see %v", name, faults)
		}
		faults := verify(t, m, a, "__Host-sealpost=victim", forOne)
		if len(faults) == 0 || faults[0].Place != place(name) || !strings.Contains(faults[0].Text, "other bytes") {
			t.Errorf("%s changed by one byte: %v", name, faults)
		}
	}
}

func TestVerifyFindsHeaders(t *testing.T) {
	t.Parallel()
	a := newApp(t, page())
	m := a.Manifest("1")
	for want, change := range map[string]func(http.Header){
		"another Content-Security-Policy":      func(h http.Header) { h.Set("Content-Security-Policy", "default-src *") },
		"another Content-Security-Policy than": func(h http.Header) { h.Add("Content-Security-Policy", "default-src 'none'") },
		"lacks X-Content-Type-Options":         func(h http.Header) { h.Del("X-Content-Type-Options") },
		"lacks Integrity-Policy":               func(h http.Header) { h.Del("Integrity-Policy") },
		"lacks Cross-Origin-Opener-Policy":     func(h http.Header) { h.Del("Cross-Origin-Opener-Policy") },
		"comes with a Link":                    func(h http.Header) { h.Set("Link", "</x.js>; rel=preload") },
		"comes with a Service-Worker":          func(h http.Header) { h.Set("Service-Worker-Allowed", "/") },
	} {
		faults := verify(t, m, a, "", func(w http.ResponseWriter, r *http.Request) bool {
			rec := httptest.NewRecorder()
			a.ServeHTTP(rec, r)
			for name, values := range rec.Header() {
				w.Header()[name] = values
			}
			change(w.Header())
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
			return true
		})
		found := false
		for _, f := range faults {
			found = found || strings.Contains(f.Text, want)
		}
		if !found {
			t.Errorf("%s: not found among %v", want, faults)
		}
	}
	for want, answer := range map[string]http.HandlerFunc{
		"answers 404":    http.NotFound,
		"answers 302":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
		"is longer than": func(w http.ResponseWriter, r *http.Request) { a.ServeHTTP(w, r); _, _ = w.Write([]byte("x")) },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sw.js" {
				w = struct{ http.ResponseWriter }{noLength{w}}
				answer(w, r)
				return
			}
			a.ServeHTTP(w, r)
		}))
		client := server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		faults, err := m.Verify(t.Context(), client, func(ctx context.Context, place string) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, server.URL+place, nil)
		})
		server.Close()
		if err != nil || len(faults) == 0 || faults[0].Place != "/sw.js" || !strings.Contains(faults[0].Text, want) {
			t.Errorf("%s: %v, %v", want, faults, err)
		}
	}
}

// noLength drops Content-Length, so that more can be written than was said.
type noLength struct{ http.ResponseWriter }

func (n noLength) WriteHeader(status int) {
	n.Header().Del("Content-Length")
	n.ResponseWriter.WriteHeader(status)
}

// TestVerifyReferences: a manifest may be honest about a page that is not.
func TestVerifyReferences(t *testing.T) {
	t.Parallel()
	for _, more := range []string{`<script src="https://evil.test/x.js"></script>`, `<img src=//evil.test/i>`, `<link href="/other.css" rel=stylesheet>`, `<a href="/sw.js?x">x</a>`, `<script>x</script>`} {
		dist := page()
		dist["index.html"].Data = append(dist["index.html"].Data, more...)
		a := newApp(t, dist)
		if faults := verify(t, a.Manifest("1"), a, "", nil); len(faults) == 0 || faults[0].Place != "/" {
			t.Errorf("%s: %v", more, faults)
		}
	}
}

// TestManifestTravels: it is the same after a journey as JSON, and a change shows.
func TestManifestTravels(t *testing.T) {
	t.Parallel()
	m := newApp(t, page()).Manifest("1")
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back Manifest
	if err := json.Unmarshal(text, &back); err != nil || back.Whole() != nil {
		t.Fatalf("%v, %v", err, back.Whole())
	}
	back.Files["/sw.js"] = back.Files["/mailframe"]
	if back.Whole() == nil {
		t.Error("a changed manifest is whole")
	}
	if (Manifest{}).Whole() == nil {
		t.Error("an empty manifest is whole")
	}
}
