package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pebble is Let's Encrypt's small ACME server. It validates for real: it asks our
// DNS and connects to our ports.
type pebble struct {
	home         *house // its certificate and files
	api, manage  string // where it is asked
	http, secure int    // where it looks for answers to its challenges
	cmd          *exec.Cmd
	log          safeBuffer
	roots        *x509.CertPool // who issues
}

var pebbleBinary = sync.OnceValues(func() (string, error) {
	dir, err := workFolder()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir, "tool")
	cmd.Dir = "pebble" // a module of its own, which pins it
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build pebble: %w\n%s", err, text)
	}
	return filepath.Join(dir, "pebble"), nil
})

// startPebble runs it in the last house of a country, which is called localhost.
func startPebble(t *testing.T, c *country) *pebble {
	t.Helper()
	p := &pebble{home: c.houses[len(c.houses)-1]}
	p.api, p.manage = fmt.Sprintf("localhost:%d", freeOn(t, "127.0.0.1")), fmt.Sprintf("localhost:%d", freeOn(t, "127.0.0.1"))
	p.http, p.secure = freeOn(t, "127.0.0.2", "127.0.0.3"), freeOn(t, "127.0.0.2", "127.0.0.3")
	bin, err := pebbleBinary()
	if err != nil {
		skip(t, err.Error())
	}
	config := p.home.write(t, "pebble.json", fmt.Appendf(nil, `{"pebble": {"listenAddress": %q, "managementListenAddress": %q,
"certificate": %q, "privateKey": %q, "httpPort": %d, "tlsPort": %d, "retryAfter": {"authz": 1, "order": 1}}}`,
		p.api, p.manage, p.home.file("tls.pem"), p.home.file("tls.key"), p.http, p.secure))
	p.cmd = exec.Command(bin, "-config", config, "-dnsserver", c.dns.Addr, "-strict")
	p.cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("pebble said:\n%s", tail(p.log.String(), 6000))
		}
	})
	p.roots = p.root(t)
	return p
}

func (p *pebble) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// root is the certificate that pebble made for itself at its start.
func (p *pebble) root(t *testing.T) *x509.CertPool {
	t.Helper()
	trust := p.home.trust(t)
	trust.ServerName = "localhost"
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	var text []byte
	await(t, "pebble", func() bool {
		got, err := client.Get("https://" + p.manage + "/roots/0")
		if err != nil {
			return false
		}
		defer got.Body.Close()
		text, err = io.ReadAll(got.Body)
		return err == nil && got.StatusCode == http.StatusOK
	})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("pebble's root is %q", text)
	}
	return pool
}

// by has a house get its certificate from pebble; https and http are more places
// where it answers.
func (h *house) by(p *pebble, https, http string) {
	h.edits = []string{
		"[tls]\n", fmt.Sprintf("[acme]\non = true\nemail = \"op@%s\"\ndirectory = \"https://%s/dir\"\nfolder = \"acme\"\n[tls]\n", h.domain, p.api),
		"[http]\nlisten = []\nlisten_tls = [", fmt.Sprintf("[http]\nlisten = [%s]\nlisten_tls = [%s", http, https),
	}
}

