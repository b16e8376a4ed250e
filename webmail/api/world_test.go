package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/postgres"
)

var testTime = time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// world is an API over real stores, with accounts alice@ and bob@demo.test.
type world struct {
	t testing.TB
	*API
	db         database
	folder     string
	logs       logBuffer
	clock      time.Time
	mu         sync.Mutex // guards clock
	alice, bob account.Account
	handler    http.Handler
}

// database is what rooms ask of one.
type database interface {
	Index() mailstore.Index
	Accounts() account.Store
	SignIns() signin.Store
	Cabinet() cabinet.Store
	Drive() drive.Store
}

// engines are those of a folder, or, within TestOnCluster, those of many nodes.
func engines(w *world, dir string) (database, filestore.Blobs) {
	w.t.Helper()
	if c := cluster.Load(); c.For(w.t) {
		return c.Take(w.t, postgres.Options{Now: w.now})
	}
	db := must(bolt.Open(filepath.Join(dir, "index.db"), bolt.Options{Now: w.now}))
	w.t.Cleanup(func() { db.Close() })
	blobs := must(disk.Open(filepath.Join(dir, "blobs"), disk.Options{}))
	w.t.Cleanup(func() { blobs.Close() })
	return db, blobs
}

// logBuffer is what was logged, at every level.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

var testKeys = sync.OnceValue(func() [2][]byte {
	_, a, err := pgp.GenerateKey("Alice", "alice@demo.test", pgp.Compat, testTime.AddDate(-1, 0, 0))
	must(a, err)
	_, b, err := pgp.GenerateKey("Bob", "bob@demo.test", pgp.Compat, testTime.AddDate(-1, 0, 0))
	return [2][]byte{a, must(b, err)}
})

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: testTime}
	dir := t.TempDir()
	w.folder = dir
	log := slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var blobs filestore.Blobs
	w.db, blobs = engines(w, dir)
	book := account.NewBook(w.db.Accounts(), []string{"demo.test"}, bytes.Repeat([]byte{7}, 32), w.now)
	w.API = &API{
		Hostname: "mail.demo.test",
		Version:  "test",
		Book:     book,
		Store:    &mailstore.Store{Index: w.db.Index(), Blobs: blobs, Bus: new(notify.Bus), Log: log, Now: w.now},
		Throttle: account.NewThrottle(account.DefaultPaces(), w.now),
		Log:      log,
		Now:      w.now,
	}
	w.API.Cabinet = &cabinet.Cabinet{Store: w.db.Cabinet(), Blobs: blobs, Bus: w.Store.Bus, Log: log}
	w.Files = newDrive(w, blobs)
	w.SignIns = &signin.Desk{
		Store: w.db.SignIns(), Book: book, Throttle: w.Throttle, Key: nodekey.Random(), Secret: bytes.Repeat([]byte{8}, 32),
		Welcome: func(ctx context.Context, a account.Account) error {
			return w.Store.Welcome(ctx, mailstore.Owner(a.ID), a.Quota)
		},
		Log: log, Now: w.now, Bus: w.Store.Bus,
	}
	book.Bus = w.Store.Bus
	w.alice, w.bob = w.open("alice@demo.test", testKeys()[0]), w.open("bob@demo.test", testKeys()[1])
	w.handler = w.Handler()
	return w
}

func (w *world) open(address string, key []byte) account.Account {
	w.t.Helper()
	a := must(w.Book.Add(w.t.Context(), account.New{
		Address: must(mail.ParseAddress(address)), Cert: must(pgp.ParseCert(key)), Profile: pgp.Compat, Level: pgp.Baseline,
	}))
	if err := w.Store.Welcome(w.t.Context(), mailstore.Owner(a.ID), 0); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// password is an app password with scopes.
func (w *world) password(a account.Account, name string, scopes ...string) string {
	w.t.Helper()
	return must(w.Book.MakePassword(w.t.Context(), a.ID, account.NewPassword{Name: name, Scopes: scopes})).Reveal()
}

// ask makes a request as a program does; its path is below Place, and a body that is
// no string or bytes is sent as JSON.
func (w *world) ask(method, path string, body any, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, w.request(method, path, body, edit...))
	return rec
}

func (w *world) request(method, path string, body any, edit ...func(*http.Request)) *http.Request {
	w.t.Helper()
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
		kind = ""
	case string:
		content = strings.NewReader(b)
	case []byte:
		content, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		content = bytes.NewReader(must(json.Marshal(b)))
	}
	r := httptest.NewRequest(method, "https://mail.demo.test"+Place+path, content)
	r.TLS, r.RemoteAddr = &tls.ConnectionState{Version: tls.VersionTLS13}, "192.0.2.9:40000"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

func basic(address, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(address, password) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// read decodes an answer that must have a status.
func read[V any](t testing.TB, rec *httptest.ResponseRecorder, status int) (v V) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	return v
}

// expect checks that an answer is a problem.
func expect(t testing.TB, rec *httptest.ResponseRecorder, status int, word string) Problem {
	t.Helper()
	if kind := rec.Header().Get("Content-Type"); kind != problemType {
		t.Errorf("a problem of type %q: %d %s", kind, rec.Code, rec.Body)
	}
	p := read[Problem](t, rec, status)
	if p.Type != problemURN+word || p.Status != status || p.Title == "" {
		t.Errorf("problem %+v, want %s", p, word)
	}
	return p
}

// mustNotLog fails if any of these stands in the log.
func (w *world) mustNotLog(words ...string) {
	w.t.Helper()
	for _, word := range words {
		if strings.Contains(w.logs.String(), word) {
			w.t.Errorf("the log has %q: %s", word, w.logs.String())
		}
	}
}
