package api

import (
	"mime"
	"net/http"
	"reflect"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// cookieName binds the cookie to this host, to TLS and to every path.
const cookieName = "__Host-sealpost"

var problemKind = reflect.TypeFor[Problem]()

// bodies are the media types that a body may have. None of them can be sent by a form
// of another page.
var bodies = []string{"application/json", "application/octet-stream", "message/rfc822", "multipart/form-data"}

// refuse says no to what a page of another origin had a browser send, and to bodies
// that a form of one could make.
func (a *API) refuse(r *http.Request) *Problem {
	if foreign(r) {
		return problem(http.StatusForbidden, "cross-origin", "Pages of other origins may not ask")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") == "" && r.ContentLength == 0 {
		return nil
	}
	if unsafe(r.Method) && (err != nil || !slices.Contains(bodies, kind)) {
		return problem(http.StatusUnsupportedMediaType, "media-type", "Expected JSON, octets, a mail or a form of parts")
	}
	return nil
}

// foreign says whether a browser sent r for a page of another origin, or a browser's
// cookie came with a change that no page of ours asked for. multipart/form-data can be
// sent by any page's form: for it too the origin decides.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	}
	if unsafe(r.Method) && new(http.CrossOriginProtection).Check(r) != nil {
		return true
	}
	_, err := r.Cookie(cookieName)
	return err == nil && unsafe(r.Method) && r.Header.Get("Sec-Fetch-Site") != "same-origin" && r.Header.Get("Origin") == ""
}

// watched knows whether an answer was begun.
type watched struct {
	http.ResponseWriter
	begun bool
}

func (w *watched) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A pacer bounds how many requests an account, or a stranger's host or network, makes.
type pacer struct {
	now   func() time.Time
	each  rate.Limit
	burst int
	paces *lru.Cache[string, *rate.Limiter]
}

const (
	callsPerSecond = 50
	callsAtOnce    = 500
	callersKept    = 16 << 10

	strangersPerSecond = 0.2
	strangersAtOnce    = 40

	bringsPerSecond = 1 // files declared by a request
	bringsAtOnce    = 200

	visitsPerSecond = 20 // pieces of files
	visitsAtOnce    = 400
)

func newPacer(now func() time.Time, each rate.Limit, burst int) *pacer {
	paces, err := lru.New[string, *rate.Limiter](callersKept)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &pacer{now, each, burst, paces}
}

func (p *pacer) allow(key string) bool { return p.allowMore(key, 1) }

// allowMore counts as many as n requests: all of them or none.
func (p *pacer) allowMore(key string, n int) bool {
	l, ok := p.paces.Get(key)
	if !ok {
		l = rate.NewLimiter(p.each, p.burst)
		if before, raced, _ := p.paces.PeekOrAdd(key, l); raced {
			l = before
		}
	}
	return l.AllowN(p.now(), n)
}
