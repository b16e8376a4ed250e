package discover

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestUnsure: a domain whose server does not answer has no key, but for a moment only,
// and whoever demands one can tell. A server that answers something else is sure.
func TestUnsure(t *testing.T) {
	t.Parallel()
	answer := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		who    string
		web    func(http.ResponseWriter, *http.Request)
		dial   error
		unsure bool
	}{
		"not found":            {"bob@example.org", http.NotFound, nil, false},
		"forbidden":            {"bob@example.org", answer(403), nil, false},
		"elsewhere":            {"bob@example.org", redirect("https://evil.example/"), nil, false},
		"another's name":       {"bob@stolen.example", answer(200), nil, false},
		"no such host":         {"bob@nowhere.example", answer(200), nil, false},
		"an inner address":     {"bob@private.example", answer(200), nil, false},
		"broken":               {"bob@example.org", answer(503), nil, true},
		"hangs up":             {"bob@example.org", hangUp, nil, true},
		"refuses":              {"bob@example.org", nil, syscall.ECONNREFUSED, true},
		"no way to the world":  {"bob@example.org", nil, syscall.ENETUNREACH, true},
		"takes too long":       {"bob@example.org", nil, context.DeadlineExceeded, true},
		"no way, not advanced": {"bob@direct.example", nil, syscall.ENETUNREACH, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.web)
			w.names["stolen.example"], w.names["private.example"] = "127.0.0.1", "10.0.0.7"
			looks := 0
			w.HTTP = watched{w.HTTP.Transport, &looks}.client()
			if c.dial != nil {
				g := guard{allow: func(string) bool { return true }, lookup: w.lookup, dial: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: c.dial}
				}}
				w.HTTP = watched{g.client().Transport, &looks}.client()
			}
			find := func() {
				t.Helper()
				_, err := w.Find(t.Context(), "alice", address(c.who))
				if !errors.Is(err, ErrNoKey) || errors.Is(err, ErrUnsure) != c.unsure {
					t.Errorf("found none: %v", err)
				}
			}
			find()
			first := looks
			w.later(4 * time.Minute)
			find()
			if looks != first {
				t.Error("asked again at once")
			}
			w.later(2 * time.Minute)
			find()
			if (looks != first) != c.unsure {
				t.Errorf("%d looks at first, %d after six minutes", first, looks)
			}
		})
	}
}

// watched counts requests.
type watched struct {
	http.RoundTripper
	n *int
}

func (w watched) client() *http.Client {
	return &http.Client{Transport: w, CheckRedirect: checkRedirect}
}

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	*w.n++
	return w.RoundTripper.RoundTrip(r)
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

// TestEachRefreshes: that one account has asked for the newest copy of a key tells
// another one nothing, and who was not answered asks again soon.
func TestEachRefreshes(t *testing.T) {
	t.Parallel()
	bob := entity("bob@example.org")
	answer, fails := exported(t, bob), false
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) {
		if fails {
			w.WriteHeader(503)
			return
		}
		w.Write(answer)
	})
	find := func(who string, want error) {
		t.Helper()
		if _, err := w.Find(t.Context(), who, address("bob@example.org")); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
	}
	for _, who := range []string{"ann", "ben", "eve"} {
		find(who, nil)
	}
	if err := bob.Revoke(packet.KeyCompromised, "", keyConfig(testTime.AddDate(0, 0, -1))); err != nil {
		t.Fatal(err)
	}
	answer = exported(t, bob)
	w.later(25 * time.Hour)
	find("ann", ErrRevoked)
	find("ben", ErrRevoked)
	fails = true
	find("eve", nil)
	fails = false
	find("eve", nil) // a moment later nobody is asked
	w.later(6 * time.Minute)
	find("eve", ErrRevoked)
}
