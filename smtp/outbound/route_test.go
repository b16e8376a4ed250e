package outbound

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/outbound/route"
)

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.far.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestByRealRoutes sends with the real router over a name server of this test:
// domains of one exchanger share a mail and a session, under TLS where it is
// there; what takes no mail fails; what is demanded and cannot be met, and what
// the DNS does not tell, is put off, and never sent in the clear.
func TestByRealRoutes(t *testing.T) {
	t.Parallel()
	names := dnstest.New(t, `
far.example. MX 10 mx.far.example.
other.example. MX 10 mx.far.example.
mx.far.example. A 192.0.2.1
null.example. MX 0 .
secure.example. MX 10 mx.secure.example.
mx.secure.example. A 192.0.2.2
_25._tcp.mx.secure.example. TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
broken.example. MX 10 mx.far.example.
self.example. MX 10 me.example.
me.example. A 192.0.2.99
`)
	names.Fault("broken.example.", dnstest.ServFail)
	for _, unsigned := range []string{"far.example.", "other.example."} { // under DNSSEC a domain has its own sessions
		names.Fault(unsigned, dnstest.Insecure)
	}
	w := newWorld(t)
	far := &inbox{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	s := &smtp.Server{Handler: far, Hostname: "mx.far.example", TLS: certificate(t)}
	go func() { defer close(served); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-served })
	w.sender.Router = &route.Router{
		DNS: names.Resolver(), Hostname: "mx.near.example", Timeout: 5 * time.Second, Roots: x509.NewCertPool(),
		Self: func(ip net.IP) bool { return ip.Equal(net.ParseIP("192.0.2.99")) },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":443") {
				return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
			}
			return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
		},
	}
	id := w.put("bob@far.example", "carol@other.example", "bob@null.example", "bob@secure.example", "bob@broken.example", "bob@self.example", "bob@absent.example")
	w.step()
	all := far.got()
	if len(all) != 1 || len(all[0].to) != 2 || all[0].peer.TLS == nil || all[0].text != original {
		t.Errorf("%+v", all)
	}
	if got := w.left(id); got != "bob 451 4.7.10 after 1; bob 451 4.4.3 after 1" {
		t.Error(got)
	}
	n := w.notices()
	if len(n) != 1 {
		t.Fatalf("%d notices", len(n))
	}
	var got []string
	for _, r := range report(t, n[0]).Recipients {
		got = append(got, r.Address+" "+r.Status)
	}
	if strings.Join(got, ", ") != "bob@null.example 5.1.10, bob@self.example 5.4.6, bob@absent.example 5.1.10" {
		t.Error(got)
	}
	if s := w.sender.Stats(); s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
	w.put("bob@other.example")
	w.step()
	if s := w.sender.Stats(); s.Sessions != 1 || s.Reused != 1 || len(far.got()) != 2 {
		t.Errorf("%+v", s)
	}
}