// shown is the certificate at a door that begins with TLS, for a name; empty: the
// client names nobody.
func shown(t *testing.T, at, name string) (*x509.Certificate, error) {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := d.DialContext(t.Context(), "tcp", at)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// shownMail is the same after STARTTLS at the door for mail.
func (h *house) shownMail(t *testing.T, name string) (*x509.Certificate, error) {
	t.Helper()
	s, err := dial(h.smtp())
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	if err := s.startTLS(&tls.Config{ServerName: name, InsecureSkipVerify: true}); err != nil {
		return nil, err
	}
	return s.conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// certified waits until the door for mail shows a certificate that pebble issued
// for its name.
func (h *house) certified(t *testing.T, p *pebble) *x509.Certificate {
	t.Helper()
	var cert *x509.Certificate
	await(t, h.domain+" to have its certificate", func() bool {
		got, err := h.shownMail(t, "mx."+h.domain)
		cert = got
		return err == nil
	})
	p.issued(t, cert, "mx."+h.domain)
	return cert
}

// issued checks a certificate as a client would that trusts pebble. Its
// intermediate is not asked for: what is shown names who issued it.
func (p *pebble) issued(t *testing.T, cert *x509.Certificate, name string) {
	t.Helper()
	if err := cert.VerifyHostname(name); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(cert.Issuer.CommonName, "Pebble Intermediate CA") {
		t.Errorf("the certificate for %s is from %s", name, cert.Issuer)
	}
}

// A house whose :443 the authority reaches, and one of which it reaches only :80:
// both get a certificate by themselves and show it at every door; a restart takes
// it from the folder, authority or not.
func TestACME(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "b.test", "localhost")
	a, b := c.houses[0], c.houses[1]
	a.more += "mta-sts.a.test. A 127.0.0.2\nstranger.test. A 127.0.0.2\n"
	c.dns.Set(c.zone())
	p := startPebble(t, c)
	a.by(p, fmt.Sprintf(`"127.0.0.2:%d", `, p.secure), "")
	b.by(p, "", fmt.Sprintf(`"127.0.0.3:%d"`, p.http))
	a.open(t, "ann")
	b.open(t, "bob")
	cert := a.certified(t, p)
	b.certified(t, p)
	// Only the one that does not answer at :443 is asked over HTTP.
	wants(t, "pebble's log", p.log.String(), "validate w/ HTTP: http://mx.b.test")
	if strings.Contains(p.log.String(), "validate w/ HTTP: http://mx.a.test") {
		t.Error("a.test did not answer by TLS-ALPN-01")
	}

	// Every door, and whoever is named: this machine has one certificate for mail.
	for what, at := range map[string]string{"IMAPS": a.imaps, "submissions": a.submits, "HTTPS": a.https} {
		for _, name := range []string{"mx.a.test", "", "MX.a.test"} {
			if got, err := shown(t, at, name); err != nil || !got.Equal(cert) {
				t.Errorf("%s shows another certificate for %q: %v", what, name, err)
			}
		}
	}
	for _, name := range []string{"", "stranger.test"} {
		if got, err := a.shownMail(t, name); err != nil || !got.Equal(cert) {
			t.Errorf("SMTP shows another certificate for %q: %v", name, err)
		}
	}
	trust := &tls.Config{RootCAs: p.roots, ServerName: "mx.a.test"}
	if conn, err := tls.Dial("tcp", a.https, trust); err != nil {
		t.Errorf("a client that trusts the authority: %v", err)
	} else {
		conn.Close()
	}
	// Names of its domain come by themselves, those of others never.
	// The first who asks may have gone before the authority answers.
	await(t, "a certificate for a name of its domain", func() bool {
		got, err := shown(t, a.https, "mta-sts.a.test")
		if err == nil {
			p.issued(t, got, "mta-sts.a.test")
		}
		return err == nil
	})
	if got, err := shown(t, a.https, "stranger.test"); err == nil {
		t.Errorf("HTTPS shows a certificate of %v for a stranger's name", got.DNSNames)
	}
	if strings.Contains(p.log.String(), "stranger.test") {
		t.Error("the authority was asked for a stranger's name")
	}
	// One key for each name, though clients of all kinds ask; b.test has the one try
	// more.
	if n := strings.Count(p.log.String(), "Added order"); n != 4 {
		t.Errorf("the authority was given %d orders", n)
	}

	p.kill()
	a.close(t)
	a.serve(t)
	if got, err := a.shownMail(t, "mx.a.test"); err != nil || !got.Equal(cert) {
		t.Errorf("after a restart, without the authority: another certificate, %v", err)
	}
	for _, file := range []string{"acme", "acme/mx.a.test"} {
		if info, err := os.Stat(a.file(file)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may look into %s: %v", file, err)
		}
	}
}

// An authority that is down does not keep a server from starting and taking mail;
// it says so once, however many clients ask.
func TestACMEIsDown(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "b.test", "localhost")
	a := c.houses[0]
	a.by(&pebble{api: fmt.Sprintf("localhost:%d", freeOn(t, "127.0.0.1"))}, "", "")
	a.open(t, "ann")
	for range 3 {
		if _, err := a.shownMail(t, "mx.a.test"); err == nil {
			t.Error("there is a certificate, and nobody issued it")
		}
	}
	s := newSender(t, a.smtp())
	if err := s.send("", a.person.Address, []byte("From: eve@example.org\r\nSubject: plain\r\n\r\nno TLS to be had\r\n")); err != nil {
		t.Errorf("mail is not taken: %v", err)
	}
	if n := strings.Count(a.log.String(), "gave no certificate"); n != 1 {
		t.Errorf("said %d times that there is no certificate", n)
	}
}
