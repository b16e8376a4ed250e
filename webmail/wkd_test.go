package webmail

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealpost/pgp"
	"sealpost/pgp/discover"
)

// place is where the draft has a key: advanced, and direct.
func places(local, domain string) (advanced, direct string) {
	hash := discover.Hash(local)
	return "https://openpgpkey." + domain + "/.well-known/openpgpkey/" + domain + "/hu/" + hash + "?l=" + url.QueryEscape(local),
		"https://" + domain + "/.well-known/openpgpkey/hu/" + hash + "?l=" + url.QueryEscape(local)
}

func TestKeyIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, c := range []struct{ local, domain, address string }{
		{"bob", "example.org", "bob@example.org"},
		{"BOB", "EXAMPLE.org", "bob@example.org"},
		{"jürgen", "xn--bcher-kva.example", "jürgen@bücher.example"},
	} {
		advanced, direct := places(c.local, c.domain)
		for _, u := range []string{advanced, direct, strings.Split(direct, "?")[0]} {
			r := w.get(u)
			got, err := pgp.ParseCert(r.Body.Bytes())
			if r.Code != 200 || err != nil || got.Fingerprint() != w.certs[c.address].Fingerprint() {
				t.Errorf("%s: %d, %v", u, r.Code, err)
				continue
			}
			h := r.Header()
			if r.Body.Bytes()[0]&0x80 == 0 || h.Get("Content-Type") != "application/octet-stream" || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
				t.Errorf("%s: header %v", u, h)
			}
			if ids := got.Identities(); len(ids) != 1 || !strings.Contains(ids[0], c.address) {
				t.Errorf("%s: user ids %q", u, ids)
			}
		}
	}
	for _, u := range []string{"https://openpgpkey.example.org/.well-known/openpgpkey/example.org/policy", "https://example.org/.well-known/openpgpkey/policy"} {
		if r := w.get(u); r.Code != 200 || r.Body.Len() != 0 || r.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %q", u, r.Code, r.Body)
		}
	}
	w.Policy = "# nothing special\nmailbox-only\n"
	if r := w.get("https://example.org/.well-known/openpgpkey/policy"); r.Body.String() != w.Policy {
		t.Errorf("policy %q", r.Body)
	}
}

// TestKeysAreNotEnumerated is ATTACKS D12 and D14: an account that is not listed, one
// whose key is not its own, one that does not exist and a name that is none get the
// same bytes, and cost the same.
func TestKeysAreNotEnumerated(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.index.Cert = nil // looking at a certificate would be a difference
	w.list = w.list[:1]
	want := fingerprintOf(w.get("https://example.org/.well-known/openpgpkey/hu/" + strings.Repeat("y", 32)))
	if want[0] != "404" {
		t.Fatalf("a name that nobody has: %q", want)
	}
	for _, local := range []string{"eve", "nobody", "carol", "", "x' or 1=1", strings.Repeat("a", 5000)} {
		advanced, direct := places(local, "example.org")
		for _, u := range []string{advanced, direct, direct + "&l=bob", strings.Replace(direct, "?l=", "?x=", 1)} {
			if got := fingerprintOf(w.get(u)); got != want {
				t.Errorf("%.20q: %q, want %q", local, got, want)
			}
		}
	}
	for _, name := range []string{"", "x", strings.Repeat("y", 31), strings.Repeat("y", 33), "../../etc/passwd", discover.Hash("bob")[:31] + "%20", strings.ToUpper(discover.Hash("bob")) + "/x"} {
		if got := fingerprintOf(w.get("https://example.org/.well-known/openpgpkey/hu/" + name)); got != want {
			t.Errorf("name %q: %q", name, got)
		}
	}
	if _, direct := places("bob", "other.test"); fingerprintOf(w.get(direct)) != want {
		t.Error("the same name in another domain is answered otherwise")
	}
	if w.lists != 1 {
		t.Errorf("the list was read %d times", w.lists)
	}
}

func fingerprintOf(r *httptest.ResponseRecorder) [2]string {
	var header bytes.Buffer
	_ = r.Result().Header.Write(&header)
	return [2]string{strconv.Itoa(r.Code), header.String() + r.Body.String()}
}

// TestKeyThatIsNotTheirs: a certificate counts for the addresses it names.
func TestKeyThatIsNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, direct := places("carol", "example.org")
	if r := w.get(direct); r.Code != 404 || r.Body.String() != noKey {
		t.Errorf("%d %q", r.Code, r.Body)
	}
	delete(w.certs, "bob@example.org")
	_, direct = places("bob", "example.org")
	if r := w.get(direct); r.Code != 404 || r.Body.String() != noKey {
		t.Errorf("account that was just removed: %d %q", r.Code, r.Body)
	}
}

// TestKeyFaults: a fault of ours is no "no key".
func TestKeyFaults(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fail = errors.New("disk is gone")
	_, direct := places("bob", "example.org")
	if r := w.get(direct); r.Code != 503 || r.Header().Get("Retry-After") == "" {
		t.Errorf("list cannot be read: %d", r.Code)
	}
	w.fail = nil
	w.get(direct)
	w.fail = errors.New("disk is gone")
	if r := w.get(direct); r.Code != 503 || strings.Contains(r.Body.String(), "disk") {
		t.Errorf("certificate cannot be read: %d %q", r.Code, r.Body)
	}
}

func TestIndexIsRefreshed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	now := testTime
	w.index.Now = func() time.Time { return now }
	_, direct := places("eve", "example.org")
	expect := func(want int) {
		t.Helper()
		if r := w.get(direct); r.Code != want {
			t.Errorf("%d, want %d", r.Code, want)
		}
	}
	expect(404)
	w.list = append(w.list, "eve@example.org")
	expect(404)
	w.index.Changed()
	expect(200)
	w.list = w.list[:1]
	now = now.Add(59 * time.Second)
	expect(200)
	now = now.Add(2 * time.Second)
	expect(404)
	now = now.Add(-time.Hour) // the clock was set back
	w.list = append(w.list, "eve@example.org")
	expect(200)
}
