package ordering_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
	"sealpost/storage/s3"
	"sealpost/storage/s3/s3test"
	"sealpost/test/bridge"
	"sealpost/test/ordering"
	"sealpost/test/plain"
)

var long = flag.Bool("long", false, "run for minutes, with other seeds")

// gateway is the S3 server of all tests.
var gateway struct {
	*s3test.Gateway
	err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "ordering-")
	if err != nil {
		panic(err)
	}
	status := func() int {
		defer os.RemoveAll(dir)
		if gateway.Gateway, gateway.err = s3test.Start(filepath.Join("..", ".."), dir); gateway.err == nil {
			defer gateway.Stop()
		}
		return m.Run()
	}()
	pgtest.Stop()
	os.Exit(status)
}

// owner is whose mail it is.
type owner struct {
	address  string
	password string
	id       account.ID
	secret   *pgp.SecretKeys
	tls      *tls.Config // of clients
	identity tls.Certificate
}

// open is how the owner's client reads a mail as it is served.
func (o *owner) open(served string) (string, error) {
	var out strings.Builder
	_, err := pgp.Opener{Keys: o.secret, Restore: true}.Open(context.Background(), strings.NewReader(served), &out)
	return out.String(), err
}

// site is what all nodes share.
type site struct {
	*testing.T
	cluster *pgtest.Cluster
	buckets []provider
	owner   *owner
	nodes   []*node
}

// provider is a bucket and the server that has it.
type provider struct {
	name, bucket, address string
}

// node is one server of the site: engines over bridges of its own, and IMAP.
type node struct {
	name    string
	to      *bridge.Bridge   // the database
	buckets []*bridge.Bridge // each provider
	db      *postgres.DB
	bus     *notify.Bus
	store   *mailstore.Store
	book    *account.Book
	address string
	owner   *owner
}

// build makes a site of so many nodes over a database of the test's own and two providers.
func build(t *testing.T, nodes int) *site {
	t.Helper()
	if gateway.err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(gateway.err)
		}
		t.Skip(gateway.err)
	}
	s := &site{T: t, cluster: pgtest.Start(t)}
	for _, name := range []string{"east", "west"} {
		s.buckets = append(s.buckets, s.provider(name))
	}
	certificate, pool, err := plain.SelfSigned()
	s.must(err)
	s.owner = &owner{address: "alice@demo.test", identity: certificate, tls: &tls.Config{RootCAs: pool, ServerName: "localhost"}}
	for i := range nodes {
		s.nodes = append(s.nodes, s.node(fmt.Sprintf("n%d", i+1)))
	}
	s.enrol()
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// provider makes an empty bucket at a server of its own.
func (s *site) provider(name string) provider {
	s.Helper()
	var raw [8]byte
	rand.Read(raw[:])
	server := httptest.NewServer(gateway.Proxy(func(error) {}))
	s.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	s.must(err)
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	s.must(err)
	p := provider{name, "b" + hex.EncodeToString(raw[:]), u.Host}
	s.must(client.MakeBucket(s.Context(), p.bucket, minio.MakeBucketOptions{}))
	return p
}

func (s *site) bridge(network, address string) *bridge.Bridge {
	s.Helper()
	b, err := bridge.New(network, address)
	s.must(err)
	s.Cleanup(func() { b.Close() })
	return b
}

