package webmail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// NewServer is an http.Server with bounds: 16 KiB of header, 5 s for it, 20 s for a
// whole request, 30 s for an answer, a minute of silence. Its caller sets TLS and
// listens.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(quiet{logger}, "", 0),
	}
}

// quiet keeps what net/http writes about a client, its address too, out of the log.
type quiet struct{ log *slog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.log.Debug("http connection failed", "bytes", len(p))
	return len(p), nil
}

// Plain is what stands on port 80: acme answers its challenges (nil: none), and all
// else is sent on to https, for hosts of this server only.
func (d *Door) Plain(acme http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header(), r)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		const challenge = "/.well-known/acme-challenge/"
		name, ok := hostName(r.Host)
		switch {
		case acme != nil && len(r.URL.Path) > len(challenge) && r.URL.Path[:len(challenge)] == challenge:
			acme.ServeHTTP(w, r)
		case d.probed(w, r):
		case !ok || !d.Serves(r.Host):
			misdirected(w)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			showError(w, r, http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Location", "https://"+ascii(name)+r.URL.RequestURI())
			writeText(w, http.StatusPermanentRedirect, "https only\n")
		}
	})
}

// basePolicy is for what is no page.
const basePolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", basePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// misdirected answers who asked for a host that is not here (RFC 9110, section
// 15.5.20), without a name of any that is.
func misdirected(w http.ResponseWriter) {
	writeText(w, http.StatusMisdirectedRequest, "nothing here\n")
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// note logs a request by the name of its place: no host, no path, no query.
func (d *Door) note(r *http.Request, place string, status int, took time.Duration) {
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelWarn
	}
	d.Log.LogAttrs(r.Context(), level, "http request", slog.String("place", place), slog.String("method", methodWord(r.Method)),
		slog.Int("status", status), slog.Duration("took", took), slog.String("client", d.client(r.RemoteAddr)))
}

func methodWord(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// client is a keyed hash of an address: the same one again, but nobody's.
func (d *Door) client(remote string) string {
	if len(d.Secret) == 0 {
		return ""
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	h := hmac.New(sha256.New, d.Secret)
	h.Write([]byte("http client " + host))
	return hex.EncodeToString(h.Sum(nil)[:6])
}
