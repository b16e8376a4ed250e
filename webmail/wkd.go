package webmail

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// The Web Key Directory (draft-koch-openpgp-webkey-service, sections 3.1 and 4.5):
// advanced on openpgpkey.DOMAIN with the domain in the path, direct on DOMAIN.

const (
	hashSize   = 32  // characters of a WKD name
	maxLocal   = 320 // bytes of the l parameter that are passed on
	noKey      = "no key\n"
	tryLater   = "try again later\n"
	keyMaxAge  = "public, max-age=300"
	keysPolicy = "policy"
)

// keyRoute is for what stands behind keysPlace. Every name gets the key handler, so
// that a wrong one is answered as any other.
func (s site) keyRoute(rest string) (route, bool) {
	switch {
	case s.sub == "openpgpkey":
		domain, name, _ := strings.Cut(rest, "/")
		if u, ok := hostName(domain); !ok || u != s.domain {
			return route{}, false
		}
		rest = name
	case s.sub != "" || s.domain == "":
		return route{}, false
	}
	if rest == keysPolicy {
		return route{"wkd policy", false, (*Door).keyPolicy}, true
	}
	if name, ok := strings.CutPrefix(rest, "hu/"); ok {
		return route{"wkd", false, func(d *Door, w http.ResponseWriter, r *http.Request, s site) { d.key(w, r, s, name) }}, true
	}
	return route{}, false
}

// key answers the binary certificate, or that there is none: in the same bytes for
// an address that does not exist, one whose key is not published, and no name at all.
func (d *Door) key(w http.ResponseWriter, r *http.Request, s site, name string) {
	open(w)
	if len(name) != hashSize {
		name = ""
	}
	local := r.URL.Query().Get("l")
	if len(local) > maxLocal {
		local = ""
	}
	cert, err := d.Certificate(r.Context(), s.domain, name, local)
	switch {
	case errors.Is(err, ErrNoKey):
		writeText(w, http.StatusNotFound, noKey)
	case err != nil:
		d.Log.Warn("published key not read", "error", err)
		w.Header().Set("Retry-After", "60")
		writeText(w, http.StatusServiceUnavailable, tryLater)
	default:
		w.Header().Set("Cache-Control", keyMaxAge)
		write(w, http.StatusOK, "application/octet-stream", cert)
	}
}

func (d *Door) keyPolicy(w http.ResponseWriter, r *http.Request, s site) {
	open(w)
	writeText(w, http.StatusOK, d.Policy)
}

// open lets pages of other sites read an answer.
func open(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}

func writeText(w http.ResponseWriter, status int, text string) {
	write(w, status, "text/plain; charset=utf-8", []byte(text))
}

// write sends a whole answer; what a client that went away does not take is nobody's
// fault.
func write(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