// node starts a server.
func (s *site) node(name string) *node {
	s.Helper()
	n := &node{name: name, to: s.bridge("unix", s.cluster.Socket()), bus: &notify.Bus{}, owner: s.owner}
	ctx := context.Background()
	var err error
	n.db, err = postgres.Open(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", n.to.Port()), postgres.Options{Connections: 10})
	s.must(err)
	s.Cleanup(func() { n.db.Close() })
	n.store = &mailstore.Store{Index: n.db.Index(), Blobs: s.blobs(n), Bus: n.bus, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	n.book = account.NewBook(n.db.Accounts(), []string{"demo.test"}, []byte(strings.Repeat("s", 32)), time.Now)
	n.address = serve(s.T, &imap.Server{
		Book: n.book, Store: n.store, Throttle: account.NewThrottle(account.DefaultPaces(), time.Now),
		TLS: &tls.Config{Certificates: []tls.Certificate{s.owner.identity}}, Key: nodekey.Random(),
		Log: n.store.Log, Now: time.Now, Spool: s.TempDir(), Limits: imap.DefaultLimits,
	})
	return n
}

// blobs are the two providers as a node reaches them.
func (s *site) blobs(n *node) filestore.Blobs {
	s.Helper()
	var endpoints []s3.Endpoint
	for _, p := range s.buckets {
		b := s.bridge("tcp", p.address)
		n.buckets = append(n.buckets, b)
		endpoints = append(endpoints, s3.Endpoint{Name: p.name, Provider: p.name, Jurisdiction: "here", URL: "http://" + b.Address(), Bucket: p.bucket,
			AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, PathStyle: true})
	}
	blobs, err := s3.New(context.Background(), n.db.Packs(), endpoints, map[string]s3.Rule{"": {Copies: 2, Enough: 1}}, s3.Options{Try: 2 * time.Second})
	s.must(err)
	s.Cleanup(func() { blobs.Close() })
	return blobs
}

// serve runs an IMAP server until the test ends.
func serve(t *testing.T, server *imap.Server) (address string) {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(context.Background(), door, true) }()
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(stop); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, imap.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return door.Addr().String()
}

// enrol makes the account, through the first node.
func (s *site) enrol() {
	s.Helper()
	s.must(s.owner.join(s.nodes[0].book, s.nodes[0].store))
}

func (o *owner) join(book *account.Book, store *mailstore.Store) error {
	ctx := context.Background()
	secret, public, err := pgp.GenerateKey("", o.address, pgp.Compat, time.Now())
	if err != nil {
		return err
	}
	cert, err1 := pgp.ParseCert(public)
	keys, err2 := pgp.ParseSecretKeys(secret, nil)
	name, err3 := mail.ParseAddress(o.address)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	a, err := book.Add(ctx, account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	if err != nil {
		return err
	}
	password, err := book.AddPassword(ctx, a.ID, "test")
	if err != nil {
		return err
	}
	o.id, o.password, o.secret = a.ID, password.Reveal(), keys
	return store.Welcome(ctx, mailstore.Owner(a.ID), 0)
}

// bring delivers a mail as SMTP does: sealed, then stored.
func bring(ctx context.Context, book *account.Book, store *mailstore.Store, o *owner, text string) error {
	name, err := mail.ParseAddress(o.address)
	if err != nil {
		return err
	}
	a, err := book.Resolve(ctx, name)
	if err != nil {
		return err
	}
	to, err := book.Recipient(ctx, a)
	if err != nil {
		return err
	}
	raw := strings.NewReader(text)
	sealed, err := pgp.Seal(ctx, pgp.Mail{Bytes: raw, Gist: mail.Look(ctx, raw, mail.DefaultLimits), Time: time.Now()}, to)
	if err != nil {
		return err
	}
	_, err = store.Deliver(ctx, mailstore.Owner(a.ID), mailstore.Delivery{Box: "INBOX", Sealed: sealed, Received: time.Now()})
	return err
}

// world is the site as clients see it.
func (s *site) world(log *ordering.Log, seed uint64) *ordering.World {
	w := newWorld(s.owner, log, seed)
	for _, n := range s.nodes {
		w.Nodes = append(w.Nodes, ordering.Node{Name: n.name, Address: func() string { return n.address },
			Deliver: func(ctx context.Context, text string) error { return bring(ctx, n.book, n.store, n.owner, text) }})
	}
	return w
}

func newWorld(o *owner, log *ordering.Log, seed uint64) *ordering.World {
	return &ordering.World{User: o.address, Password: o.password, TLS: o.tls, Boxes: []string{"INBOX", "Archive"}, Log: log, Begun: time.Now(), Seed: seed, Most: 60}
}

// keepLog is a log in a file that stays when the test fails.
func keepLog(t *testing.T) *ordering.Log {
	t.Helper()
	file, err := os.CreateTemp("", "ordering-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		file.Close()
		if t.Failed() {
			t.Logf("the log: %s", file.Name())
			return
		}
		os.Remove(file.Name())
	})
	return ordering.NewLog(file)
}

// finish checks a world whose clients are done.
func finish(t *testing.T, w *ordering.World, o *owner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	found, err := w.Finish(ctx, o.open)
	if err != nil {
		t.Error(err)
	}
	for _, f := range found {
		t.Error(f)
	}
	if n := w.Stuck.Load(); n > 0 {
		t.Errorf("%d commands were never answered", n)
	}
	all, _ := w.Log.Records()
	t.Logf("%s; the longest answer took %v", ordering.Sum(all), time.Duration(w.Longest.Load()).Round(time.Millisecond))
}
