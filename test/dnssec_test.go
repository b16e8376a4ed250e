package test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/outbound/route"
)

// signedDNS is a real validating resolver (unbound) before a real name server
// (knotd) that serves two zones: signed.example, in which the records of some
// names were changed after it was signed, and plain.example, which is not signed.
type signedDNS struct {
	dir              string
	knot, unbound    int // ports
	knotLog, askLogs bytes.Buffer
}

// startSignedDNS serves records, whose lines with "forged" in them are changed
// after signing: 192.0.2.66 to .67, and ff to 00.
func startSignedDNS(t *testing.T, records string) *signedDNS {
	t.Helper()
	need(t, "knotd", "kzonesign", "unbound")
	base := freeBase(t)
	s := &signedDNS{dir: t.TempDir(), knot: base + doors[0], unbound: base + doors[1]}
	s.write(t, "signed.example.zone", zoneHead("signed.example")+records)
	s.write(t, "plain.example.zone", zoneHead("plain.example")+"plain.example. 300 IN MX 10 mx.plain.example.\nmx.plain.example. 300 IN A 192.0.2.2\n")
	anchor := s.sign(t)
	s.write(t, "knotd.conf", s.knotConf(false))
	s.write(t, "unbound.conf", s.unboundConf(anchor))
	s.run(t, &s.knotLog, "knotd", "-c", filepath.Join(s.dir, "knotd.conf"))
	s.run(t, &s.askLogs, "unbound", "-d", "-c", filepath.Join(s.dir, "unbound.conf"))
	s.wait(t)
	return s
}

func zoneHead(zone string) string {
	return fmt.Sprintf("%[1]s. 300 IN SOA ns.%[1]s. host.%[1]s. 1 300 300 3000 60\n%[1]s. 300 IN NS ns.%[1]s.\nns.%[1]s. 300 IN A 127.0.0.1\n", zone)
}

func (s *signedDNS) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign signs the zone, forges what is to be forged, and returns its key.
func (s *signedDNS) sign(t *testing.T) string {
	t.Helper()
	s.write(t, "sign.conf", s.knotConf(true))
	out := filepath.Join(s.dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	do(t, nil, "kzonesign", "-c", filepath.Join(s.dir, "sign.conf"), "-o", out, "signed.example")
	text, err := os.ReadFile(filepath.Join(out, "signed.example.zone"))
	if err != nil {
		t.Fatal(err)
	}
	var anchor string
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		f := strings.Fields(l)
		if len(f) > 4 && f[2] == "DNSKEY" {
			anchor = strings.Join([]string{f[0], "300 IN", strings.Join(f[2:], " ")}, " ")
		}
		if len(f) > 3 && strings.Contains(f[0], "forged") && (f[2] == "A" || f[2] == "TLSA") {
			lines[i] = strings.NewReplacer("192.0.2.66", "192.0.2.67", "FFFF", "0000").Replace(l)
		}
	}
	if anchor == "" {
		t.Fatal("the zone was not signed")
	}
	s.write(t, "signed.example.zone", strings.Join(lines, "\n"))
	return anchor
}

func (s *signedDNS) knotConf(signing bool) string {
	sign := ""
	if signing {
		sign = "    dnssec-signing: on\n    dnssec-policy: one\n"
	}
	return fmt.Sprintf(`server:
    rundir: %[1]q
    listen: 127.0.0.1@%[2]d
database:
    storage: %[1]q
log:
  - target: stderr
    any: warning
policy:
  - id: one
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: %[1]q
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: plain.example
    file: plain.example.zone
  - domain: signed.example
    file: signed.example.zone
%[3]s`, s.dir, s.knot, sign)
}

func (s *signedDNS) unboundConf(anchor string) string {
	return fmt.Sprintf(`server:
    interface: 127.0.0.1
    port: %[1]d
    directory: %[2]q
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-ip6: no
    do-daemonize: no
    num-threads: 1
    module-config: "validator iterator"
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
    trust-anchor: "%[3]s"
remote-control:
    control-enable: no
stub-zone:
    name: signed.example
    stub-addr: 127.0.0.1@%[4]d
stub-zone:
    name: plain.example
    stub-addr: 127.0.0.1@%[4]d
`, s.unbound, s.dir, anchor, s.knot)
}

// run runs a server in the foreground until the test ends.
func (s *signedDNS) run(t *testing.T, log *bytes.Buffer, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(log.String(), 2000))
		}
	})
}

