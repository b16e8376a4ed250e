package webmail

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// everyPath is one of each kind.
var everyPath = []string{
	"/", "/setup", "/assets/a-1.js", "/nothing", "/.well-known/openpgpkey/policy", "/.well-known/openpgpkey/example.org/policy",
	"/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q", "/.well-known/mta-sts.txt", "/mail/config-v1.1.xml?emailaddress=bob@example.org",
	"/autodiscover/autodiscover.xml?Email=bob@example.org", "/autodiscover/autodiscover.json?Protocol=AutodiscoverV1", profilePlace + "?address=bob@example.org", "//", "/../..",
}

// TestUnknownHosts get no page and no name of this server.
func TestUnknownHosts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, host := range []string{
		"", "127.0.0.1", "[::1]:443", "192.0.2.1:8443", "elsewhere.test", "example.org.evil.test", "openpgpkey.elsewhere.test", "www.example.org",
		"openpgpkey.mail.example.org", "mta-sts.openpgpkey.example.org", "xn--", "example.org@evil.test", "a b", strings.Repeat("a.", 200) + "example.org", "..", "mail.example.org..",
	} {
		for _, path := range everyPath {
			r := httptest.NewRequest(http.MethodGet, "http://x"+strings.ReplaceAll(path, "/../..", "/x"), nil)
			r.Host = host
			got := w.do(r)
			if got.Code != http.StatusMisdirectedRequest || strings.Contains(got.Body.String(), "example") {
				t.Errorf("host %q, %s: %d %q", host, path, got.Code, got.Body)
			}
			for _, values := range got.Header() {
				if strings.Contains(strings.Join(values, " "), "example") {
					t.Errorf("host %q: header %v", host, got.Header())
				}
			}
		}
		if w.Serves(host) {
			t.Errorf("a certificate may be asked for host %q", host)
		}
	}
}

// TestPlacesOfHosts: each host has its own places and no others.
func TestPlacesOfHosts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	found := map[string]string{
		"mail.example.org":              "/ /setup /assets/a-1.js /mail/config-v1.1.xml /autodiscover/autodiscover.xml /autodiscover/autodiscover.json " + profilePlace,
		"localhost:2443":                "/ /setup /assets/a-1.js /mail/config-v1.1.xml /autodiscover/autodiscover.xml /autodiscover/autodiscover.json " + profilePlace,
		"Example.ORG:8443":              "/setup /.well-known/openpgpkey/policy /mail/config-v1.1.xml /autodiscover/autodiscover.xml /autodiscover/autodiscover.json " + profilePlace,
		"other.test.":                   "/setup /.well-known/openpgpkey/policy /mail/config-v1.1.xml /autodiscover/autodiscover.xml /autodiscover/autodiscover.json " + profilePlace,
		"openpgpkey.example.org":        "/.well-known/openpgpkey/example.org/policy",
		"openpgpkey.other.test":         "",
		"mta-sts.example.org":           "/.well-known/mta-sts.txt",
		"mta-sts.xn--bcher-kva.example": "/.well-known/mta-sts.txt",
		"autoconfig.example.org":        "/mail/config-v1.1.xml",
		"autodiscover.other.test":       "/autodiscover/autodiscover.xml /autodiscover/autodiscover.json",
	}
	for host, list := range found {
		for _, path := range everyPath[:12] {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			got, want := w.do(r).Code, 404
			for _, p := range strings.Fields(list) {
				if r.URL.Path == p {
					want = 200
				}
			}
			if r.URL.Path == "/" && list != "" && strings.HasPrefix(list, "/setup") {
				want = http.StatusTemporaryRedirect
			}
			if got != want {
				t.Errorf("%s%s: %d, want %d", host, path, got, want)
			}
		}
		if !w.Serves(host) {
			t.Errorf("no certificate may be asked for %s", host)
		}
	}
}

// TestWebmail stands on the server's own names and nowhere else; a mail domain's
// host sends there, with the port that was asked.
func TestWebmail(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, host := range []string{"mail.example.org", "MAIL.example.org.:8443", "localhost"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if got := w.do(r); got.Code != 200 || !strings.Contains(got.Body.String(), "the webmail") || !strings.Contains(got.Header().Get("Content-Security-Policy"), "require-trusted-types-for 'script'") {
			t.Errorf("%s: %d %v", host, got.Code, got.Header())
		}
	}
	for host, to := range map[string]string{"example.org": "https://mail.example.org/", "other.test:443": "https://mail.example.org/", "bücher.example:2443": "https://mail.example.org:2443/"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if got := w.do(r); got.Code != http.StatusTemporaryRedirect || got.Header().Get("Location") != to {
			t.Errorf("%s: %d to %q", host, got.Code, got.Header().Get("Location"))
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { r.Host = "example.org"; w.ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	_, key := places("bob", "example.org")
	key = strings.TrimPrefix(key, "https://example.org")
	for _, path := range []string{"/setup", key, "/nothing", "/mail/config-v1.1.xml"} {
		get := must(http.Get(server.URL + path))
		head := must(http.Head(server.URL + path))
		get.Body.Close()
		head.Body.Close()
		if get.StatusCode != head.StatusCode || get.ContentLength != head.ContentLength || get.ContentLength < 1 || get.Header.Get("Content-Type") != head.Header.Get("Content-Type") {
			t.Errorf("%s: GET %d of %d bytes, HEAD %d of %d", path, get.StatusCode, get.ContentLength, head.StatusCode, head.ContentLength)
		}
	}
	for _, c := range [][3]string{{"POST", "/", "GET, HEAD"}, {"PUT", key, "GET, HEAD"}, {"DELETE", "/autodiscover/autodiscover.xml", "GET, HEAD, POST"}, {"OPTIONS", "/", "GET, HEAD"}, {"BREW", "/", "GET, HEAD"}} {
		r := httptest.NewRequest(c[0], "https://example.org"+c[1], nil)
		got := w.do(r)
		if got.Code != 405 || got.Header().Get("Allow") != c[2] || !strings.Contains(got.Body.String(), "Not in this way") {
			t.Errorf("%s %s: %d, allowed %q", c[0], c[1], got.Code, got.Header().Get("Allow"))
		}
	}
}

// FuzzSite: whatever is asked for, nothing panics, and a host that is not ours gets
// nothing.
func FuzzSite(f *testing.F) {
	w := newWorld()
	f.Add("example.org", "/.well-known/openpgpkey/hu/x", "l=a")
	f.Add("openpgpkey.example.org", "/.well-known/openpgpkey/EXAMPLE.org/hu/", "")
	f.Add("mail.example.org:1", "/autodiscover/Autodiscover.json/v1.0/x", "Protocol=%ff")
	f.Fuzz(func(t *testing.T, host, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.URL.Path, r.URL.RawQuery = host, path, query
		got := w.do(r)
		ours := strings.Contains(strings.ToLower(host), "example") || strings.Contains(strings.ToLower(host), "other.test")
		if !ours && path != "/healthz" && got.Code != http.StatusMisdirectedRequest {
			t.Fatalf("%q got %d", host, got.Code)
		}
		if got.Code >= 500 {
			t.Fatalf("%q %q %q: %d", host, path, query, got.Code)
		}
		w.logs.Reset()
	})
}
