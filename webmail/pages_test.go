package webmail

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPagesLoadNothing: one file each, no script, nothing from elsewhere, and a
// policy that says so, with the hash of the one style.
func TestPagesLoadNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for url, status := range map[string]int{
		"https://example.org/setup": 200, "https://mail.example.org/setup": 200, "https://example.org/nothing": 404,
		"https://mail.example.org" + profilePlace: 400, "https://mta-sts.example.org/": 404,
	} {
		r := w.get(url)
		text, policy := r.Body.String(), r.Header().Get("Content-Security-Policy")
		_, rest, _ := strings.Cut(text, "<style>")
		style, _, ok := strings.Cut(rest, "</style>")
		sum := sha256.Sum256([]byte(style))
		if r.Code != status || !ok || !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d, policy %q", url, r.Code, policy)
		}
		for _, never := range []string{"<script", "<link", "<img", "src=", "style=\"", "@import", "url(", "//", "http:", "https:", "javascript:", "onclick"} {
			if strings.Contains(text, never) {
				t.Errorf("%s: %q stands in the page", url, never)
			}
		}
		if strings.Count(text, "<style") != 1 || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/html") || !strings.Contains(text, `lang="en"`) {
			t.Errorf("%s: %q", url, r.Header())
		}
	}
}

// TestPromises: the words of DESIGN 1, and no others.
func TestPromises(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[^>]*>`)
	text := html.UnescapeString(tags.ReplaceAllString(newWorld().get("https://example.org/setup").Body.String(), ""))
	text = strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"Stored mail Mail that was stored while the server ran this software cannot be read by its operator, by whoever takes its disks and backups, or by whoever runs it later.",
		"Mail at the door Mail that arrives unencrypted is readable, at that moment, by whoever controls the live server. Nothing can take that power away; most uses of it leave marks, and sealpost prove looks for them. Only encryption by the sender, or your own server, helps against the rest.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say: %s", want)
		}
		design, err := os.ReadFile("../../shared/DESIGN.md")
		if err != nil {
			continue
		}
		_, words, _ := strings.Cut(want, " Mail that ")
		if plain := strings.Join(strings.Fields(strings.ReplaceAll(string(design), "`", "")), " "); !strings.Contains(plain, words) {
			t.Errorf("the design does not say: %s", words)
		}
	}
}

func TestSetupPage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for url, want := range map[string]string{"https://example.org/setup": "you@example.org", "https://other.test/setup": "you@other.test", "https://mail.example.org/setup": "you@your-domain.example"} {
		text := w.get(url).Body.String()
		if !strings.Contains(text, want) || !strings.Contains(text, "mail.example.org") || !strings.Contains(text, "port 993") {
			t.Errorf("%s does not say %q", url, want)
		}
		for _, other := range []string{"other.test", "bücher.example"} {
			if !strings.Contains(url, other) && strings.Contains(text, other) {
				t.Errorf("%s names %s", url, other)
			}
		}
	}
	if text := w.get("https://mta-sts.example.org/x").Body.String(); strings.Contains(text, "href") {
		t.Error("a host without pages points to one")
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, path := range everyPath[:12] {
		r := httptest.NewRequest(http.MethodGet, "https://example.org"+path, nil)
		r.TLS = &tls.ConnectionState{}
		h := w.do(r).Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=63072000", "X-Frame-Options": "DENY"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, p)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://example.org/", nil)
	if h := w.do(r).Header(); h.Get("Strict-Transport-Security") != "" {
		t.Error("plain HTTP promises TLS")
	}
}