// resolver asks unbound and trusts it.
func (s *signedDNS) resolver() *dns.Resolver {
	return &dns.Resolver{Servers: []string{fmt.Sprintf("127.0.0.1:%d", s.unbound)}, Trust: true}
}

func (s *signedDNS) wait(t *testing.T) {
	t.Helper()
	ctx := timeout(t, 20*time.Second)
	for {
		_, signed := s.resolver().MX(ctx, "signed.example")
		_, plain := s.resolver().MX(ctx, "plain.example")
		if signed == nil && plain == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("the name servers do not answer: ", signed, plain)
		}
		time.Sleep(50 * time.Millisecond) // somebody else's program starts
	}
}

const signedRecords = `
signed.example. 300 IN MX 10 mx.signed.example.
mx.signed.example. 300 IN A 192.0.2.1
alias.signed.example. 300 IN CNAME mx.signed.example.
out.signed.example. 300 IN CNAME mx.plain.example.
forged.signed.example. 300 IN A 192.0.2.66
`

// What a real validating resolver says of a real zone arrives as what it is:
// signed, not signed, forged, and absent.
func TestResolverWithDNSSEC(t *testing.T) {
	t.Parallel()
	r := startSignedDNS(t, signedRecords).resolver()
	ctx := timeout(t, time.Minute)
	if a, err := r.MX(ctx, "signed.example"); err != nil || !a.Authentic || a.Records[0].Host != "mx.signed.example" {
		t.Error("signed: ", a, err)
	}
	if a, err := r.MX(ctx, "plain.example"); err != nil || a.Authentic {
		t.Error("not signed: ", a, err)
	}
	for name, want := range map[string]bool{"mx.signed.example": true, "alias.signed.example": true, "out.signed.example": false, "mx.plain.example": false} {
		if a, err := r.IP(ctx, name); err != nil || a.Authentic != want {
			t.Errorf("%s: authentic is %v, %v", name, a.Authentic, err)
		}
	}
	if a, err := r.CNAME(ctx, "out.signed.example"); err != nil || !a.Authentic {
		t.Error("an alias out of the zone is signed itself: ", a, err)
	}
	for name, want := range map[string]bool{"nowhere.signed.example": true, "mx.signed.example": true, "nowhere.plain.example": false} {
		if a, err := r.TLSA(ctx, name); !errors.Is(err, dns.ErrNotFound) || a.Authentic != want {
			t.Errorf("absence of %s: authentic is %v, %v", name, a.Authentic, err)
		}
	}
	if a, err := r.IP(ctx, "forged.signed.example"); !errors.Is(err, dns.ErrTemporary) || a.Authentic || len(a.Records) > 0 {
		t.Error("forged: ", a, err)
	}
}

// DANE from the zone to the session: the record of a certificate that nobody
// else vouches for, a wrong one, and one that was forged.
func TestRouteWithDNSSEC(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &smtp.Server{Hostname: "mx.signed.example", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(timeout(t, time.Minute))
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-done })

	port := l.Addr().(*net.TCPAddr).Port
	var zone strings.Builder
	zone.WriteString("signed.example. 300 IN MX 10 mx.signed.example.\n")
	for host, data := range map[string]string{
		"mx": fmt.Sprintf("%x", sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)), "wrong": strings.Repeat("ee", 32), "forged": strings.Repeat("ff", 32),
	} {
		fmt.Fprintf(&zone, "%[1]s.signed.example. 300 IN A 127.0.0.1\n%[1]s-mail.signed.example. 300 IN MX 10 %[1]s.signed.example.\n_%[2]d._tcp.%[1]s.signed.example. 300 IN TLSA 3 1 1 %[3]s\n", host, port, data)
	}
	r := &route.Router{DNS: startSignedDNS(t, zone.String()).resolver(), Hostname: "me.example", Port: port}
	s, err := r.Open(ctx, "mx-mail.signed.example", route.Usual)
	if err != nil || s.How != "dane" || !s.Verified {
		t.Fatalf("%+v, %v", s, err)
	}
	s.Close()
	for domain, forged := range map[string]bool{"wrong-mail.signed.example": false, "forged-mail.signed.example": true} {
		if _, err := r.Open(ctx, domain, route.Usual); !errors.Is(err, route.ErrPolicy) || errors.Is(err, dns.ErrTemporary) != forged {
			t.Errorf("%s: %v", domain, err)
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
