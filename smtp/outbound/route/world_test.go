package route

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
)

// world is a Router, its name server, and the servers it can reach: what is
// dialled is an address of the zone, what answers is on the loopback.
type world struct {
	*Router
	t       *testing.T
	names   *dnstest.Server
	ca      *authority
	mu      sync.Mutex
	where   map[string]string // address and port of the zone: address that listens
	dialled []string
	results []TLSResult
	clock   time.Time
}

func newWorld(t *testing.T, zone string) *world {
	t.Helper()
	w := &world{t: t, names: dnstest.New(t, zone), ca: newAuthority(t), where: map[string]string{}, clock: time.Now()}
	w.Router = &Router{
		DNS: w.names.Resolver(), Hostname: "me.example", Roots: w.ca.pool, Timeout: 5 * time.Second,
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.clock },
		Self: func(ip net.IP) bool {
			return ip.Equal(net.ParseIP("192.0.2.99"))
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			w.mu.Lock()
			w.dialled = append(w.dialled, address)
			real, ok := w.where[address]
			w.mu.Unlock()
			if !ok {
				return nil, errors.New("connection refused")
			}
			return (&net.Dialer{}).DialContext(ctx, network, real)
		},
		Results: func(r TLSResult) { w.mu.Lock(); w.results = append(w.results, r); w.mu.Unlock() },
	}
	w.DNS.Now = w.Router.Now
	w.DNS.Timeout = time.Second
	return w
}

func (w *world) later(d time.Duration) { w.mu.Lock(); w.clock = w.clock.Add(d); w.mu.Unlock() }

// told is the results so far, in short, and forgets them.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.results {
		all = append(all, r.PolicyType+" "+cmpOr(r.Result, "ok"))
	}
	w.results = nil
	return strings.Join(all, ", ")
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// open opens a session that is closed when the test ends.
func (w *world) open(domain string, wish Wish) (*Session, error) {
	w.t.Helper()
	s, err := w.Open(w.t.Context(), domain, wish)
	if err == nil {
		w.t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// expect opens a session and says where it differs from what was expected: how it
// is protected, what was told, or which error.
func (w *world) expect(domain string, wish Wish, how, told string, want error) *Session {
	w.t.Helper()
	s, err := w.open(domain, wish)
	switch {
	case want != nil && (!errors.Is(err, want) || s != nil):
		w.t.Errorf("%s: got %v, wanted %v", domain, err, want)
	case want == nil && (err != nil || s.How != how):
		w.t.Errorf("%s: got %+v, %v, wanted %s", domain, s, err, how)
	}
	if got := w.told(); got != told {
		w.t.Errorf("%s: told %q, wanted %q", domain, got, told)
	}
	return s
}

// peer is an SMTP server as a test wants it.
type peer struct {
	cert     tls.Certificate
	noTLS    bool   // STARTTLS is not offered, or was stripped on the way
	no454    bool   // it is offered and then refused
	no421    bool   // it is offered, and the session ends where it is asked for
	broken   bool   // the handshake ends with garbage
	silent   bool   // says nothing at all
	endless  bool   // a reply without end
	greeting string // instead of 220
	implicit bool
	offers   []string // besides STARTTLS, under TLS
	auth     string

	mu       sync.Mutex
	sessions int
	server   string // SNI of the last handshake
}

// listen serves p at an address and port of the zone.
func (w *world) listen(at string, p *peer) *peer {
	w.t.Helper()
	l := w.listener(at)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (w *world) listener(at string) net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	w.mu.Lock()
	w.where[at] = l.Addr().String()
	w.mu.Unlock()
	return l
}

func (p *peer) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	p.mu.Lock()
	p.sessions++
	p.mu.Unlock()
	if p.silent {
		io.Copy(io.Discard, c)
		return
	}
	secure := p.implicit
	if p.implicit {
		c = tls.Server(c, p.config())
	}
	in := bufio.NewReader(c)
	fmt.Fprintf(c, "%s\r\n", cmpOr(p.greeting, "220 peer.example ESMTP"))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case p.endless:
			for err == nil {
				_, err = fmt.Fprintf(c, "250-%s\r\n", strings.Repeat("x", 500))
			}
			return
		case verb == "EHLO":
			p.ehlo(c, secure)
		case verb == "STARTTLS" && p.no454:
			fmt.Fprint(c, "454 4.7.0 not now\r\n")
		case verb == "STARTTLS" && p.no421:
			fmt.Fprint(c, "421 4.3.2 closing\r\n")
			return
		case verb == "STARTTLS":
			fmt.Fprint(c, "220 go\r\n")
			if p.broken {
				fmt.Fprint(c, "this is no handshake\r\n")
				return
			}
			c, secure = tls.Server(c, p.config()), true
			in = bufio.NewReader(c)
		case verb == "AUTH" && strings.TrimSpace(line) != "AUTH PLAIN "+p.auth:
			fmt.Fprint(c, "535 5.7.8 no\r\n")
		case verb == "AUTH":
			fmt.Fprint(c, "235 2.7.0 yes\r\n")
		case verb == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 yes\r\n")
		}
	}
}

