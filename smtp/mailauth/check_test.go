package mailauth_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

func TestHonestMail(t *testing.T) {
	t.Parallel()
	v := check(t, checker(dnstest.New(t, zone(t))), session(), sign(t, signer(), letter))
	if v.SPF.Result != mailauth.Pass || v.Helo.Result != mailauth.Pass || v.IPRev.Result != mailauth.Pass || v.IPRev.Name != "mx.example.org" {
		t.Errorf("client: %+v %+v %+v", v.SPF, v.Helo, v.IPRev)
	}
	if len(v.DKIM) != 2 || v.DKIM[0].Result != mailauth.Pass || v.DKIM[1].Result != mailauth.Pass {
		t.Errorf("DKIM: %+v", v.DKIM)
	}
	if v.DMARC.Result != "pass" || v.Reject != "" || v.From == nil || v.From.String() != "joe@example.org" || v.ARC.Result != mailauth.None {
		t.Errorf("DMARC %+v, From %v, Reject %q, ARC %+v", v.DMARC, v.From, v.Reject, v.ARC)
	}
}

// A failure of the DNS is temperror everywhere, never fail.
func TestSilentDNS(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone(t))
	for _, name := range []string{"example.org", "mx.example.org", "r._domainkey.example.org", "e._domainkey.example.org", "_dmarc.example.org", "1.2.0.192.in-addr.arpa"} {
		s.Fault(name, dnstest.ServFail)
	}
	v := check(t, checker(s), session(), sign(t, signer(), letter))
	for what, r := range map[string]mailauth.Result{
		"SPF": v.SPF.Result, "HELO": v.Helo.Result, "iprev": v.IPRev.Result,
		"RSA": v.DKIM[0].Result, "Ed25519": v.DKIM[1].Result, "DMARC": mailauth.Result(v.DMARC.Result),
	} {
		if r != mailauth.TempError {
			t.Errorf("%s: %s, want temperror", what, r)
		}
	}
}

// What is not known when the time is over is temperror, and the time is kept.
func TestTimeIsKept(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone(t))
	for _, name := range []string{"example.org", "r._domainkey.example.org", "_dmarc.example.org", "1.2.0.192.in-addr.arpa"} {
		s.Fault(name, dnstest.Silent)
	}
	c := checker(s)
	c.Time = 200 * time.Millisecond
	start := time.Now()
	v := check(t, c, session(), sign(t, signer(), letter))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if v.SPF.Result != mailauth.TempError || v.DKIM[0].Result != mailauth.TempError || v.DMARC.Result == "fail" {
		t.Errorf("SPF %+v, DKIM %+v, DMARC %+v", v.SPF, v.DKIM, v.DMARC)
	}
}

// Whoever sends a mail has the zones of the client, of the reverse-path and of the
// signatures: that they never answer does not keep the owner of From from being asked.
func TestSlowSender(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone(t))
	for _, name := range []string{"evil.test", "r._domainkey.evil.test", "helo.evil.test", "9.2.0.192.in-addr.arpa"} {
		s.Fault(name, dnstest.Silent)
	}
	c := checker(s)
	c.Time, c.DNS.Timeout = 3*time.Second, time.Minute
	slow := mailauth.Session{IP: netip.MustParseAddr("192.0.2.9"), Helo: "helo.evil.test", From: &mail.Address{Local: "x", Domain: "evil.test"}}
	by := signer()
	by.Domain = "evil.test"
	v := check(t, c, slow, sign(t, by, letter))
	if v.SPF.Result != mailauth.TempError || v.DKIM[0].Result != mailauth.TempError {
		t.Errorf("SPF %+v, DKIM %+v", v.SPF, v.DKIM)
	}
	if v.DMARC.Result != "fail" || v.DMARC.Disposition != "reject" {
		t.Errorf("DMARC %+v", v.DMARC)
	}
}

// tornMail fails when its body is read.
type tornMail struct {
	mail.Bytes
	from int64
}

func (m tornMail) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > m.from {
		return 0, errors.New("torn")
	}
	return m.Bytes.ReadAt(p, at)
}

