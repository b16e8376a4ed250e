package s3_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/filestore/packs"
	"sealpost/filestore/packs/memindex"
	"sealpost/storage/s3"
	"sealpost/storage/s3/s3test"
)

// shared is the S3 server of all tests; each has buckets of its own.
var shared struct {
	*s3test.Gateway
	err error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "s3-")
	if err != nil {
		panic(err)
	}
	status := func() int {
		defer os.RemoveAll(dir)
		if shared.Gateway, shared.err = s3test.Start(filepath.Join("..", ".."), dir); shared.err == nil {
			defer shared.Stop()
		}
		return m.Run()
	}()
	os.Exit(status)
}

// provider is one endpoint, through a proxy that does as if it failed.
type provider struct {
	s3.Endpoint
	client  *minio.Client
	server  *httptest.Server
	through func(http.ResponseWriter, *http.Request) // to the gateway

	mu    sync.Mutex
	fault fault
	count map[string]int // requests that came, by method
	heard bytes.Buffer   // request lines and headers
	sent  int64          // octets of answers
}

// fault answers a request itself, and says so, or lets it through.
type fault func(w http.ResponseWriter, r *http.Request) bool

// newProvider makes an empty bucket.
func newProvider(t testing.TB, name string) *provider {
	t.Helper()
	if shared.err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(shared.err)
		}
		t.Skip(shared.err)
	}
	var raw [8]byte
	rand.Read(raw[:])
	bucket := "b" + hex.EncodeToString(raw[:])
	p := &provider{count: map[string]int{}}
	p.through = shared.Proxy(func(err error) { t.Logf("gateway: %v", err) }).ServeHTTP
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.intercept(w, r) {
			p.through(&counted{ResponseWriter: w, p: p}, r)
		}
	}))
	t.Cleanup(p.server.Close)
	p.Endpoint = s3.Endpoint{Name: name, Provider: name, Jurisdiction: "land-of-" + name, URL: p.server.URL, Bucket: bucket,
		AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, PathStyle: true}
	u, _ := url.Parse(p.server.URL)
	var err error
	p.client, err = minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// counted counts the octets of an answer.
type counted struct {
	http.ResponseWriter
	p *provider
}

func (c *counted) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	c.p.sent += int64(len(b))
	c.p.mu.Unlock()
	return c.ResponseWriter.Write(b)
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (p *provider) intercept(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	f := p.fault
	p.count[r.Method]++
	fmt.Fprintf(&p.heard, "%s %s %v\n", r.Method, r.URL, r.Header)
	p.mu.Unlock()
	return f != nil && f(w, r)
}

// fails sets how the provider fails from now on; nil ends it.
func (p *provider) fails(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

func (p *provider) requests(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[method]
}

// objects lists the names of what is in the bucket.
func (p *provider) objects(t testing.TB) (list []string) {
	t.Helper()
	for o := range p.client.ListObjectsIter(t.Context(), p.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		list = append(list, o.Key)
	}
	return list
}

// lose removes an object behind our back.
func (p *provider) lose(t testing.TB, name string) {
	t.Helper()
	if err := p.client.RemoveObject(t.Context(), p.Bucket, name, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

// file is an object's octets on the provider's disk, to be damaged there.
func (p *provider) file(name string) string {
	return filepath.Join(shared.Root, p.Bucket, filepath.FromSlash(name))
}

// house is an engine over some providers, with what a test wants to look at.
type house struct {
	*s3.Blobs
	index     *memindex.Index
	providers []*provider
	clock     *clock
	log       *logged
	rules     map[string]s3.Rule
	o         s3.Options
}

// clock goes on by itself and can be put forward.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// logged keeps what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// quick are options under which faults do not make a test long.
var quick = s3.Options{Try: 2 * time.Second, Backoff: 2 * time.Millisecond, Wait: 2 * time.Millisecond, Sick: 50 * time.Millisecond}

// build makes an engine over providers of those names, of which each object has so many copies.
func build(t testing.TB, o s3.Options, rule s3.Rule, names ...string) *house {
	t.Helper()
	h := &house{index: memindex.New(), clock: &clock{}, log: &logged{}, rules: map[string]s3.Rule{"": rule}, o: o}
	for _, name := range names {
		h.providers = append(h.providers, newProvider(t, name))
	}
	h.index.Now = h.clock.now
	h.o.Now, h.o.Log = h.clock.now, slog.New(slog.NewTextHandler(h.log, nil))
	h.open(t)
	return h
}

// open makes the engine anew over what is there.
func (h *house) open(t testing.TB) {
	t.Helper()
	if h.Blobs != nil {
		h.Blobs.Close()
	}
	var endpoints []s3.Endpoint
	for _, p := range h.providers {
		endpoints = append(endpoints, p.Endpoint)
	}
	b, err := s3.New(t.Context(), h.index, endpoints, h.rules, h.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	h.Blobs = b
}

// round lets a worker do one round.
func (h *house) round(t testing.TB) error {
	t.Helper()
	w := &s3.Worker{Blobs: h.Blobs, Leases: h.index, Log: h.o.Log}
	return w.Round(t.Context())
}

// all lists the objects that the index knows.
func (h *house) all(t testing.TB) (list []packs.Object) {
	t.Helper()
	for o, err := range h.index.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return list
}

// short counts the objects with a repair note.
func (h *house) short(t testing.TB) (n int) {
	t.Helper()
	for _, o := range h.all(t) {
		if o.Short {
			n++
		}
	}
	return n
}
