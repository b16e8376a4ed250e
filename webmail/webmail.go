// Package webmail is the HTTP door: what the world fetches from a mail server
// without signing in (WKD, MTA-STS policy, autoconfiguration), and the browser
// client with its API.
//
// It never sees a private key or a readable mail, and it never knows which accounts
// there are: it asks for one published key by its WKD name.
//
// Invariants: a host name that is not this server's gets no page and no name; whether
// an address exists is answered for published keys only, everything else gets the
// same bytes after the same work; no page loads anything from elsewhere or runs a
// script; no address, host name or query reaches a log.
package webmail

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sealpost/webmail/ui"
)

// ErrNoKey is what Door.Certificate says of a name under which nothing is published.
var ErrNoKey = errors.New("no key is published under this name")

// Door answers HTTP requests. Its fields are set once, before use.
type Door struct {
	Hostname string   // of IMAP and SMTP, as in their certificate; the webmail stands on it
	Names    []string // other hosts of the webmail, lower case, U-labels
	App      *ui.App  // the webmail; nil: there is none
	// Local says whether mail for a domain is taken here. Domains come in lower case,
	// internationalised ones as U-labels.
	Local func(domain string) bool
	// Certificate gives the binary certificate that is published under a WKD name:
	// hash is its 32 characters, local what the client says the local part is, or
	// empty. It fails with ErrNoKey; any other error is temporary. See Index.
	Certificate func(ctx context.Context, domain, hash, local string) ([]byte, error)
	// API answers below /api/ on the server's own names; it sets bounds of its own on
	// bodies and time. nil: there is none.
	API http.Handler
	// Spec is the OpenAPI document that the page about the API is made of; nil: there is none.
	Spec   func() []byte
	Policy string // WKD policy flags, lines; may be empty
	STS    STS
	Ports  Ports
	Health func(ctx context.Context) error // nil: always well
	Ready  func(ctx context.Context) error // whether to send people here; nil: always
	Secret []byte                          // key of the hashes that stand for clients in the log; empty: none do
	Log    *slog.Logger
	Now    func() time.Time

	docsOnce  sync.Once
	docsPage  []byte
	docsError error
}

// Ports are where clients connect; 0: not offered.
type Ports struct {
	IMAPS      int // 993, implicit TLS
	SMTPS      int // 465, implicit TLS
	Submission int // 587, STARTTLS
}

// STS is the MTA-STS policy of every domain (RFC 8461, section 3.2). Without a mode
// there is none.
type STS struct {
	Mode   string   // enforce, testing or none
	MX     []string // host names, "*.example.org" allowed; empty: Hostname
	MaxAge time.Duration
}

// maxBody bounds what is read of a request, in bytes.
const maxBody = 64 << 10

// answer is one handler of the table. s is the host that was asked.
type answer func(d *Door, w http.ResponseWriter, r *http.Request, s site)

// route is what stands at one place.
type route struct {
	name string // for the log
	post bool   // POST is allowed too
	do   answer
}

// ServeHTTP finds the host, then the place.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := d.Now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	setHeaders(w.Header(), r)
	name := d.serve(rec, r)
	d.note(r, name, rec.status, d.Now().Sub(started))
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) (name string) {
	if d.probed(w, r) {
		return "health"
	}
	s, ok := d.site(r.Host)
	if !ok {
		misdirected(w)
		return "unknown host"
	}
	if d.API != nil && s.main && r.URL.Path != docsPlace && strings.HasPrefix(r.URL.Path, "/api/") {
		d.API.ServeHTTP(w, r)
		return "api"
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	place, ok := d.route(s, r.URL.Path)
	switch {
	case !ok:
		showError(w, r, http.StatusNotFound)
		return "unknown place"
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodPost && place.post:
		place.do(d, w, r, s)
	default:
		allow := "GET, HEAD"
		if place.post {
			allow += ", POST"
		}
		w.Header().Set("Allow", allow)
		showError(w, r, http.StatusMethodNotAllowed)
	}
	return place.name
}

// probed answers those who ask whether the server is well, or ready, under every name.
func (d *Door) probed(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz":
		d.Healthz(w, r)
	case "/readyz":
		d.Readyz(w, r)
	default:
		return false
	}
	return true
}

// Healthz says whether the process can do its work.
func (d *Door) Healthz(w http.ResponseWriter, r *http.Request) {
	if d.Health != nil {
		if err := d.Health(r.Context()); err != nil {
			d.Log.Warn("health check failed", "error", err)
			writeText(w, http.StatusServiceUnavailable, "unwell\n")
			return
		}
	}
	writeText(w, http.StatusOK, "ok\n")
}

// Readyz says whether to send people here.
func (d *Door) Readyz(w http.ResponseWriter, r *http.Request) {
	if d.Ready != nil {
		if err := d.Ready(r.Context()); err != nil {
			d.Log.Info("not ready", "error", err)
			writeText(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
	}
	writeText(w, http.StatusOK, "ready\n")
}
