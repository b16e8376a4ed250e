package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/outbound/route"
)

// canaries are words that stand in mails, addresses, names of servers and mailboxes of
// TestLogNamesNobody, and must not stand in a log.
const canaryZone = pairZone + `
bouncecanary.example.   MX 10 mail.far.example.
closedcanary.example.   MX 10 mx.closedcanary.example.
mx.closedcanary.example. A 127.0.0.9
nullcanary.example.     MX 0 .
reportcanary.example.   TXT "v=spf1 -all"
_smtp._tls.reportcanary.example. TXT "v=TLSRPTv1; rua=https://web.reportcanary.invalid/"
`

// TestLogNamesNobody: mail comes, leaves, bounces, is refused, and cannot be sent, people
// sign in and fail to, and at level debug the log of both servers holds no word of a mail,
// no address, no domain, no mailbox, no address of a client or of another server.
func TestLogNamesNobody(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(text string) string {
		return strings.Replace(text, "listen_tls = []\n[submission]", "listen_tls = [\"127.0.0.1:0\"]\n[submission]", 1)
	})
	p.dns.Set(canaryZone)
	p.dns.Fault("failcanary.example.", dnstest.ServFail)
	p.sendAll()
	p.signInBadly()
	p.askTheDoor()
	p.useIMAP()
	p.failReports()
	said := []string{
		"mail stored", "mail submitted", "mail queued", "mail attempted", "mail refused", "no session for a mail", "sign-in refused", "IMAP sign-in refused",
		"http request", "a report waits", "marks of a mail", "mail not taken", "TLS handshake failed", "TLS alert: tls: bad certificate", "reloaded",
	}
	must(t, "reload", "--config="+p.ann.config)
	until(t, "everything to be said", func() bool {
		for _, what := range said {
			if !strings.Contains(p.ann.log.String(), what) {
				return false
			}
		}
		return strings.Contains(p.bob.log.String(), "mail stored")
	})
	never := regexp.MustCompile(`(?i)canary|\bann\b|\bbob\b|@|demo\.test|far\.example|bank\.example|127\.0\.0|reportcanary|openpgpkey`)
	for name, log := range map[string]string{"ann's": p.ann.log.String(), "bob's": p.bob.log.String()} {
		for line := range strings.SplitSeq(log, "\n") {
			line = strings.NewReplacer(p.ann.dir, "DIR", p.bob.dir, "DIR").Replace(line)
			if at := never.FindString(line); at != "" {
				t.Errorf("%s log says %q: %s", name, at, line)
			}
		}
	}
	// The marks are there to be found.
	for _, name := range []string{"Bob@far.example", "canary@bank.example", "127.0.0.1"} {
		m := strings.TrimSpace(must(t, "mark", name, "--config="+p.ann.config))
		if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(m) || !strings.Contains(p.ann.log.String(), m) {
			t.Errorf("%s has the mark %q, which the log does not say", name, m)
		}
	}
	fails(t, exitFailed, []string{"neither a mail address nor an IP address"}, "mark", "x", "--config="+p.ann.config)
}

