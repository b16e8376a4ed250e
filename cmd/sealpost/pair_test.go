package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/smtp"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealpost/config"
	"sealpost/smtp/dns/dnstest"
)

// A pair is two servers that write to each other, and the DNS they both ask: demo.test
// with ann, far.example with bob.
type pair struct {
	t        *testing.T
	dns      *dnstest.Server
	ann, bob *house
}

// house is one of them.
type house struct {
	*site
	up               *server
	person, password string
	secret           string // file of the person's OpenPGP key
	log              *words
	level            *slog.LevelVar
}

// words is a log.
type words struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// pairZone is what both publish; they ask for reports, and agree to get them.
const pairZone = `
demo.test.               MX 10 mail.demo.test.
mail.demo.test.          A 127.0.0.1
demo.test.               TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.demo.test.        TXT "v=DMARC1; p=reject; rua=mailto:postmaster@demo.test"
_smtp._tls.demo.test.    TXT "v=TLSRPTv1; rua=mailto:postmaster@demo.test"
far.example.             MX 10 mail.far.example.
mail.far.example.        A 127.0.0.1
far.example.             TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.far.example.      TXT "v=DMARC1; p=reject; rua=mailto:postmaster@far.example"
_smtp._tls.far.example.  TXT "v=TLSRPTv1; rua=mailto:postmaster@far.example"
bank.example.            MX 10 mail.far.example.
bank.example.            TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.bank.example.     TXT "v=DMARC1; p=reject; rua=mailto:postmaster@bank.example"
`

// newPair starts both. change may edit a configuration file before.
func newPair(t *testing.T, change func(text string) string) *pair {
	t.Helper()
	p := &pair{t: t, dns: dnstest.New(t, pairZone)}
	a, b := freeBase(t)+25, freeBase(t)+25
	p.ann = p.open("demo.test", "ann", a, b, change)
	p.bob = p.open("far.example", "bob", b, a, change)
	return p
}

func (p *pair) open(domain, person string, in, out int, change func(string) string) *house {
	p.t.Helper()
	h := &house{site: newSite(p.t), person: person + "@" + domain, log: new(words), level: new(slog.LevelVar)}
	text := strings.NewReplacer(
		`"demo.test", "other.test"`, fmt.Sprintf("%q", domain), "demo.test", domain,
		"[screen]\non = false", "[screen]\non = true",
		"[smtp]\nlisten = [\"127.0.0.1:0\"]", fmt.Sprintf("[smtp]\nlisten = [\"127.0.0.1:%d\"]\n[outbound]\nport = %d", in, out),
	).Replace(string(read(p.t, h.config)))
	text += fmt.Sprintf("[dns]\nservers = [%q]\n[metrics]\nlisten = [\"127.0.0.1:0\"]\n", p.dns.Addr)
	if change != nil {
		text = change(text)
	}
	h.write(p.t, "sealpost.toml", []byte(text))
	var err error
	if h.settings, err = config.Load(h.config); err != nil {
		p.t.Fatal(err)
	}
	flag := "--config=" + h.config
	var public string
	h.secret, public = h.keys(p.t, h.person)
	must(p.t, "account", "add", h.person, "--key", public, flag)
	h.level.Set(slog.LevelDebug)
	h.up = h.serveSaying(p.t, slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: h.level})), h.level)
	h.password = strings.TrimSpace(must(p.t, "password", "add", h.person, "--name=test", flag))
	return h
}

// submit sends a mail as the house's person, and returns what the server said no with.
func (h *house) submit(t testing.TB, to, text string) error {
	t.Helper()
	conn, err := net.Dial("tcp", h.up.submitDoors[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(trust(t, filepath.Join(h.dir, "ca.pem"))); err != nil {
		t.Fatal(err)
	}
	if err := c.Auth(smtp.PlainAuth("", h.person, h.password, "localhost")); err != nil {
		return err
	}
	if err := c.Mail(h.person); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	io.WriteString(w, text)
	return w.Close()
}

// mails is how many are in the person's INBOX.
func (h *house) mails(t testing.TB) int {
	t.Helper()
	n := 0
	for {
		got := do(t, "", "message", "get", h.person, fmt.Sprint(n+1), "--config="+h.config)
		if got.code != exitDone {
			return n
		}
		n++
	}
}

// opened is a mail of the person's INBOX, as it arrived.
func (h *house) opened(t testing.TB, uid int) string {
	t.Helper()
	sealed := must(t, "message", "get", h.person, fmt.Sprint(uid), "--config="+h.config)
	got := do(t, sealed, "open", "--restore", "--key", h.secret)
	if got.code != exitDone {
		t.Fatalf("mail %d does not open: %s", uid, got.err)
	}
	return got.out
}

func letterTo(from, to, subject string) string {
	return fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nSealpost-Encrypt: no\r\n\r\nHello.\r\n", from, to, subject)
}
