package imaptest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/test/imaptest"
	"sealpost/test/plain"
)

// The door over a store that keeps mail as it came answers all of imaptest's
// groups but those about what it does not offer (docs/imap.md).
func TestScripts(t *testing.T) {
	t.Parallel()
	for name, why := range runScripts(t, false, nil) {
		if notOffered[name] == "" {
			t.Errorf("%s: %v", name, why)
		}
	}
}

// The same over sealed mail, as the shipped binary keeps it: all but those that
// look at what is sealed.
func TestScriptsSealed(t *testing.T) {
	t.Parallel()
	for name, why := range runScripts(t, true, looksInside) {
		if notOffered[name] == "" {
			t.Errorf("%s: %v", name, why)
		}
	}
}

// looksInside are the groups that sealed mail cannot satisfy, and what they look at.
var looksInside = map[string]string{
	"append-binary":                  "the body",
	"fetch-binary-mime":              "the body",
	"fetch-binary-mime-base64":       "the body",
	"fetch-binary-mime-qp":           "the body",
	"fetch-body":                     "the body",
	"fetch-body-message-rfc822":      "the body",
	"fetch-body-message-rfc822-mime": "the body",
	"fetch-body-message-rfc822-x2":   "the body",
	"fetch-body-mime":                "the body",
	"fetch-bodystructure":            "the body",
	"fetch-envelope":                 "a sealed header field",
	"multiappend":                    "a sealed header field",
	"nil":                            "a sealed header field",
	"search-addresses":               "a sealed header field",
	"search-body":                    "the body",
	"search-context-update":          "the body",
	"search-context-update2":         "a sealed header field",
	"search-context-update3":         "a sealed header field",
	"search-header":                  "a sealed header field",
	"search-size":                    "the size of what was appended",
	"sort-arrival":                   "the size of what was appended",
	"sort-date":                      "the size of what was appended",
	"sort-size":                      "the size of what was appended",
	"sort-subject":                   "a sealed header field",
	"thread":                         "a sealed header field",
	"thread-orderedsubject":          "a sealed header field",
	"thread-orderedsubject2":         "a sealed header field",
	"thread3":                        "a sealed header field",
}

// notOffered are the groups about extensions that this server does not have.
var notOffered = map[string]string{
	"catenate":             "CATENATE",
	"catenate-multiappend": "CATENATE",
	"urlauth":              "URLAUTH: a link would have to show what is sealed",
	"urlauth-binary":       "URLAUTH",
	"urlauth2":             "URLAUTH",
}

// zone is where days begin for broken__search-intdate. A server for imaptest has to
// be there, Dovecot too.
const zone = "Europe/Helsinki"

// runScripts plays every group but those left out, and gives those that the server
// does not offer, with what they lack.
func runScripts(t *testing.T, sealed bool, left map[string]string) map[string]error {
	groups, err := imaptest.Load(scripts(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 72 {
		t.Fatalf("there are %d groups, not 72", len(groups))
	}
	r := imaptest.Runner{User: "user@imaptest.test", Password: "password"}
	addr := serve(t, plain.Options{User: r.User, Password: r.Password, Sealed: sealed, Zone: zone})
	r.Dial = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) }
	var mu sync.Mutex
	skipped := map[string]error{}
	t.Run("groups", func(t *testing.T) {
		for i, g := range groups {
			if left[g.Script.Name] != "" {
				continue
			}
			t.Run(g.Script.Name, func(t *testing.T) {
				t.Parallel()
				r := r
				r.Mailbox = fmt.Sprintf("imaptest-%d-", i)
				err := r.Run(t.Context(), g.Script, g.Mails)
				if errors.As(err, new(imaptest.Skipped)) {
					t.Log(err)
					mu.Lock()
					defer mu.Unlock()
					skipped[g.Script.Name] = err
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	})
	return skipped
}

// serve starts a server and gives its plain address.
func serve(t *testing.T, o plain.Options) string {
	t.Helper()
	o.Dir, o.Log = t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := plain.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go h.ServePlain(ctx, ln)
	t.Cleanup(func() {
		stop, free := context.WithTimeout(context.Background(), 5*time.Second)
		defer free()
		h.Server.Shutdown(stop)
		cancel()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// scripts is the folder of imaptest's scripts, which are not part of this repository.
func scripts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "imap", "imaptest")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("imaptest's scripts are not here (set SEALPOST_CORPUS)")
	}
	return dir
}
