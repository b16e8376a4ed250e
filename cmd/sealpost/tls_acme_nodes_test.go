package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/config"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/dns/dnstest"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
)

// identities are those of nodes that share a database, under one node key.
func identities(t *testing.T, n int, directory string, client *http.Client) (all []*identity, log *words) {
	t.Helper()
	database, key := pgtest.Take(t), nodekey.Random()
	log = new(words)
	for range n {
		db, err := postgres.Open(t.Context(), database.URL, postgres.Options{Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		known, err := db.Known(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		e := &engines{key: key, cluster: &cluster{db: db, known: known}}
		c := config.Default()
		c.Hostname, c.ACME = "mx.a.test", config.ACME{On: true, Directory: directory, Folder: t.TempDir()}
		i := newIdentity(c, e.cluster.room().certs, func(host string) bool { return host == "a.test" }, slog.New(slog.NewTextHandler(log, nil)))
		i.turn, i.acme.Client.HTTPClient = e.acmeTurn, client
		all = append(all, i)
	}
	return all, log
}

func helloTo(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
	}
}

// authority is Let's Encrypt's small ACME server, at work. It asks the DNS, and connects to the
// ports that it is given.
type acmeAuthority struct {
	directory string
	client    *http.Client
	log       *words
}

func startAuthority(t *testing.T, zone string, plain, secure int) *acmeAuthority {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "tool")
	build.Dir = "../../test/pebble" // a module of its own, which pins it
	if text, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("build pebble: %v\n%s", err, text)
		}
		t.Skipf("build pebble: %v", err)
	}
	cert, key := filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	if err := issue(template("localhost", time.Hour), nil, cert, key); err != nil {
		t.Fatal(err)
	}
	var ports []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port))
		l.Close()
	}
	settings := filepath.Join(dir, "pebble.json")
	text := fmt.Appendf(nil, `{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q, "httpPort": %d, "tlsPort": %d,
"retryAfter": {"authz": 1, "order": 1}}}`, ports[0], ports[1], cert, key, plain, secure)
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &acmeAuthority{directory: "https://" + ports[0] + "/dir", log: new(words)}
	run := exec.Command(filepath.Join(dir, "pebble"), "-config", settings, "-dnsserver", dnstest.New(t, zone).Addr, "-strict")
	run.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	run.Stdout, run.Stderr = a.log, a.log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run.Process.Kill()
		run.Wait()
		if t.Failed() {
			t.Logf("pebble said:\n%s", a.log)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(t, cert))
	a.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := a.client.Get(a.directory)
		if err == nil {
			got.Body.Close()
			return a
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestNodesShareCertificates: nodes that start at once place one order, whichever node the
// authority then asks, over TLS or HTTP; all show what came of it; and a node that comes later
// asks nobody.
func TestNodesShareCertificates(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"TLS", "HTTP"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			door, err := net.Listen("tcp", "127.0.0.2:0")
			if err != nil {
				t.Fatal(err)
			}
			closed, err := net.Listen("tcp", "127.0.0.2:0")
			if err != nil {
				t.Fatal(err)
			}
			closed.Close()
			ports := map[bool]int{true: door.Addr().(*net.TCPAddr).Port, false: closed.Addr().(*net.TCPAddr).Port}
			a := startAuthority(t, "mx.a.test. A 127.0.0.2\n", ports[over == "HTTP"], ports[over == "TLS"])
			nodes, _ := identities(t, 4, a.directory, a.client)
			reached, late := nodes[2], nodes[3] // the authority reaches one node only
			if over == "HTTP" {
				for _, i := range nodes {
					i.challenges() // says that a door for them is open
				}
			}
			answers := reached.challenges()
			plain := func(w http.ResponseWriter, r *http.Request) {
				r.Host, _, _ = net.SplitHostPort(r.Host) // of a port that is not 80
				answers.ServeHTTP(w, r)
			}
			web := &http.Server{Handler: http.HandlerFunc(plain), TLSConfig: reached.web(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
			t.Cleanup(func() { web.Close() })
			if over == "TLS" {
				go web.ServeTLS(door, "", "")
			} else {
				go web.Serve(door)
			}
			var first atomic.Pointer[tls.Certificate]
			var all sync.WaitGroup
			for i, node := range nodes[:3] {
				for range 3 { // clients
					all.Go(func() {
						cert, err := node.certificate(helloTo(""))
						if err != nil {
							t.Errorf("node %d: %v", i, err)
							return
						}
						first.Store(cert)
					})
				}
			}
			all.Wait()
			if first.Load() == nil {
				t.FailNow()
			}
			for i, node := range nodes {
				cert, err := node.certificate(helloTo("mx.a.test"))
				if err != nil || !bytes.Equal(cert.Certificate[0], first.Load().Certificate[0]) {
					t.Errorf("node %d shows another certificate: %v", i, err)
				}
			}
			if _, err := late.certificate(helloTo("mx.a.test")); err != nil {
				t.Error(err)
			}
			said := a.log.String()
			if n := strings.Count(said, "Issued certificate"); n != 1 {
				t.Errorf("%d certificates were issued", n)
			}
			if strings.Contains(said, "There are now 2 accounts") {
				t.Error("nodes have accounts of their own")
			}
		})
	}
}

// TestNodesSpareAuthority: what one node was refused the others do not ask, and a database that is
// away is no refusal.
func TestNodesSpareAuthority(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(refuses.Close)
	nodes, log := identities(t, 3, refuses.URL, refuses.Client())
	var all sync.WaitGroup
	for _, i := range nodes {
		for range 3 {
			all.Go(func() {
				if _, err := i.certificate(helloTo("mx.a.test")); err == nil {
					t.Error("there is a certificate")
				}
			})
		}
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the authority was asked %d times", n)
	}
	if got := log.String(); !strings.Contains(got, "404") {
		t.Errorf("the log says\n%s", got)
	}

	away := brokenCerts{}
	i := newIdentity(config.Config{Hostname: "mx.b.test", ACME: config.ACME{On: true, Directory: refuses.URL}}, away, func(string) bool { return false }, slog.New(slog.DiscardHandler))
	i.turn = func(ctx context.Context, _ string, do func(context.Context) error) error { return do(ctx) }
	for range 2 {
		if _, err := i.certificate(helloTo("mx.b.test")); !errors.Is(err, errCertsAway) {
			t.Errorf("without a database: %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the authority was asked %d times", n)
	}
}

// brokenCerts is a cache of which nothing is to be had.
type brokenCerts struct{}

func (brokenCerts) Get(context.Context, string) ([]byte, error) { return nil, errCertsAway }

func (brokenCerts) Put(context.Context, string, []byte) error { return errCertsAway }

func (brokenCerts) Delete(context.Context, string) error { return errCertsAway }