// sendAll sends mail that ends in every way.
func (p *pair) sendAll() {
	t := p.t
	t.Helper()
	for to, want := range map[string]string{
		"bob@far.example": "", "nobodycanary@far.example": "", "canary@bouncecanary.example": "", "canary@closedcanary.example": "",
		"canary@nullcanary.example": "", "canary@nosuchcanary.example": "", "canary@failcanary.example": "", "nobodycanary@demo.test": "550",
	} {
		err := p.ann.submit(t, to, letterTo("ann@demo.test", to, "canary"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("mail to %s: %v, want %q", to, err, want)
		}
	}
	if err := p.ann.submit(t, "bob@far.example", letterTo("canary@demo.test", "bob@far.example", "canary")); err == nil {
		t.Error("ann wrote as somebody else")
	}
	until(t, "bob's mail", func() bool { return p.bob.mails(t) == 1 })
	// Notices of mail that was refused at once, by three domains or their servers.
	until(t, "ann's notices", func() bool { return p.ann.mails(t) >= 4 })
	if err := p.bob.submit(t, "ann@demo.test", letterTo("bob@far.example", "ann@demo.test", "canary")); err != nil {
		t.Error(err)
	}
	hangUp(t, p.ann)
	for _, c := range [][3]string{{"canary@bank.example", "ann@demo.test", "550"}, {"canary@bank.example", "nobodycanary@demo.test", "550"}, {"canary@bank.example", "x@relaycanary.example", "550"}} {
		err := stranger(p.ann, c[0], c[1])
		if err == nil || !strings.HasPrefix(err.Error(), c[2]) {
			t.Errorf("a stranger's mail to %s: %v", c[1], err)
		}
	}
}

// hangUp breaks off in the middle of a mail, by a reset.
func hangUp(t *testing.T, h *house) {
	t.Helper()
	conn, err := net.Dial("tcp", h.up.smtpDoors[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &wireSMTP{conn, bufio.NewReader(conn)}
	c.hear(t)
	for _, line := range []string{"EHLO canary.example", "MAIL FROM:<canary@canary.example>", "RCPT TO:<ann@demo.test>", "DATA"} {
		c.say(t, line)
	}
	fmt.Fprintf(conn, "Subject: canary\r\n\r\ncanary")
	errs := conn.(*net.TCPConn).SetLinger(0)
	if err := errors.Join(errs, conn.Close()); err != nil {
		t.Fatal(err)
	}
}

func stranger(h *house, from, to string) error {
	c, err := smtp.Dial(h.up.smtpDoors[0].Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Hello("mx.canary.example"), c.Mail(from)); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "From: <%s>\r\nTo: <%s>\r\nSubject: canary\r\n\r\ncanary\r\n", from, to)
	return w.Close()
}

// signInBadly tries wrong passwords, and TLS that is none.
func (p *pair) signInBadly() {
	t := p.t
	t.Helper()
	thief := *p.ann
	thief.person, thief.password = "canary@demo.test", "canary-canary"
	if err := thief.submit(t, "x@far.example", ""); err == nil {
		t.Error("a thief signed in")
	}
	at := p.ann.up.imapsDoors[0].Addr().String()
	c, err := imapclient.DialTLS(at, &imapclient.Options{TLSConfig: trust(t, p.ann.dir+"/ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login("canary@demo.test", "canary").Wait(); err == nil {
		t.Error("a thief signed in")
	}
	c.Close()
	for _, door := range []string{at, p.ann.up.submitsDoors[0].Addr().String()} {
		if conn, err := tls.Dial("tcp", door, &tls.Config{ServerName: "canary.example"}); err == nil { // who trusts nobody
			conn.Close()
			t.Error("an unknown certificate was believed")
		}
	}
}

// askTheDoor asks for keys and pages.
func (p *pair) askTheDoor() {
	t := p.t
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust(t, p.ann.dir+"/ca.pem")}}
	defer client.CloseIdleConnections()
	for _, host := range []string{"openpgpkey.demo.test", "canary.example"} {
		req, err := http.NewRequest("GET", "https://"+p.ann.up.httpsDoors[0].Addr().String()+"/.well-known/openpgpkey/demo.test/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=canary", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// useIMAP makes and misses mailboxes, and files a mail.
func (p *pair) useIMAP() {
	t := p.t
	t.Helper()
	c, err := imapclient.DialTLS(p.ann.up.imapsDoors[0].Addr().String(), &imapclient.Options{TLSConfig: trust(t, p.ann.dir+"/ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(p.ann.person, p.ann.password).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create("canarybox", nil).Wait(); err != nil {
		t.Error(err)
	}
	if _, err := c.Select("canarynone", nil).Wait(); err == nil {
		t.Error("a mailbox that is not there was selected")
	}
	text := letterTo("ann@demo.test", "canary@canary.example", "canary")
	a := c.Append("canarybox", int64(len(text)), nil)
	io.WriteString(a, text)
	if err := errors.Join(a.Close(), c.Logout().Wait()); err != nil {
		t.Error(err)
	}
}

// failReports has a report that cannot be posted.
func (p *pair) failReports() {
	r := p.ann.up.reports
	r.tls(route.TLSResult{Domain: "reportcanary.example", PolicyType: "sts", Result: "sts-webpki-invalid", MX: "mx.reportcanary.example"})
	r.daily(p.t.Context(), time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(spread))
}
