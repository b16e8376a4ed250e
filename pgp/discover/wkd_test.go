package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

func TestHash(t *testing.T) {
	t.Parallel()
	for local, want := range map[string]string{
		"Joe.Doe": "iy9q119eutrkn8s1mk4r39qejnbu3n5q", // the draft's own example
		"joe.doe": "iy9q119eutrkn8s1mk4r39qejnbu3n5q",
	} {
		if got := Hash(local); got != want {
			t.Errorf("Hash(%q) is %s, want %s", local, got, want)
		}
	}
	client := ""
	for _, path := range []string{"/usr/lib/gnupg/gpg-wks-client", "/usr/libexec/gpg-wks-client", "/usr/bin/gpg-wks-client"} {
		if _, err := exec.LookPath(path); err == nil {
			client = path
		}
	}
	if client == "" {
		return
	}
	for _, local := range []string{"bob", "BoB", "a+b", "o'neil", "jürgen", "x_y.z-1"} {
		out, err := exec.Command(client, "--print-wkd-hash", local+"@example.org").Output()
		if got, _, _ := strings.Cut(string(out), " "); err != nil || got != Hash(local) {
			t.Errorf("Hash(%q) is %s, GnuPG's %s, %v", local, Hash(local), out, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	advanced, direct, ok := addresses(address("Joe.Doe+x@Example.ORG"))
	if want := "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + Hash("joe.doe+x") + "?l=Joe.Doe%2Bx"; !ok || advanced != want {
		t.Errorf("advanced %s, want %s", advanced, want)
	}
	if want := "https://example.org/.well-known/openpgpkey/hu/" + Hash("joe.doe+x") + "?l=Joe.Doe%2Bx"; direct != want {
		t.Errorf("direct %s, want %s", direct, want)
	}
	if advanced, _, _ := addresses(address(`"a b&c=d/"@bücher.example`)); !strings.HasPrefix(advanced, "https://openpgpkey.xn--bcher-kva.example/.well-known/openpgpkey/xn--bcher-kva.example/hu/") || !strings.HasSuffix(advanced, "?l=a%20b%26c%3Dd%2F") {
		t.Errorf("strange address: %s", advanced)
	}
	for _, a := range []string{"a@[127.0.0.1]", "a@localhost", "a@127.0.0.1", "a@[IPv6:::1]"} {
		if _, _, ok := addresses(address(a)); ok {
			t.Errorf("%s is asked for", a)
		}
	}
}

// bobKeys are what a server may answer with.
var bobKeys = sync.OnceValue(func() (keys struct{ bob, wrong, both, mallory []byte }) {
	t := &testing.T{}
	keys.bob = exported(t, entity("bob@example.org"))
	keys.wrong = exported(t, entity("carol@example.org"))
	keys.both = exported(t, entity("Bob@Example.Org", "secret-alias@example.net"))
	keys.mallory = exported(t, entity("mallory@evil.example"))
	return keys
})

// TestWKD is ATTACKS B08: what is asked where, and which answers give a key.
func TestWKD(t *testing.T) {
	t.Parallel()
	k := bobKeys()
	var text bytes.Buffer
	w := must(armor.Encode(&text, "PGP PUBLIC KEY BLOCK", nil))
	w.Write(k.bob)
	w.Close()
	answer := func(parts ...[]byte) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.Join(parts, nil)) }
	}
	for name, c := range map[string]struct {
		who   string
		web   func(http.ResponseWriter, *http.Request)
		asked int32
		err   error
	}{
		"advanced": {"bob@example.org", func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "openpgpkey.example.org" && r.URL.Path == "/.well-known/openpgpkey/example.org/hu/"+Hash("bob") && r.URL.RawQuery == "l=bob" {
				w.Write(k.bob)
			}
		}, 1, nil},
		"direct where openpgpkey does not exist": {"BOB@direct.example", func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "direct.example" && r.URL.Path == "/.well-known/openpgpkey/hu/"+Hash("bob") && r.URL.RawQuery == "l=BOB" {
				w.Write(exported(t, entity("bob@direct.example")))
			}
		}, 1, nil},
		"advanced alone counts where it exists": {"bob@example.org", func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "openpgpkey.example.org" {
				http.NotFound(w, r)
				return
			}
			w.Write(k.bob)
		}, 1, ErrNoKey},
		"not found":                 {"bob@example.org", http.NotFound, 1, ErrNoKey},
		"server error":              {"bob@example.org", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 1, ErrNoKey},
		"nothing":                   {"bob@example.org", answer(), 1, ErrNoKey},
		"a parking page":            {"bob@example.org", answer([]byte("<!doctype html>")), 1, ErrNoKey},
		"in armor":                  {"bob@example.org", answer(text.Bytes()), 1, ErrNoKey},
		"another's key":             {"bob@example.org", answer(k.wrong), 1, ErrNoKey},
		"the user id in other case": {"bob@example.org", answer(k.both), 1, nil},
		"the right one of several":  {"bob@example.org", answer(k.wrong, k.mallory, k.bob, k.wrong), 1, nil},
		"behind too many":           {"bob@example.org", answer(k.wrong, k.wrong, k.wrong, k.wrong, k.wrong, k.bob), 1, ErrNoKey},
		"10 MB":                     {"bob@example.org", endless(k.bob), 1, ErrNoKey},
		"as much as is allowed":     {"bob@example.org", answer(k.bob, bytes.Repeat(k.wrong, (maxAnswer-len(k.bob))/len(k.wrong))), 1, nil},
		"same host, other place": {"bob@example.org", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/elsewhere") {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			w.Write(k.bob)
		}, 2, nil},
		"to another host":                 {"bob@example.org", redirect("https://evil.example/"), 1, ErrNoKey},
		"to another port":                 {"bob@example.org", redirect("https://openpgpkey.example.org:8443/"), 1, ErrNoKey},
		"to plain http":                   {"bob@example.org", redirect("http://openpgpkey.example.org/"), 1, ErrNoKey},
		"to an address":                   {"bob@example.org", redirect("https://127.0.0.1/"), 1, ErrNoKey},
		"round in circles":                {"bob@example.org", redirect(""), maxRedirects + 1, ErrNoKey},
		"nobody there":                    {"bob@nowhere.example", answer(k.bob), 0, ErrNoKey},
		"a private address":               {"bob@private.example", answer(k.bob), 0, ErrNoKey},
		"the metadata service":            {"bob@metadata.example", answer(k.bob), 0, ErrNoKey},
		"the DNS fails":                   {"bob@failing.example", answer(k.bob), 0, errDNS},
		"a name of another's certificate": {"bob@stolen.example", answer(k.bob), 0, ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.web)
			for host, ip := range map[string]string{
				"private.example": "10.0.0.7", "openpgpkey.private.example": "192.168.1.1", "openpgpkey.metadata.example": "169.254.169.254",
				"failing.example": "", "openpgpkey.failing.example": "", "evil.example": "127.0.0.1", "openpgpkey.stolen.example": "127.0.0.1",
			} {
				w.names[host] = ip
			}
			found, err := w.Find(t.Context(), "alice", address(c.who))
			if !errors.Is(err, c.err) {
				t.Errorf("found %+v, %v; want %v", found, err, c.err)
			}
			if n := w.asked.Load(); n != c.asked {
				t.Errorf("%d requests, want %d", n, c.asked)
			}
			w.dialled.Range(func(ip, _ any) bool {
				if ip != "127.0.0.1" {
					t.Errorf("dialled %s", ip)
				}
				return true
			})
			checkFound(t, found, err)
			if logs := w.logs.String(); strings.Contains(logs, "example") || strings.Contains(logs, "bob") {
				t.Errorf("logged %s", logs)
			}
		})
	}
}

