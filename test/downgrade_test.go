package test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
)

// A middleman stands where a house's name leads, and does to those who come what
// his mood is: pass them on, take STARTTLS away on the way, or pretend to be the
// server himself.
type middleman struct {
	at, to string
	fake   *sink

	mu    sync.Mutex
	mood  string
	heard strings.Builder // from who came, while nothing was passed on unread
}

const (
	passes  = "passes"
	strips  = "strips"
	poses   = "poses"
	nowhere = "127.0.0.66" // where the middleman is
)

func newMiddleman(t *testing.T, port int, to string, cert *tls.Certificate) *middleman {
	t.Helper()
	m := &middleman{at: net.JoinHostPort(nowhere, strconv.Itoa(port)), to: to, fake: &sink{seen: map[string]bool{}, open: map[net.Conn]bool{}}}
	if cert != nil {
		m.fake.tls = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	l, err := net.Listen("tcp", m.at)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.meet(conn)
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return m
}

func (m *middleman) be(mood string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
}

// learned is what he read.
func (m *middleman) learned() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.String() + m.fake.bare()
}

func (m *middleman) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.Write(p)
}

func (m *middleman) meet(conn net.Conn) {
	m.mu.Lock()
	mood := m.mood
	m.mu.Unlock()
	if mood == poses {
		m.fake.serve(conn)
		return
	}
	defer conn.Close()
	on, err := net.Dial("tcp", m.to)
	if err != nil {
		return
	}
	defer on.Close()
	if mood == passes {
		go io.Copy(on, conn)
		io.Copy(conn, on)
		return
	}
	go io.Copy(on, io.TeeReader(conn, m))
	for lines := bufio.NewReader(on); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasSuffix(line, "STARTTLS\r\n") {
			line = line[:4] + "XXXXXXXX\r\n" // as some firewalls do
		}
		io.WriteString(conn, line)
	}
}

// metric is a number of a house.
func metric(t *testing.T, at, name string) float64 {
	t.Helper()
	reply, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// outcomes is the number of sessions that ended so.
func outcomes(t *testing.T, at, policy, result string) float64 {
	t.Helper()
	return metric(t, at, fmt.Sprintf(`sealpost_outbound_tls_total{policy=%q,result=%q}`, policy, result))
}

// defers submits a mail, has all that wait tried, and sees that none leaves and that
// the queue says why.
func (h *house) defers(t *testing.T, word, to, why string) {
	t.Helper()
	waited := len(h.queue(t))
	h.submit(t, aboutWord(h.person.Address, to, word), to)
	h.tried(t, waited+1)
	tries := func() (n int) {
		for _, m := range h.queue(t) {
			n += m.Recipients[0].Attempts
		}
		return n
	}
	before := tries()
	h.retries(t, "another attempt for "+word, func() bool { return tries() > before })
	if all := h.queue(t); len(all) != waited+1 {
		t.Errorf("%s: %d mails wait, want %d", word, len(all), waited+1)
	}
	if list := h.sealpost(t, "queue", "list"); !strings.Contains(list, why) {
		t.Errorf("%s: the queue does not say %q:\n%s", word, why, list)
	}
}

// retries has all that waits tried until something is so. What is being sent at the
// moment of a retry is not tried once more, so one is not enough.
func (h *house) retries(t *testing.T, what string, so func() bool) {
	t.Helper()
	next := time.Now()
	await(t, what, func() bool {
		if so() {
			return true
		}
		if time.Now().After(next) {
			h.sealpost(t, "queue", "retry", "all")
			next = time.Now().Add(time.Second)
		}
		return false
	})
}

// attacked is a house whose numbers can be read.
func attacked(t *testing.T, h *house) (numbers string) {
	t.Helper()
	numbers = fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1"))
	h.settings = fmt.Sprintf("[metrics]\nlisten = [%q]\n", numbers)
	h.open(t, "ann")
	h.sealpost(t, "account", "set", h.person.Address, "--encrypt=never") // nobody is asked for keys
	return numbers
}

// D05: somebody on the way to a server with DANE lies about its names, hides its
// TLSA records, takes STARTTLS away, and poses as it. Nothing leaves, nothing is
// said in the clear, everything is counted; and when he is gone all arrives.
func TestD05Downgrade(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	c := newCountry(t, "a.test", "b.test")
	a, b := c.houses[0], c.houses[1]
	c.dns.Set(strings.Replace(c.zone(), "mx.b.test. A "+b.ip, "mx.b.test. A "+nowhere, 1))
	other := selfSigned(t)
	m := newMiddleman(t, c.port, b.smtp(), &other)
	b.open(t, "bob")
	numbers := attacked(t, a)
	bob := b.person.Address

	c.dns.Fault("b.test", dnstest.ServFail, "MX") // what a validating resolver makes of a lie
	a.defers(t, "word-names", bob, "the domain could not be looked up")
	c.dns.Fault("b.test", 0, "MX")
	c.dns.Fault(fmt.Sprintf("_%d._tcp.mx.b.test", c.port), dnstest.ServFail)
	m.be(poses)
	a.defers(t, "word-hidden", bob, "cannot be protected")
	c.dns.Fault(fmt.Sprintf("_%d._tcp.mx.b.test", c.port), 0)
	m.be(strips)
	a.defers(t, "word-stripped", bob, "cannot be protected")
	m.be(poses)
	a.defers(t, "word-posed", bob, "cannot be protected")

	for result, word := range map[string]string{"dnssec-invalid": "hidden records", "starttls-not-supported": "stripping", "validation-failure": "posing"} {
		if outcomes(t, numbers, "tlsa", result) == 0 {
			t.Errorf("nobody counts %s (%s)", word, result)
		}
	}
	if n := outcomes(t, numbers, "tlsa", "success"); n > 0 {
		t.Errorf("%v sessions are said to be protected", n)
	}
	learned := m.learned()
	for _, secret := range []string{"MAIL", "RCPT", "word-", "bob", "ann"} {
		if strings.Contains(learned, secret) {
			t.Errorf("D05: the middleman reads %q:\n%s", secret, learned)
		}
	}
	if !strings.Contains(learned, "EHLO mx.a.test") || len(m.fake.took()) > 0 {
		t.Errorf("the middleman was not there, or got mail: %d\n%s", len(m.fake.took()), learned)
	}

	m.be(passes)
	a.retries(t, "an empty queue", func() bool { return len(a.queue(t)) == 0 })
	for _, word := range []string{"word-names", "word-hidden", "word-stripped", "word-posed"} {
		wants(t, word, b.arrival(t, "INBOX", "Here is "+word), "(TLS1.3")
	}
	if outcomes(t, numbers, "tlsa", "success") == 0 {
		t.Error("nobody counts what went well")
	}
}

// D05: a domain without DNSSEC has an MTA-STS policy. Who lies about its exchanger,
// even one with TLS and a certificate, gets nothing.
func TestD05FakeExchanger(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	c := newCountry(t, "a.test", "s.test")
	a, s := c.houses[0], c.houses[1]
	s.publishPolicy(t)
	honest := strings.Replace(c.zone(), "s.test. MX", "s.test. 1 MX", 1) + "_mta-sts.s.test. TXT \"v=STSv1; id=1\"\nmta-sts.s.test. A " + policyAt + "\n"
	lie := strings.Replace(honest, "s.test. 1 MX 10 mx.s.test.", "s.test. 1 MX 10 mx.evil.test.", 1) + "mx.evil.test. A " + nowhere + "\n"
	c.dns.Set(lie)
	c.dns.Secure(false)
	own := selfSigned(t)
	m := newMiddleman(t, c.port, s.smtp(), &own)
	m.be(poses)
	far := s.sink(t)
	numbers := attacked(t, a)

	a.defers(t, "word-lied", "x@s.test", "cannot be protected")
	if outcomes(t, numbers, "sts", "validation-failure") == 0 {
		t.Error("nobody counts the lie")
	}
	if learned := m.learned(); strings.Contains(learned, "MAIL") || len(m.fake.took()) > 0 {
		t.Errorf("D05: the fake exchanger got %d mails and read\n%s", len(m.fake.took()), learned)
	}
	c.dns.Set(honest)
	a.retries(t, "the lie to be forgotten", func() bool { return len(far.with("word-lied")) > 0 })
	if p := far.with("word-lied")[0]; !p.tls || outcomes(t, numbers, "sts", "success") == 0 {
		t.Errorf("it went over TLS: %v", p.tls)
	}
}

// policyAt is where policies are served in these tests: HTTPS has one port.
const policyAt = "127.0.0.67"

// publishPolicy serves the MTA-STS policy of a house.
func (h *house) publishPolicy(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		skip(t, "port 443 wants root")
	}
	l, err := net.Listen("tcp", policyAt+":443")
	if err != nil {
		t.Fatal(err)
	}
	text := "version: STSv1\r\nmode: enforce\r\nmx: mx." + h.domain + "\r\nmax_age: 86400\r\n"
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, text)
	})}
	go server.ServeTLS(l, h.file("tls.pem"), h.file("tls.key"))
	t.Cleanup(func() { server.Close() })
}

