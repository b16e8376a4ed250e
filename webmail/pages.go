package webmail

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"sync"
)

//go:embed pages
var pageFiles embed.FS

// pages are the templates, the style that stands in each of them, and the policy
// that lets nothing but this style and forms to ourselves work.
type pages struct {
	templates *template.Template
	style     template.CSS
	policy    string
}

// thePages is made once; nothing changes it.
var thePages = sync.OnceValue(func() pages {
	css, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic(err) // it is compiled in
	}
	sum := sha256.Sum256(css)
	return pages{
		templates: template.Must(template.ParseFS(pageFiles, "pages/*.html")),
		style:     template.CSS(css),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	}
})

// page is what a template shows.
type page struct {
	Style    template.CSS
	Title    string
	Host     string // the mail domain or the server
	Hostname string
	Ports    Ports
	Profile  string // place of the Apple profile
	Example  string // domain part for an example address
	Status   int
	Text     string
	Home     bool // there is a start page on this host
}

func (p page) show(w http.ResponseWriter, status int, name string) {
	all := thePages()
	p.Style, p.Status = all.style, status
	var b bytes.Buffer
	if err := all.templates.ExecuteTemplate(&b, name, p); err != nil {
		writeText(w, http.StatusInternalServerError, tryLater)
		return
	}
	w.Header().Set("Content-Security-Policy", all.policy)
	write(w, status, "text/html; charset=utf-8", b.Bytes())
}

// setup is the page that says what this server is and how mail programs are set up.
func (d *Door) setup(w http.ResponseWriter, r *http.Request, s site) {
	host, example := s.domain, s.domain
	if host == "" {
		host = d.Hostname
	}
	if example == "" {
		example = "your-domain.example"
	}
	page{Title: host, Host: host, Hostname: d.Hostname, Ports: d.Ports, Profile: profilePlace, Example: example}.show(w, http.StatusOK, "setup.html")
}

// faults say in words what a status means to a person.
var faults = map[int][2]string{
	http.StatusBadRequest:       {"That could not be understood", "The question that reached this server was incomplete. Go back and try it once more."},
	http.StatusNotFound:         {"Nothing is here", "There is no page at this place, or it is not for this name."},
	http.StatusMethodNotAllowed: {"Not in this way", "This place exists, but it does not take questions of this kind."},
}

// showError is a page that says the same whoever asks.
func showError(w http.ResponseWriter, r *http.Request, status int) {
	text, ok := faults[status]
	if !ok {
		text = [2]string{"Something went wrong", "Please try again later."}
	}
	sub, _, _ := strings.Cut(r.Host, ".")
	page{Title: text[0], Text: text[1], Home: !subs[strings.ToLower(sub)]}.show(w, status, "error.html")
}
