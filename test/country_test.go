package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/pgp"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// A country is some mail servers that find each other by one DNS. Each has a
// loopback address of its own; all of them listen for mail at the same port.
type country struct {
	port   int
	dns    *dnstest.Server
	houses []*house
}

// A house is one domain with its server.
type house struct {
	domain, ip string
	dir        string
	country    *country
	spki       string   // hex, of its certificate
	more       string   // of its zone
	settings   string   // of its configuration, more
	edits      []string // of its configuration: what stands there, and what shall
	bin        string   // what runs; empty: the binary that looks for races
	wrap       []string // a program it runs under, such as strace
	env        []string
	person     person
	imaps      string
	submits    string
	https      string
	log        safeBuffer
	cmd        *exec.Cmd
}

// safeBuffer is a log that is written and read at the same time.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newCountry makes certificates, keys and a zone for domains; nothing runs yet.
func newCountry(t *testing.T, domains ...string) *country {
	t.Helper()
	c := &country{}
	for i, d := range domains {
		h := &house{domain: d, ip: fmt.Sprintf("127.0.0.%d", 2+i), dir: filepath.Join(t.TempDir(), d), country: c}
		if err := os.MkdirAll(filepath.Join(h.dir, "dkim", d), 0o700); err != nil {
			t.Fatal(err)
		}
		h.certify(t)
		h.makeSigners(t)
		c.houses = append(c.houses, h)
	}
	c.port = freeOn(t, "127.0.0.2", "127.0.0.3", "127.0.0.4")
	c.dns = dnstest.New(t, c.zone())
	return c
}

// freeOn finds a port that is free on each of some addresses, and keeps it for the
// test. It is none of those that the system gives to clients: a server that starts
// again finds its port as it left it.
func freeOn(t *testing.T, hosts ...string) int {
	t.Helper()
	taken.Lock()
	defer taken.Unlock()
	for range 500 {
		port := 20_000 + mrand.IntN(12_000)
		if taken.ports[port] || !freeAt(port, hosts) {
			continue
		}
		taken.ports[port] = true
		t.Cleanup(func() {
			taken.Lock()
			defer taken.Unlock()
			delete(taken.ports, port)
		})
		return port
	}
	t.Fatal("found no port that is free everywhere")
	return 0
}