// RFC 8689: mail that demands TLS all the way waits for servers that promise it,
// and comes back with the reason when there is none in time.
func TestRequireTLS(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "bare.test", "loose.test", "good.test")
	a := c.houses[0]
	// The first has no TLS at all, and claims none; the second TLS and no promise.
	c.dns.Set(strings.Replace(c.zone(), fmt.Sprintf("_%d._tcp.mx.bare.test", c.port), "unused.test", 1))
	bare := c.houses[1].sink(t, func(s *sink) { s.tls = nil })
	loose := c.houses[2].sink(t)
	good := c.houses[3].sink(t, func(s *sink) { s.offers = []string{"REQUIRETLS"} })
	attacked(t, a)
	s, me := a.client(t), a.person.Address
	text := func(word string) []byte { return []byte("From: <" + me + ">\r\n\r\nHere is " + word + ".\r\n") }
	if _, err := s.post(me, "REQUIRETLS", text("word-strict"), "x@bare.test", "x@loose.test", "x@good.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.post(me, "", text("word-usual"), "x@bare.test"); err != nil {
		t.Fatal(err)
	}
	await(t, "the mail that may leave", func() bool { return len(good.with("word-strict")) > 0 && len(bare.with("word-usual")) > 0 })
	if p := good.with("word-strict")[0]; !p.tls || !strings.Contains(p.from, "REQUIRETLS") {
		t.Errorf("it left as %q, TLS %v", p.from, p.tls)
	}
	a.tried(t, 1)
	wants(t, "the queue", a.sealpost(t, "queue", "show", a.queue(t)[0].ID), "4.7.10", "4.7.30")
	a.age(t, 6*24*time.Hour)
	a.serve(t)
	notice := a.arrival(t, "INBOX", "Action: failed")
	wants(t, "what came back", notice, "x@bare.test Action: failed Status: 5.7.10", "x@loose.test Action: failed Status: 5.7.30")
	if len(bare.with("word-strict"))+len(loose.with("word-strict")) > 0 || strings.Contains(bare.bare(), "word-strict") {
		t.Error("mail that demands TLS left without")
	}
}