func (p *peer) ehlo(c net.Conn, secure bool) {
	fmt.Fprint(c, "250-peer.example\r\n")
	if !secure && !p.noTLS {
		fmt.Fprint(c, "250-STARTTLS\r\n")
	}
	if secure {
		for _, o := range p.offers {
			fmt.Fprintf(c, "250-%s\r\n", o)
		}
	}
	fmt.Fprint(c, "250 SIZE 1000\r\n")
}

func (p *peer) config() *tls.Config {
	return &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		p.mu.Lock()
		p.server = h.ServerName
		p.mu.Unlock()
		return &p.cert, nil
	}}
}

func (p *peer) count() int { p.mu.Lock(); defer p.mu.Unlock(); return p.sessions }

// sni is the name that was asked for in the last handshake.
func (p *peer) sni() string { p.mu.Lock(); defer p.mu.Unlock(); return p.server }

// policyServer serves MTA-STS policies at an address of the zone.
type policyServer struct {
	mu      sync.Mutex
	text    string
	kind    string
	status  int
	fetched int
	hang    chan struct{}
}

func (w *world) policies(at string, cert tls.Certificate, text string) *policyServer {
	p := &policyServer{text: text, kind: "text/plain; charset=utf-8", status: http.StatusOK}
	s := &http.Server{Handler: p, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ReadHeaderTimeout: time.Minute}
	s.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are expected
	go s.Serve(tls.NewListener(w.listener(at), s.TLSConfig))
	w.t.Cleanup(func() { s.Close() })
	return p
}

func (p *policyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	text, kind, status, hang := p.text, p.kind, p.status, p.hang
	p.fetched++
	p.mu.Unlock()
	if hang != nil {
		<-hang
		return
	}
	if r.URL.Path == "/elsewhere" {
		status = http.StatusOK
	} else if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.sts.example" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Location", "https://mta-sts.sts.example/elsewhere")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func (p *policyServer) set(f func(*policyServer)) { p.mu.Lock(); f(p); p.mu.Unlock() }
func (p *policyServer) count() int                { p.mu.Lock(); defer p.mu.Unlock(); return p.fetched }

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key = newKey(t)
	a.cert = sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, a.key, a.key)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(1000 * time.Hour)
	}
	c.NotBefore = time.Now().Add(-1000 * time.Hour)
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// issue makes a certificate with its chain, the authority included, as DANE-TA
// wants it.
func (a *authority) issue(until time.Duration, names ...string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	leaf := sign(a.t, &x509.Certificate{DNSNames: names, NotAfter: time.Now().Add(until)}, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

const long = 500 * time.Hour

// tlsa311 is the usual record of a certificate.
func tlsa311(c tls.Certificate) string {
	return fmt.Sprintf("3 1 1 %x", sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo))
}
