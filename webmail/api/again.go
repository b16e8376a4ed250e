package api

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A client that did not hear the answer to a change asks once more, under the same
// Idempotency-Key: it then gets the answer that there was, and nothing is done twice.

const (
	rememberFor   = 10 * time.Minute
	rememberBytes = 8 << 20  // of all answers
	rememberEach  = 64 << 10 // of one; a larger one is not remembered
	longestKey    = 128
	digestedBody  = 1 << 20
	mostDeclared  = 1 << 10 // of what a stranger declares
	dropsPath     = Place + "/drops/"
)

// memory holds answers of the last minutes, the oldest first.
type memory struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[[sha256.Size]byte]*remembered
	order []*remembered
	bytes int
}

type remembered struct {
	id     [sha256.Size]byte
	asked  [sha256.Size]byte // what was asked under this key
	until  time.Time
	done   bool
	status int
	header http.Header
	body   []byte
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, known: map[[sha256.Size]byte]*remembered{}}
}

// repeatable does a change once per key, caller and while it is remembered.
func (a *API) repeatable(w http.ResponseWriter, r *http.Request, do http.HandlerFunc) {
	key, again, place := r.Header.Get("Idempotency-Key"), a.again, ""
	c, known := maybe(r.Context())
	if !known && brings(r) {
		known, again, place = true, a.brought, r.URL.Path // strangers push no account's answers out
	}
	if key == "" || !known || !unsafe(r.Method) {
		do(w, r)
		return
	}
	if len(key) > longestKey {
		write(w, badInput("Idempotency-Key: expected at most %d characters", longestKey))
		return
	}
	asked, err := digest(r)
	if err != nil {
		write(w, a.problemOf(r.Context(), "idempotency", err))
		return
	}
	mine, before := again.begin(sumOf(string(c.ID), c.Session, c.Password, key, place), asked)
	switch {
	case before == nil:
		answer := &copied{ResponseWriter: w}
		defer func() { again.end(mine, answer) }() // a panic, too, ends it
		do(answer, r)
	case before.asked != asked:
		write(w, problem(http.StatusUnprocessableEntity, "key-reused", "Another request had this Idempotency-Key"))
	case !before.done:
		write(w, problem(http.StatusConflict, "in-progress", "The request of this Idempotency-Key is still being done"))
	default:
		before.replay(w)
	}
}

// brings says whether a stranger declares a file by an upload request: his key counts for
// that request alone, and whoever has the request could declare files anyway. What is
// long is none of it.
func brings(r *http.Request) bool {
	id, ours := strings.CutPrefix(r.URL.Path, dropsPath)
	_, what, _ := strings.Cut(id, "/")
	return ours && what == "files" && r.Method == http.MethodPost && r.ContentLength > 0 && r.ContentLength <= mostDeclared
}

// digest is of what is asked. The body counts as far as it is short and of known
// length: mail that is uploaded is not read twice for this.
func digest(r *http.Request) (sum [sha256.Size]byte, err error) {
	var body []byte
	if r.ContentLength > 0 && r.ContentLength <= digestedBody {
		if body, err = io.ReadAll(io.LimitReader(r.Body, digestedBody)); err != nil {
			return sum, err
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{bytes.NewReader(body), r.Body}
	}
	inner := sha256.Sum256(body)
	return sumOf(r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("If-Match"), string(inner[:])), nil
}

func sumOf(parts ...string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, p := range parts {
		one := sha256.Sum256([]byte(p))
		h.Write(one[:])
	}
	h.Sum(sum[:0])
	return sum
}

// begin claims a key, or finds a copy of what is known of it.
func (m *memory) begin(id, asked [sha256.Size]byte) (mine, before *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	if b := m.known[id]; b != nil {
		found := *b
		return nil, &found
	}
	mine = &remembered{id: id, asked: asked, until: m.now().Add(rememberFor)}
	m.known[id] = mine
	m.order = append(m.order, mine)
	m.bytes += costOf(mine)
	return mine, nil
}

// end keeps an answer that would come again; of any other the next try is a new one.
func (m *memory) end(mine *remembered, answer *copied) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[mine.id] != mine {
		return // forgotten meanwhile
	}
	status := answer.status
	if status == 0 || status >= 500 || answer.over || status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
		delete(m.known, mine.id)
		return
	}
	m.bytes -= costOf(mine)
	mine.done, mine.status, mine.header, mine.body = true, status, answer.header, answer.body
	m.bytes += costOf(mine)
}

// forget drops what is old, and the oldest where it is too much. Called with mu held.
func (m *memory) forget() {
	now := m.now()
	for len(m.order) > 0 && (now.After(m.order[0].until) || m.bytes > rememberBytes) {
		oldest := m.order[0]
		m.order = m.order[1:]
		m.bytes -= costOf(oldest)
		if m.known[oldest.id] == oldest {
			delete(m.known, oldest.id)
		}
	}
}

func costOf(r *remembered) int { return 512 + len(r.body) }

func (b *remembered) replay(w http.ResponseWriter) {
	for name, values := range b.header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body)
}

// copied keeps what is answered, up to a bound.
type copied struct {
	http.ResponseWriter
	status int
	header http.Header
	body   []byte
	over   bool
}

func (c *copied) WriteHeader(status int) {
	if c.status == 0 && status >= 200 {
		c.status, c.header = status, http.Header{}
		for _, name := range []string{"Content-Type", "ETag", "Location"} {
			if v := c.Header().Values(name); v != nil {
				c.header[name] = v
			}
		}
		c.over = c.Header().Get("Set-Cookie") != "" // a cookie is told once
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *copied) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	if len(c.body)+len(p) > rememberEach {
		c.over, c.body = true, nil
	} else if !c.over {
		c.body = append(c.body, p...)
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }
