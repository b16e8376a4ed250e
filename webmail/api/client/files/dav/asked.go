package dav

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/sealed"
)

// asked is one request: what the file system must know of it beyond names, and what went
// wrong there, since the handler between us answers all that in one way.
type asked struct {
	method   string
	length   int64 // of the body; -1: nobody knows
	modified int64 // that the client gives; 0: none
	from, to int64 // the range that is wanted; to -1: to the end
	matches  func(there bool, etag string) bool
	source   []string // of COPY and MOVE
	control  *http.ResponseController
	replaced bool // what was there is an older version now

	mu  sync.Mutex
	err error
}

type askedKey struct{}

func askedOf(ctx context.Context) *asked {
	a, ok := ctx.Value(askedKey{}).(*asked)
	if !ok {
		return &asked{length: -1, to: -1}
	}
	return a
}

func newAsked(w http.ResponseWriter, r *http.Request) *asked {
	a := &asked{method: r.Method, length: r.ContentLength, control: http.NewResponseController(w)}
	a.from, a.to = span(r.Header.Get("Range"))
	return a
}

// failed keeps the first thing that went wrong, and returns it. That a name leads nowhere
// is often what was to be found out.
func (a *asked) failed(err error) error {
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
	}
	return err
}

func (a *asked) fault() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// span reads one range of bytes (RFC 9110, section 14.1.2), as a hint how far to fetch
// by one request. What it does not know is all.
func span(header string) (from, to int64) {
	one, ok := strings.CutPrefix(header, "bytes=")
	a, b, dashed := strings.Cut(one, "-")
	from, err := strconv.ParseInt(a, 10, 64)
	if !ok || !dashed || err != nil || from < 0 {
		return 0, -1
	}
	if to, err = strconv.ParseInt(b, 10, 64); err != nil || to < from || to == 1<<63-1 {
		return from, -1
	}
	return from, to + 1
}

const finite = `<?xml version="1.0" encoding="utf-8"?><D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>`

// look refuses what the handler would take, and says what it means where it is silent.
func (b *Bridge) look(a *asked, r *http.Request) *refusal {
	if no := b.lookAtIf(r); no != nil {
		return no
	}
	switch r.Method {
	case "PROPFIND":
		if d := r.Header.Get("Depth"); d != "0" && d != "1" {
			return &refusal{http.StatusForbidden, finite}
		}
		return b.lookAtList(r)
	case "LOCK":
		r.Header.Set("Timeout", lockTime(r.Header.Get("Timeout")))
	case "COPY", "MOVE":
		return b.lookAtMove(a, r)
	case "PUT":
		return a.lookAtPut(r)
	}
	if r.Method != "PUT" && r.ContentLength > mostXML {
		return tooLong
	}
	return nil
}

// lookAtList reads a folder before the handler says that there is a list of it.
func (b *Bridge) lookAtList(r *http.Request) *refusal {
	if r.ContentLength > mostXML {
		return tooLong
	}
	names, err := split(r.URL.Path)
	if err == nil {
		var at place
		if at, err = b.tree.find(r.Context(), names); err == nil && at.there && at.entry.Kind == sealed.IsFolder {
			_, err = b.tree.read(r.Context(), at.entry.ID)
		}
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	status, text := statusOf(err)
	return &refusal{status, text}
}

var tooLong = &refusal{http.StatusRequestEntityTooLarge, "Expected at most 64 KiB of XML."}

// lookAtXML refuses a prefix that is bound to no namespace ("Namespaces in XML", section
// 2.2; RFC 4918, section 8.2): the handler would take it for none. What cannot be read is
// the handler's to refuse.
func lookAtXML(r *http.Request) *refusal {
	if !slices.Contains([]string{"PROPFIND", "PROPPATCH", "LOCK"}, r.Method) {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil // and comes again to the handler
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		t, err := d.Token()
		if err != nil {
			return nil
		}
		e, _ := t.(xml.StartElement)
		if slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Space == "xmlns" && a.Value == "" }) {
			return &refusal{http.StatusBadRequest, "Expected a namespace behind each prefix."}
		}
	}
}

var taggedIf = regexp.MustCompile(`\[((?:W/)?"[^"]*")\]`)

