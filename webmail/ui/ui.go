// Package ui holds the browser client as it was built: the files of dist, made from
// src by `make web` and committed, so that Go alone builds the whole product.
//
// It never knows accounts, mail or keys, and it makes no HTML: what it serves is dist,
// byte for byte, and is the same for everybody. CI builds dist from its sources again
// and compares.
//
// Invariants: no script or style runs but those of dist (Content-Security-Policy,
// Trusted Types, and a hash on everything that the first page or a later import
// loads); the frame that mail is shown in runs none at all; nothing is compressed
// but these public files; a name with a hash in it never changes its bytes.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var files embed.FS

// An App is one build of the client, ready to serve. New makes it; nothing changes it.
type App struct {
	places   map[string]*file // by path, such as /assets/index-4fQx.js
	manifest Manifest
}

// file is what stands at one place.
type file struct {
	content []byte
	zipped  func() []byte // gzip, made when it is first asked for; nil: not worth it
	sum     [sha256.Size]byte
	header  http.Header
}

// Built is the App of the dist that this program was built with.
func Built() (*App, error) {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		return nil, err
	}
	return New(dist)
}

// New reads a dist folder.
func New(dist fs.FS) (*App, error) {
	a := &App{places: map[string]*file{}}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		a.places[place(name)] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the built webmail: %w", err)
	}
	index := a.places["/"]
	if index == nil {
		return nil, fmt.Errorf("read the built webmail: expected index.html in it")
	}
	policy := appPolicy(index.content)
	for at, f := range a.places {
		f.header.Set("Content-Security-Policy", policyOf(at, policy, f.content))
	}
	a.manifest = a.describe(policy)
	return a, nil
}

// place is where a file of dist is served: pages without their ".html".
func place(name string) string {
	switch name {
	case "index.html":
		return "/"
	case "mailframe.html":
		return framePlace
	case "stranger.html":
		return strangerPlace
	}
	return "/" + name
}

// types are the content types of all that a build may hold; what is not here is a
// mistake and stops the start.
var types = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".woff2":       "font/woff2",
	".wasm":        "application/wasm",
	".txt":         "text/plain; charset=utf-8",
}

func newFile(name string, content []byte) (*file, error) {
	typ, ok := types[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("expected a kind of file that is known, not %q", path.Ext(name))
	}
	f := &file{content: content, zipped: func() []byte { return nil }, sum: sha256.Sum256(content), header: http.Header{}}
	f.header.Set("Content-Type", typ)
	f.header.Set("X-Content-Type-Options", "nosniff")
	f.header.Set("Cache-Control", cacheOf(name))
	f.header.Set("ETag", `"`+hex.EncodeToString(f.sum[:16])+`"`)
	switch path.Ext(name) {
	case ".png", ".woff2": // compressed already
		return f, nil
	}
	f.header.Set("Vary", "Accept-Encoding")
	f.zipped = sync.OnceValue(func() []byte { return zip(content) })
	return f, nil
}

// cacheOf: a name made from its content is kept for good, all else is asked about.
func cacheOf(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// zip compresses what gets a tenth smaller by it and more. A server that starts does not
// wait for that.
func zip(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || b.Len() >= len(content)*9/10 {
		return nil // which is right too, and only longer
	}
	return b.Bytes()
}

// linkPlaces are where links to files and upload requests lead (docs/files.md). What
// stands there is the one page for strangers; the id is for its script, and the secret
// never comes here.
var linkPlaces = regexp.MustCompile(`^/[fr]/[A-Za-z0-9_-]{22}$`)

// at is what stands at a path.
func (a *App) at(path string) *file {
	if linkPlaces.MatchString(path) {
		if f := a.places[strangerPlace]; f != nil {
			return f
		}
		path = "/" // a build from before there was one
	}
	return a.places[path]
}

// Has says whether something of the client stands at a path.
func (a *App) Has(path string) bool { return a.at(path) != nil }

// ServeHTTP answers GET and HEAD for a path it Has. Headers that stand in w already
// are replaced where the client needs others.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.at(r.URL.Path)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	for name, values := range f.header {
		h[name] = values
	}
	if f.header.Get("Content-Type") == types[".html"] {
		pageHeaders(h, r.URL.Path)
	}
	content := f.content
	if acceptsGzip(r.Header) && f.zipped() != nil {
		content = f.zipped()
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", strings.TrimSuffix(f.header.Get("ETag"), `"`)+`-gz"`)
	}
	if matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // who went away misses nothing
	}
}

// matches is If-None-Match (RFC 9110, section 13.1.2), which compares weakly.
func matches(field, tag string) bool {
	for one := range strings.SplitSeq(field, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding as far as that (RFC 9110, section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, field := range h.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(field, ",") {
			coding, params, err := mime.ParseMediaType("x/" + strings.TrimSpace(one))
			if err == nil && coding == "x/gzip" {
				q, err := strconv.ParseFloat(params["q"], 64)
				return params["q"] == "" || err == nil && q > 0
			}
		}
	}
	return false
}