func redirect(to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to+r.URL.Path, http.StatusFound)
	}
}

func endless(key []byte) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for range 10 << 20 / len(key) {
			if _, err := w.Write(key); err != nil {
				return
			}
		}
	}
}

func checkFound(t *testing.T, f Found, err error) {
	t.Helper()
	if (f.Cert == nil) != (err != nil) {
		t.Fatalf("certificate %v with error %v", f.Cert, err)
	}
	if err != nil {
		return
	}
	if f.Source != WKD || f.Changed {
		t.Errorf("source %s, changed %v", f.Source, f.Changed)
	}
	for _, id := range f.Cert.Identities() {
		if !strings.Contains(strings.ToLower(id), "bob@") {
			t.Errorf("user id %q came along", id)
		}
	}
}

// TestWKDSlow is ATTACKS B08: a server that never ends its answer holds a lookup for
// its time only, and its domain no more than a few at once.
func TestWKDSlow(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	release := make(chan struct{})
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	w.HTTP.Timeout = 300 * time.Millisecond
	var all sync.WaitGroup
	for _, local := range []string{"a", "b", "c", "d", "e", "f"} {
		all.Go(func() {
			if _, err := w.Find(t.Context(), "alice", address(local+"@example.org")); !errors.Is(err, ErrNoKey) {
				t.Errorf("slow server: %v", err)
			}
		})
	}
	all.Wait()
	close(release)
	if n := most.Load(); n > 2 || n == 0 {
		t.Errorf("%d lookups at once", n)
	}
	if n := w.asked.Load(); n > 2 {
		t.Errorf("%d requests: that the domain is slow was forgotten", n)
	}
	if NewHTTP(nil, nil).Timeout > 10*time.Second || NewHTTP(nil, nil).Timeout == 0 {
		t.Error("the real client waits longer than 10 s")
	}
}

