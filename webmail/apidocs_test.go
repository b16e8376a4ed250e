package webmail

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealpost/webmail/api"
)

// TestAPIPage: every operation and every kind of value of the real document stands on
// the page, links lead somewhere, and it loads nothing.
func TestAPIPage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	real := &api.API{Hostname: "mail.example.org", Version: "1.2.3", Now: time.Now, Log: w.Log}
	w.API, w.Spec = real.Handler(), real.Spec
	got := w.get("https://mail.example.org/api/docs")
	text := got.Body.String()
	if got.Code != http.StatusOK || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/html") || !strings.Contains(got.Header().Get("Content-Security-Policy"), "style-src 'sha256-") {
		t.Fatalf("%d %v", got.Code, got.Header())
	}
	var doc struct {
		Paths      map[string]map[string]struct{ OperationID, Summary string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(real.Spec(), &doc); err != nil {
		t.Fatal(err)
	}
	operations := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			operations++
			if !strings.Contains(text, `id="`+o.OperationID+`"`) || !strings.Contains(html.UnescapeString(text), o.Summary) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	for name := range doc.Components.Schemas {
		if !strings.Contains(text, `id="kind-`+name+`"`) {
			t.Errorf("%s is not on the page", name)
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, `id="`+link[1]+`"`) {
			t.Errorf("a link leads to %q, which is not there", link[1])
		}
	}
	for _, never := range []string{"<script", "<link", "<img", "src=", "@import", "url(", "<no value>", "map["} {
		if strings.Contains(text, never) {
			t.Errorf("%q stands on the page", never)
		}
	}
	if operations < 30 {
		t.Errorf("only %d operations", operations)
	}
	if got := w.get("https://example.org/api/docs"); got.Code != http.StatusNotFound {
		t.Errorf("a mail domain's host has it: %d", got.Code)
	}
}

// FuzzAPIPage: whatever document it is made of, the page is made or refused.
func FuzzAPIPage(f *testing.F) {
	f.Add(`{"paths":{"/a":{"get":{"tags":["x"],"parameters":[{"name":"<b>","schema":{"type":["array","null"],"items":{"$ref":"#/components/schemas/A"}}}]}}},"components":{"schemas":{"A":{"properties":{"a":{"enum":[1,"x"]}}}}}}`)
	f.Fuzz(func(t *testing.T, spec string) {
		page, err := renderDocs([]byte(spec), "mail.example.org")
		if err == nil && strings.Contains(string(page), "<script") {
			t.Fatal(spec)
		}
	})
}