// Mails with several signatures that break off leave nothing behind, as the
// verifier of go-msgauth does.
func TestAbortedMailsLeaveNoGoroutine(t *testing.T) {
	s := dnstest.New(t, zone(t))
	c := checker(s)
	text := sign(t, signer(), sign(t, signer(), letter)) + strings.Repeat("more\r\n", 20_000)
	whole := wire(text)
	h := header(t, whole)
	c.Check(t.Context(), session(), h, whole) // the resolver's own, once
	before := runtime.NumGoroutine()
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 0 {
			cancel()
		}
		v := c.Check(ctx, session(), h, tornMail{whole, h.End})
		cancel()
		for _, sig := range v.DKIM {
			if sig.Result != mailauth.TempError {
				t.Fatalf("a torn mail's signature: %+v", sig)
			}
		}
	}
	after := runtime.NumGoroutine()
	for end := time.Now().Add(5 * time.Second); after > before+5 && time.Now().Before(end); after = runtime.NumGoroutine() {
		runtime.Gosched() // sockets of the resolver may still be closing
	}
	if after > before+5 {
		t.Errorf("%d goroutines before, %d after 100 aborted mails", before, after)
	}
}

// The body is read once, in pieces, whatever number of signatures there is.
type countingMail struct {
	mail.Bytes
	body int64
	most int
	read int64
}

func (m *countingMail) ReadAt(p []byte, at int64) (int, error) {
	n, err := m.Bytes.ReadAt(p, at)
	if at >= m.body {
		m.read += int64(n)
		m.most = max(m.most, len(p))
	}
	return n, err
}

func TestBodyIsReadOnce(t *testing.T) {
	t.Parallel()
	text := sign(t, signer(), sign(t, signer(), letter+strings.Repeat("line\r\n", 100_000)))
	m := wire(text)
	h := header(t, m)
	counted := &countingMail{Bytes: m, body: h.End}
	v := checker(dnstest.New(t, zone(t))).Check(t.Context(), session(), h, counted)
	if len(v.DKIM) != 4 || v.DKIM[3].Result != mailauth.Pass {
		t.Fatalf("%+v", v.DKIM)
	}
	if size := m.Size() - h.End; counted.read != size || counted.most > 64<<10 {
		t.Errorf("%d bytes of %d read, at most %d at once", counted.read, size, counted.most)
	}
}

func TestNullReversePath(t *testing.T) {
	t.Parallel()
	s := session()
	s.From = nil
	v := check(t, checker(dnstest.New(t, zone(t))), s, letter)
	if v.SPF.Result != mailauth.Pass || !v.SPF.Helo || v.SPF.Domain != "mx.example.org" || v.DMARC.Result != "pass" {
		t.Errorf("SPF %+v, DMARC %+v", v.SPF, v.DMARC)
	}
}

func TestIPRev(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone(t)+"2.2.0.192.in-addr.arpa. PTR mx.example.org.\n"+
		"3.2.0.192.in-addr.arpa. PTR gone.example.org.\n3.2.0.192.in-addr.arpa. PTR three.example.org.\nthree.example.org. A 192.0.2.3\n")
	for ip, want := range map[string]mailauth.Result{"192.0.2.1": "pass", "192.0.2.2": "fail", "192.0.2.3": "pass", "192.0.2.4": "permerror", "::ffff:192.0.2.1": "pass"} {
		client := session()
		client.IP = netip.MustParseAddr(ip)
		if v := check(t, checker(s), client, letter); v.IPRev.Result != want {
			t.Errorf("%s: %+v, want %s", ip, v.IPRev, want)
		}
	}
}

func TestHeaderTooLong(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("X-Filler: "+strings.Repeat("x", 900)+"\r\n", 400) + sign(t, signer(), letter)
	v := check(t, checker(dnstest.New(t, zone(t))), session(), text)
	if v.Reject == "" || v.From != nil || len(v.DKIM) != 0 || v.DMARC.Result == "pass" {
		t.Errorf("%+v", v)
	}
}
