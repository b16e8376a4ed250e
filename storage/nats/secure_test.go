package nats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"sealpost/mailstore/notify"
	"sealpost/mailstore/notify/relaytest"
	"sealpost/storage/nats/natstest"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// tenant is an account of a server, and makes users of it.
type tenant struct{ account nkeys.KeyPair }

// trusting has a server let users of an account in, and nobody else.
func trusting(o *server.Options) tenant {
	operator, account := must(nkeys.CreateOperator()), must(nkeys.CreateAccount())
	claims := jwt.NewOperatorClaims(must(operator.PublicKey()))
	must(claims.Encode(operator))
	id := must(account.PublicKey())
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(id, must(jwt.NewAccountClaims(id).Encode(operator))); err != nil {
		panic(err)
	}
	o.TrustedOperators, o.AccountResolver = []*jwt.OperatorClaims{claims}, resolver
	return tenant{account}
}

// user writes the file of a user who may use one subject and no more.
func (n tenant) user(t *testing.T, file string) {
	t.Helper()
	n.userOf(t, file, subject)
}

func (n tenant) userOf(t *testing.T, file, subject string) {
	t.Helper()
	key := must(nkeys.CreateUser())
	claims := jwt.NewUserClaims(must(key.PublicKey()))
	claims.Pub.Allow.Add(subject)
	claims.Sub.Allow.Add(subject)
	creds := must(jwt.FormatUserConfig(must(claims.Encode(n.account)), must(key.Seed())))
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificates writes an authority's and one of 127.0.0.1 that it signed, for both ends.
func certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	signer := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	top := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	own := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: top.NotBefore, NotAfter: top.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ca = write("ca.pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, top, top, &signer.PublicKey, signer)))
	cert = write("node.pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, leaf, top, &own.PublicKey, signer)))
	key = write("node.key", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(own)))
	return ca, cert, key
}

// state is an ear that notes what it was told last.
type state struct {
	up    atomic.Bool
	downs atomic.Int64
	why   atomic.Value
}

func (*state) Hear([]byte) {}
func (s *state) Up()       { s.up.Store(true) }
func (s *state) Down(why error) {
	s.up.Store(false)
	s.why.Store(why.Error())
	s.downs.Add(1)
}

func (s *state) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s; last error %v", what, s.why.Load())
		}
	}
}

// guarded is a server that wants a certificate and credentials, of ours or of others.
func guarded(t *testing.T, ca, cert, key string) (s *natstest.Server, ours, others tenant) {
	s = natstest.Start(t, func(o *server.Options) {
		others = trusting(o)
		ours = trusting(o)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(must(os.ReadFile(ca)))
		o.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(cert, key))}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		}
		o.TLSTimeout = 5
	})
	return s, ours, others
}

// Nodes with certificate and credentials find each other over TLS. Who has no credentials, or
// wrong ones, is told why, tries on, and is let in once they are there; nothing
// that is logged says where the server is.
func TestTLSAndCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	s, ours, others := guarded(t, ca, cert, key)
	creds := filepath.Join(dir, "node.creds")
	o := Options{Servers: []string{strings.Replace(s.URL(), "nats://", "tls://", 1)}, Credentials: creds, CA: ca, Certificate: cert, Key: key}
	others.user(t, creds)
	e := new(state)
	w := must(New(o))
	defer w.Close()
	go w.Listen(t.Context(), e)
	e.await(t, "who has wrong credentials is refused", func() bool { return e.downs.Load() > 0 })
	if text := e.why.Load().(string); !strings.Contains(text, "authorization") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("refused for %q", text)
	}
	ours.user(t, creds)
	e.await(t, "who has the right ones is let in", e.up.Load)

	stranger := o
	stranger.CA = ""
	f := new(state)
	not := must(New(stranger))
	defer not.Close()
	go not.Listen(t.Context(), f)
	f.await(t, "a server that nobody vouches for is refused", func() bool { return f.downs.Load() > 0 })
	if text := f.why.Load().(string); f.up.Load() || strings.Contains(text, "127.0.0.1") {
		t.Errorf("up %v, and %q", f.up.Load(), text)
	}
	t.Run("Relay", func(t *testing.T) { relaytest.Wakes(t, secure{s, o}) })
}

// secure is an engine over TLS.
type secure struct {
	*natstest.Server
	o Options
}

func (s secure) Wire(testing.TB) notify.Wire              { return must(New(s.o)) }
func (s secure) Start(t testing.TB)                       { s.Again(t) }
func (s secure) Shout(testing.TB, []byte)                 {}
func (s secure) Overhear(testing.TB, func(octets []byte)) {}

// Try says of each thing that keeps hints from coming what it is.
func TestTry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	otherCA, otherCert, otherKey := certificates(t, t.TempDir())
	s, ours, others := guarded(t, ca, cert, key)
	creds, strange, narrow := filepath.Join(dir, "node.creds"), filepath.Join(dir, "strange.creds"), filepath.Join(dir, "narrow.creds")
	ours.user(t, creds)
	others.user(t, strange)
	ours.userOf(t, narrow, "another.subject")
	at := strings.Replace(s.URL(), "nats://", "tls://", 1)
	good := Options{Credentials: creds, CA: ca, Certificate: cert, Key: key}
	for name, c := range map[string]struct {
		change func(*Options)
		at     string
		want   string // empty: well
	}{
		"well":                  {func(*Options) {}, at, ""},
		"no authority":          {func(o *Options) { o.CA = "" }, at, "unknown authority"},
		"another authority":     {func(o *Options) { o.CA = otherCA }, at, "unknown authority"},
		"no certificate":        {func(o *Options) { o.Certificate, o.Key = "", "" }, at, "tls"},
		"another's certificate": {func(o *Options) { o.Certificate, o.Key = otherCert, otherKey }, at, "tls"},
		"no credentials":        {func(o *Options) { o.Credentials = "" }, at, "uthorization"},
		"strange credentials":   {func(o *Options) { o.Credentials = strange }, at, "uthorization"},
		"no file":               {func(o *Options) { o.Credentials = filepath.Join(dir, "none.creds") }, at, "none.creds"},
		"no right":              {func(o *Options) { o.Credentials = narrow }, at, "ermissions"},
		"nobody there":          {func(*Options) {}, "tls://127.0.0.1:1", "no server of NATS answers"},
		"no address":            {func(*Options) {}, "http://127.0.0.1", "not a server of NATS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			c.change(&o)
			err := Try(t.Context(), o, c.at)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, servers := range [][]string{nil, {""}, {"localhost:4222"}, {"http://a:1"}, {"nats://"}, {"nats://user:secret@a:4222"}, {"nats://a:4222", "nats://user@b:1"}} {
		if _, err := New(Options{Servers: servers}); !errors.Is(err, ErrServer) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", servers, err)
		}
	}
	good := []string{"tls://a:4222"}
	for _, o := range []Options{{CA: "none.pem"}, {Certificate: "none.pem", Key: "none.key"}} {
		o.Servers = good
		if _, err := New(o); err == nil {
			t.Errorf("%+v: a file that is not there", o)
		}
	}
	if _, err := New(Options{Servers: []string{"nats://a:4222", "tls://b:4222"}}); err != nil {
		t.Error(err)
	}
}