func freeAt(port int, hosts []string) bool {
	for _, h := range hosts {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", h, port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

func (c *country) zone() string {
	var b strings.Builder
	b.WriteString("1.0.0.127.in-addr.arpa. PTR client.test.\nclient.test. A 127.0.0.1\n")
	for _, h := range c.houses {
		fmt.Fprintf(&b, `
%[1]s. MX 10 mx.%[1]s.
mx.%[1]s. A %[2]s
_%[3]d._tcp.mx.%[1]s. TLSA 3 1 1 %[4]s
%[1]s. TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.%[1]s. TXT "v=DMARC1; p=reject"
%[5]s`, h.domain, h.ip, c.port, h.spki, h.more)
	}
	return b.String()
}

// smtp is where the world brings mail.
func (h *house) smtp() string { return net.JoinHostPort(h.ip, fmt.Sprint(h.country.port)) }

func (h *house) file(name string) string { return filepath.Join(h.dir, name) }

func (h *house) write(t *testing.T, name string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(h.file(name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return h.file(name)
}

func (h *house) certify(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "mx." + h.domain},
		DNSNames:     []string{"localhost", "mx." + h.domain, "mta-sts." + h.domain, "openpgpkey." + h.domain, h.domain},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	h.spki = hex.EncodeToString(sum[:])
	h.write(t, "tls.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	h.write(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// makeSigners writes DKIM keys and puts their records into the zone.
func (h *house) makeSigners(t *testing.T) {
	t.Helper()
	long, short, err := mailauth.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	for selector, text := range map[string][]byte{"s1r": long, "s1e": short} {
		h.write(t, filepath.Join("dkim", h.domain, selector+".pem"), text)
		key, err := mailauth.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		record, err := mailauth.Record(key)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for ; len(record) > 200; record = record[200:] {
			parts = append(parts, `"`+record[:200]+`"`)
		}
		h.more += fmt.Sprintf("%s._domainkey.%s. TXT %s \"%s\"\n", selector, h.domain, strings.Join(parts, " "), record)
	}
}

// sealpost runs the command with this house's configuration. It asks the server, if
// there is one, so races are looked for there.
func (h *house) sealpost(t *testing.T, args ...string) string {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	return string(do(t, nil, bin, append(args, "--config", h.file("sealpost.toml"))...))
}

// program is what runs in this house.
func (h *house) program(t *testing.T) string {
	t.Helper()
	if h.bin == "" {
		bin, err := raceBinary()
		if err != nil {
			t.Fatal(err)
		}
		h.bin = bin
	}
	return h.bin
}

// configure writes the configuration.
func (h *house) configure(t *testing.T) {
	t.Helper()
	free := func() string { return fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1")) }
	h.imaps, h.submits, h.https = free(), free(), free()
	settings := fmt.Sprintf(`data = "data"
hostname = "mx.%[1]s"
domains = [%[1]q]
[tls]
certificate = "tls.pem"
key = "tls.key"
[smtp]
listen = ["%[2]s:%[3]d"]
[submission]
listen = []
listen_tls = [%[4]q]
warm_up = "0s"
[imap]
listen_tls = [%[5]q]
[http]
listen = []
listen_tls = [%[6]q]
[queue]
key = "node.key"
[dkim]
folder = "dkim"
[dns]
servers = [%[7]q]
trust = true
[outbound]
port = %[3]d
%[8]s
`, h.domain, h.ip, h.country.port, h.submits, h.imaps, h.https, h.country.dns.Addr, h.settings)
	h.write(t, "sealpost.toml", []byte(strings.NewReplacer(h.edits...).Replace(settings)))
}

// open writes the configuration, makes one account and starts the server.
func (h *house) open(t *testing.T, name string) {
	t.Helper()
	h.configure(t)
	secret, public, err := pgp.GenerateKey(name, name+"@"+h.domain, pgp.Compat, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.person = person{Address: name + "@" + h.domain, SecretKey: h.write(t, "secret.asc", secret)}
	h.sealpost(t, "account", "add", h.person.Address, "--key", h.write(t, "public.asc", public))
	h.person.Password = strings.TrimSpace(h.sealpost(t, "password", "add", h.person.Address, "--name", "test", "--file-sent"))
	h.serve(t)
}

// serve starts the server and ends it with the test.
func (h *house) serve(t *testing.T) {
	t.Helper()
	line := append(slices.Clone(h.wrap), h.program(t), "serve", "--config", h.file("sealpost.toml"))
	h.cmd = exec.Command(line[0], line[1:]...)
	h.cmd.Env = append(append(os.Environ(), "SSL_CERT_FILE="+h.country.trusted(t)), h.env...)
	h.cmd.Stderr = &h.log
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close(t) })
	await(t, h.domain+" to be ready", func() bool {
		conn, err := net.Dial("tcp", h.smtp())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (h *house) close(t *testing.T) {
	t.Helper()
	if h.cmd == nil {
		return
	}
	h.signal(syscall.SIGTERM)
	if err := h.cmd.Wait(); err != nil && len(h.wrap) == 0 {
		t.Errorf("%s ended with %v", h.domain, err)
	}
	h.cmd = nil
	if t.Failed() {
		t.Logf("%s said:\n%s", h.domain, tail(h.log.String(), 4000))
	}
}

// signal reaches the server itself, whatever it runs under.
func (h *house) signal(s syscall.Signal) {
	pid := h.cmd.Process.Pid
	if len(h.wrap) > 0 {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		fmt.Sscan(string(children), &pid)
	}
	syscall.Kill(pid, s)
}

// kill ends the server as a power cut would, as far as a process can.
func (h *house) kill() {
	h.signal(syscall.SIGKILL)
	h.cmd.Wait()
	h.cmd = nil
}

// trusted is a file of every house's certificate.
func (c *country) trusted(t *testing.T) string {
	t.Helper()
	var all []byte
	for _, h := range c.houses {
		text, err := os.ReadFile(h.file("tls.pem"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return c.houses[0].write(t, "trusted.pem", all)
}

// submit sends a mail by curl, as its owner's mail program would.
func (h *house) submit(t *testing.T, text string, to ...string) {
	t.Helper()
	if out, err := h.trySubmit(t, text, to...); err != nil {
		t.Fatalf("submit: %v\n%s", err, out)
	}
}

func (h *house) trySubmit(t *testing.T, text string, to ...string) (string, error) {
	t.Helper()
	args := []string{"-sS", "-v", "--cacert", h.file("tls.pem"), "--connect-to", "::" + h.submits,
		"--url", "smtps://mx." + h.domain + ":465/client.test", "--mail-from", h.person.Address, "--user", h.person.Address + ":" + h.person.Password, "-T", "-"}
	for _, r := range to {
		args = append(args, "--mail-rcpt", r)
	}
	cmd := exec.Command("curl", args...)
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// trust believes this house's certificate.
func (h *house) trust(t *testing.T) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(h.file("tls.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool, ServerName: "mx." + h.domain}
}

// mailbox opens every mail of a mailbox with its owner's key.
func (h *house) mailbox(t *testing.T, name string) (opened []string, sealed [][]byte) {
	t.Helper()
	keys := clientKeys(t, h.person)
	c, err := imapclient.DialTLS(h.imaps, &imapclient.Options{TLSConfig: h.trust(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(h.person.Address, h.person.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	err = fetchAll(c, name, func(m served) error {
		var out bytes.Buffer
		_, err := pgp.Opener{Keys: keys}.Open(t.Context(), bytes.NewReader(m.mail), &out)
		opened, sealed = append(opened, out.String()), append(sealed, m.mail)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened, sealed
}

// letter opens one letter.
func (h *house) letter(t *testing.T, letter string) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := (pgp.Opener{Keys: clientKeys(t, h.person)}).Open(t.Context(), strings.NewReader(letter), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// arrival waits for a mail with a word in it and returns it, opened.
func (h *house) arrival(t *testing.T, box, word string) string {
	t.Helper()
	var found string
	await(t, "a mail with "+word, func() bool {
		opened, _ := h.mailbox(t, box)
		for _, m := range opened {
			if strings.Contains(m, word) {
				found = m
			}
		}
		return found != ""
	})
	return found
}

// await polls until something is so, for at most a minute.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain for %s", what)
		}
	}
}
