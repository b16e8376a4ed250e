package dav

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// refusal is an answer to what is not carried out.
type refusal struct {
	status int
	text   string
}

func (no refusal) write(w http.ResponseWriter) {
	kind := "text/plain; charset=utf-8"
	if strings.HasPrefix(no.text, "<?xml") {
		kind = "application/xml; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(no.status)
	_, _ = w.Write([]byte(no.text + "\n"))
}

// guard says who may ask.
type guard struct {
	anywhere, readOnly bool
	want               [32]byte // of user and password
}

func newGuard(c Config) guard { return guard{c.Anywhere, c.ReadOnly, digest(c.User, c.Password)} }

func digest(user, password string) [32]byte { return sha256.Sum256([]byte(user + "\x00" + password)) }

var changes = map[string]bool{"PUT": true, "DELETE": true, "MKCOL": true, "COPY": true, "MOVE": true, "PROPPATCH": true, "LOCK": true, "UNLOCK": true}

// refuse keeps pages in browsers out first, then who has not the password.
func (g guard) refuse(w http.ResponseWriter, r *http.Request) *refusal {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case !g.named(r.Host):
		// A page of a name whose address was changed to this machine's (DNS rebinding)
		// is of one origin with us for its browser: but it cannot hide its name.
		return &refusal{http.StatusMisdirectedRequest, "Expected to be called localhost or by an address."}
	case r.Header.Get("Origin") != "" || site != "" && site != "none":
		return &refusal{http.StatusForbidden, "Pages in browsers may not use the drive."}
	case !g.knows(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="sealpost drive", charset="UTF-8"`)
		return &refusal{http.StatusUnauthorized, "Expected the user and password that sealpost file dav printed."}
	case !changes[r.Method] && r.Method != "GET" && r.Method != "HEAD" && r.Method != "OPTIONS" && r.Method != "PROPFIND":
		return &refusal{http.StatusMethodNotAllowed, "Expected a method of WebDAV."}
	case g.readOnly && changes[r.Method]:
		return &refusal{http.StatusForbidden, "The drive is shown for reading only."}
	}
	return nil
}

// named says whether a host is one that no name service chooses.
func (g guard) named(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && (g.anywhere || ip.IsLoopback())
}

func (g guard) knows(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	got := digest(user, password)
	return subtle.ConstantTimeCompare(got[:], g.want[:]) == 1 && ok
}
