package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// Endpoint is one bucket of one provider.
type Endpoint struct {
	Name         string // in the index and in logs; it is never given to another bucket
	Provider     string // who runs it
	Jurisdiction string // under whose law it is
	URL          string // https://host[:port]; http to this machine only
	Bucket       string
	Region       string // us-east-1
	AccessKey    string
	SecretKey    Secret
	PathStyle    bool              // the bucket stands in the path, not in the host's name
	Requests     int               // at once; 64
	Transport    http.RoundTripper // the machine's; tests have others
}

// Secret is a key that does not show itself.
type Secret string

func (Secret) String() string       { return "[withheld]" }
func (Secret) GoString() string     { return "[withheld]" }
func (Secret) LogValue() slog.Value { return slog.StringValue("[withheld]") }

// endpoint speaks to one bucket, one request at a time for each slot.
type endpoint struct {
	Endpoint
	o         Options
	core      minio.Core
	transport idler
	prefix    string // of the names of all objects
	slots     chan struct{}
	health    health
}

type idler interface{ CloseIdleConnections() }

func (b *Blobs) connect(e Endpoint) error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
		return errors.New("URL must be https://host[:port]")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return errors.New("URL must begin with https://")
	}
	if e.Name == "" || e.Provider == "" || e.Bucket == "" || b.endpoints[e.Name] != nil {
		return errors.New("name, provider and bucket must be set, and the name be its own")
	}
	e.Requests = bounded(e.Requests, 64, 1024)
	transport := e.Transport
	if transport == nil {
		transport = newTransport(e.Requests, b.o.Try)
	}
	lookup := minio.BucketLookupDNS
	if e.PathStyle {
		lookup = minio.BucketLookupPath
	}
	if e.Region == "" {
		e.Region = "us-east-1"
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(e.AccessKey, string(e.SecretKey), ""),
		Secure: u.Scheme == "https", Transport: transport, Region: e.Region,
		BucketLookup: lookup, MaxRetries: 1, // we try again ourselves
	})
	if err != nil {
		return errors.New("no client can be made with these settings")
	}
	b.endpoints[e.Name] = &endpoint{
		Endpoint: e, o: b.o, core: *core, transport: &http.Client{Transport: transport},
		prefix: hex.EncodeToString(b.store.ID[:]) + "/",
		slots:  make(chan struct{}, e.Requests),
		health: health{now: b.o.Now, first: b.o.Sick},
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func newTransport(requests int, try time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: try / 2}).DialContext,
		TLSHandshakeTimeout:    try / 2,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    requests,
		MaxConnsPerHost:        requests,
		DisableCompression:     true,
		ForceAttemptHTTP2:      false, // one lost packet would hold up all requests
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func (e *endpoint) name(key packs.Key) string { return e.prefix + key.String() }

// once makes one request that carries that many octets either way, in its slot and its time.
func (e *endpoint) once(ctx context.Context, octets int, request func(context.Context) error) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	leave := e.health.enter()
	timed, cancel := context.WithTimeout(ctx, e.o.Try+time.Duration(octets>>20)*time.Second)
	defer cancel()
	err := asAnswer(request(timed))
	switch {
	case ctx.Err() != nil:
		leave(untold)
		return ctx.Err()
	case err == nil, !worthAnother(err) && !errors.Is(err, errRefused):
		leave(answered)
	case timed.Err() != nil:
		leave(hung)
	default:
		leave(failed)
	}
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", e.Name, err)
	}
	return nil
}

const tries = 3

