package discover

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/mail"
	"sealpost/pgp"
)

var testTime = time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)

func address(s string) mail.Address { return must(mail.ParseAddress(s)) }

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// entity makes a key a year before testTime.
func entity(addresses ...string) *openpgp.Entity {
	cfg := keyConfig(testTime.AddDate(-1, 0, 0))
	e := must(openpgp.NewEntity("", "", addresses[0], cfg))
	for _, a := range addresses[1:] {
		if err := e.AddUserId("", "", a, cfg); err != nil {
			panic(err)
		}
	}
	return e
}

func keyConfig(at time.Time) *packet.Config {
	return &packet.Config{Time: func() time.Time { return at }, Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}
}

func exported(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cert(t testing.TB, e *openpgp.Entity) *pgp.Cert {
	t.Helper()
	return must(pgp.ParseCert(exported(t, e)))
}

// memory is a Peers; storagetest has one too, but imports this package.
type memory struct {
	mu    sync.Mutex
	peers map[string]Peer
	fail  error
	puts  int
	lists int
}

func (m *memory) Peer(_ context.Context, account string, a mail.Address) (Peer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.peers[account+" "+a.Key()]
	if m.fail != nil {
		return Peer{}, m.fail
	}
	if !ok {
		return Peer{}, ErrNoKey
	}
	p.Changes = append([]Change(nil), p.Changes...)
	return p, nil
}

func (m *memory) PutPeer(_ context.Context, account string, p Peer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	m.peers[account+" "+p.Address.Key()] = p
	return nil
}

func (m *memory) DeletePeer(_ context.Context, account string, a mail.Address) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.peers, account+" "+a.Key())
	return nil
}

func (m *memory) Peers(_ context.Context, account string) ([]Peer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	var list []Peer
	for _, p := range m.peers {
		list = append(list, p)
	}
	return list, nil
}

func (m *memory) ForgetPeers(context.Context, string) error { return nil }

// world is a DNS and a web server that answers for every name in it.
type world struct {
	*Finder
	peers   *memory
	names   map[string]string // host: IP, "" for a failing DNS
	web     func(w http.ResponseWriter, r *http.Request)
	dialled sync.Map // IPs that were dialled
	asked   atomic.Int32
	clock   atomic.Int64
	logs    *bytes.Buffer
}

// newWorld has example.org with openpgpkey, and direct.example without.
func newWorld(t *testing.T, web func(w http.ResponseWriter, r *http.Request)) *world {
	w := &world{
		peers: &memory{peers: map[string]Peer{}},
		names: map[string]string{"example.org": "127.0.0.1", "openpgpkey.example.org": "127.0.0.1", "direct.example": "127.0.0.1"},
		web:   web, logs: &bytes.Buffer{},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		w.web(rw, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{testCert()}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	w.clock.Store(testTime.Unix())
	g := guard{
		allow:  func(ip string) bool { return ip == "127.0.0.1" },
		lookup: w.lookup,
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			ip, _, _ := net.SplitHostPort(address)
			w.dialled.Store(ip, true)
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
		tls: &tls.Config{RootCAs: testRoots()},
	}
	w.Finder = &Finder{
		Peers: w.peers, HTTP: g.client(), Log: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { return time.Unix(w.clock.Load(), 0).UTC() },
	}
	return w
}

func (w *world) later(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

func (w *world) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	ip, ok := w.names[host]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case ip == "":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	return []netip.Addr{netip.MustParseAddr(ip)}, nil
}

// testCert is a server's certificate for all names of the tests.
var testCert = sync.OnceValue(func() tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"example.org", "*.example.org", "direct.example", "evil.example"},
		IsCA:     true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
})

func testRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(testCert().Leaf)
	return pool
}

func autocryptOf(e *openpgp.Entity, address, more string) string {
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		panic(err)
	}
	return "Autocrypt: addr=" + address + ";" + more + " keydata=" + base64.StdEncoding.EncodeToString(b.Bytes()) + "\r\n"
}

func header(fields ...string) mail.Header {
	text := ""
	for _, f := range fields {
		text += f
	}
	text += "\r\n"
	return must(mail.ReadHeader(bytes.NewReader([]byte(text)), 0, 1<<20))
}