// TestWKDCancelled: a caller that goes away leaves no "no key" behind.
func TestWKDCancelled(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	block := true
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if block {
			block = false
			close(started)
			<-r.Context().Done()
			return
		}
		w.Write(bobKeys().bob)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := w.Find(ctx, "alice", address("bob@example.org")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := w.Find(t.Context(), "alice", address("bob@example.org")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAbsentForAnHour: an answer of "no key" is kept, for an hour, in bounded memory.
func TestAbsentForAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http.NotFound)
	find := func() {
		if _, err := w.Find(t.Context(), "alice", address("bob@example.org")); !errors.Is(err, ErrNoKey) {
			t.Fatal(err)
		}
	}
	find()
	find()
	w.later(59 * time.Minute)
	find()
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times within an hour", n)
	}
	w.later(2 * time.Minute)
	w.web = func(w http.ResponseWriter, _ *http.Request) { w.Write(bobKeys().bob) }
	if _, err := w.Find(t.Context(), "alice", address("bob@example.org")); err != nil {
		t.Errorf("after an hour: %v", err)
	}
	for range maxRecent + 10 {
		w.recent.setAbsent(address(strings.Repeat("x", 1+w.recent.absent.Len()%60)+"@example.org"), w.now())
	}
	if n := w.recent.absent.Len(); n > maxRecent {
		t.Errorf("%d answers are remembered", n)
	}
	if len(w.recent.bounds) != 0 || len(w.recent.slots) != 0 {
		t.Error("places among the lookups were not given back")
	}
}

// One account whose correspondents' servers hang takes its own places only: another's
// mail would leave readable because nobody looked for a key in time.
func TestLookupsOfAnAccount(t *testing.T) {
	t.Parallel()
	var r recent
	var leave []func()
	for i := range perAccount {
		l, err := r.enter(t.Context(), "mallory", fmt.Sprint(i, ".example"))
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.enter(soon, "mallory", "more.example"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("mallory has one place more: %v", err)
	}
	l, err := r.enter(t.Context(), "alice", "0.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(leave, l) {
		l()
	}
	if len(r.bounds) != 0 || len(r.slots) != 0 {
		t.Errorf("%d bounds, %d places are left", len(r.bounds), len(r.slots))
	}
}

// TestWithoutHTTP: no client, no lookups.
func TestWithoutHTTP(t *testing.T) {
	t.Parallel()
	f := &Finder{Peers: &memory{peers: map[string]Peer{}}}
	if _, err := f.Find(t.Context(), "alice", address("bob@example.org")); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	broken := &Finder{Peers: &memory{fail: io.ErrUnexpectedEOF}}
	if _, err := broken.Find(t.Context(), "alice", address("bob@example.org")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a database that fails: %v", err)
	}
}