// persist makes a request again while that may help.
func (e *endpoint) persist(ctx context.Context, octets int, request func(context.Context) error) (err error) {
	for i := range tries {
		if i > 0 {
			if err := pause(ctx, e.o.Backoff<<(i-1)); err != nil {
				return err
			}
		}
		if err = e.once(ctx, octets, request); err == nil || !worthAnother(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// lent is a body that a request reads from until it is over. A request that was given up may
// go on reading for a while, and the memory is needed for something else.
type lent struct {
	mu   sync.Mutex
	r    *bytes.Reader
	over bool
}

func lend(b []byte) *lent { return &lent{r: bytes.NewReader(b)} }

func (l *lent) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, io.ErrClosedPipe
	}
	return l.r.Read(p)
}

func (l *lent) Seek(off int64, whence int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Seek(off, whence)
}

func (l *lent) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// digests are the sums of a body that the endpoint checks on arrival.
func digests(body []byte) (md5Base64, sha256Hex string) {
	m, s := md5.Sum(body), sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(m[:]), hex.EncodeToString(s[:])
}

// putOptions say that an object that is there is never written over.
func putOptions() minio.PutObjectOptions {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	o.SetMatchETagExcept("*")
	return o
}

// put stores an object. That it is there already is no error when it is the same: an earlier
// try may have come through and its answer not.
func (e *endpoint) put(ctx context.Context, key packs.Key, body []byte) error {
	m, s := digests(body)
	err := e.persist(ctx, len(body), func(ctx context.Context) error {
		sent := lend(body)
		defer sent.end()
		stored, err := e.core.PutObject(ctx, e.Bucket, e.name(key), sent, int64(len(body)), m, s, putOptions())
		return tagged(stored.ETag, err)
	})
	switch {
	case errors.Is(err, errExists):
		return e.same(ctx, key, body)
	case err != nil && worthAnother(err) && !errors.Is(err, errLate) && ctx.Err() == nil && e.stands(ctx, key, body):
		return nil
	}
	return err
}

// stands says whether an object is there as it should be. A server may refuse to write it over
// before it has read the request, and end the connection: the client sees the end alone.
func (e *endpoint) stands(ctx context.Context, key packs.Key, body []byte) bool {
	there := make([]byte, len(body))
	return e.read(ctx, key, 0, there) == nil && bytes.Equal(there, body)
}

// tagged takes no answer for a success that does not have what S3 answers.
func tagged(etag string, err error) error {
	if err == nil && etag == "" {
		return errNotS3
	}
	return err
}

// same says by an error when an object is not what it should be.
func (e *endpoint) same(ctx context.Context, key packs.Key, body []byte) error {
	there := make([]byte, len(body))
	if err := e.persist(ctx, len(body), e.reading(key, 0, there)); err != nil {
		return err
	}
	if !bytes.Equal(there, body) {
		return fmt.Errorf("endpoint %s: another object has the key %s", e.Name, key)
	}
	return nil
}

// read fills p with an object's octets from off on, by one request.
func (e *endpoint) read(ctx context.Context, key packs.Key, off int64, p []byte) error {
	return e.once(ctx, len(p), e.reading(key, off, p))
}

func (e *endpoint) reading(key packs.Key, off int64, p []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		var o minio.GetObjectOptions
		end := off + int64(len(p)) - 1
		o.Set("Range", fmt.Sprintf("bytes=%d-%d", off, end))
		body, _, header, err := e.core.GetObject(ctx, e.Bucket, e.name(key), o)
		if err != nil {
			return err
		}
		defer body.Close()
		if !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/", off, end)) {
			return fmt.Errorf("another range came back: %w", filestore.ErrCorrupt)
		}
		_, err = io.ReadFull(body, p)
		return err
	}
}

// size asks how long an object is.
func (e *endpoint) size(ctx context.Context, key packs.Key) (size int64, err error) {
	err = e.persist(ctx, 0, func(ctx context.Context) error {
		info, err := e.core.StatObject(ctx, e.Bucket, e.name(key), minio.StatObjectOptions{})
		size = info.Size
		return err
	})
	return size, err
}

// remove removes an object; that it is gone already is no error.
func (e *endpoint) remove(ctx context.Context, key packs.Key) error {
	err := e.persist(ctx, 0, func(ctx context.Context) error {
		return e.core.RemoveObject(ctx, e.Bucket, e.name(key), minio.RemoveObjectOptions{})
	})
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}