// lookAtIf refuses what names states of a file (RFC 4918, section 10.4) of which none is
// what is there: the handler reads locks alone in it.
func (b *Bridge) lookAtIf(r *http.Request) *refusal {
	named := taggedIf.FindAllStringSubmatch(r.Header.Get("If"), 100)
	if len(named) == 0 {
		return nil
	}
	names, err := split(r.URL.Path)
	if err != nil {
		return &refusal{http.StatusBadRequest, errName.Error()}
	}
	at, err := b.tree.find(r.Context(), names)
	if err == nil && at.there && slices.ContainsFunc(named, func(m []string) bool { return m[1] == etag(at.entry) }) {
		return nil
	}
	return &refusal{http.StatusPreconditionFailed, errMatch.Error()}
}

// lookAtMove refuses what would go into itself: the handler removes what is at the
// destination first.
func (b *Bridge) lookAtMove(a *asked, r *http.Request) *refusal {
	to, err := url.Parse(r.Header.Get("Destination"))
	if err != nil || to.Path == "" {
		return &refusal{http.StatusBadRequest, "Expected a Destination."}
	}
	from, err1 := split(r.URL.Path)
	into, err2 := split(to.Path)
	if err1 != nil || err2 != nil {
		return &refusal{http.StatusBadRequest, errName.Error()}
	}
	if r.Header.Get("Overwrite") == "" {
		r.Header.Set("Overwrite", "T") // RFC 4918, section 10.6
	}
	a.source = from
	same := begins(from, into) && begins(into, from)
	if (begins(from, into) || begins(into, from)) && (!same || r.Method == "COPY") {
		return &refusal{http.StatusForbidden, "Expected another place: nothing goes into or over itself."}
	}
	return nil
}

// begins says whether a path leads through, or to, another.
func begins(path, with []string) bool {
	if len(path) < len(with) {
		return false
	}
	for i, name := range with {
		if !sealed.SameName(path[i], name) {
			return false
		}
	}
	return true
}

func (a *asked) lookAtPut(r *http.Request) *refusal {
	if r.Header.Get("Content-Range") != "" { // RFC 9110, section 14.5
		return &refusal{http.StatusBadRequest, "Expected all of a file, not a range."}
	}
	if a.length > sealed.MaxLength {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("Expected at most %d bytes.", int64(sealed.MaxLength))}
	}
	a.modified = moment(r.Header.Get("X-OC-Mtime"))
	a.matches = conditions(r.Header.Get("If-Match"), r.Header.Get("If-None-Match"))
	return nil
}

// moment reads Unix seconds, with a fraction or not, as Unix milliseconds.
func moment(text string) int64 {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0 && seconds < 1<<40) {
		return 0
	}
	return int64(seconds * 1000)
}

// conditions are those of RFC 9110, section 13.1, for what is to be written.
func conditions(match, none string) func(bool, string) bool {
	among := func(list, etag string) bool {
		for one := range strings.SplitSeq(list, ",") {
			if one = strings.TrimSpace(one); one == "*" || one == etag {
				return true
			}
		}
		return false
	}
	return func(there bool, etag string) bool {
		if match != "" && !(there && among(match, etag)) {
			return false
		}
		return none == "" || !there || !among(none, etag)
	}
}

// request is the one that the handler gets.
func (a *asked) request(r *http.Request) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), askedKey{}, a))
	left := int64(mostXML)
	if r.Method == "PUT" {
		left = sealed.MaxLength
	}
	r.Body = &body{ReadCloser: r.Body, a: a, left: left}
	return r
}

var (
	errBroken = errors.New("the body broke off")
	errBody   = errors.New("the body is too long")
)

// body remembers that it broke off, so that half of a file is not taken for a file.
type body struct {
	io.ReadCloser
	a    *asked
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.a.control.SetReadDeadline(time.Now().Add(idle))
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.a.failed(errBody)
	}
	if err != nil { // a deadline would end the request whose body came whole
		_ = b.a.control.SetReadDeadline(time.Time{})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.a.failed(fmt.Errorf("%w: %w", errBroken, err))
	}
	return n, err
}

// end gives the connection its patience back.
func (a *asked) end() {
	_ = a.control.SetReadDeadline(time.Time{})
	_ = a.control.SetWriteDeadline(time.Time{})
}
