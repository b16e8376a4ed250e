package route

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/smtp/dns/dnstest"
)

const stsZone = `
sts.example. IN MX 10 mx.sts.example.
mx.sts.example. IN A 192.0.2.1
mta-sts.sts.example. IN A 192.0.2.80
`

const (
	announced = `_mta-sts.sts.example. IN TXT "v=STSv1; id=20260101;"` + "\n"
	enforced  = "version: STSv1\r\nmode: enforce\r\nmx: mx.sts.example\r\nmax_age: 604800\r\n"
)

// A mail that would rather go in the clear than not at all (RFC 8689, section 5)
// meets no policy and is in no report.
func TestLax(t *testing.T) {
	t.Parallel()
	w, p, _ := stsWorld(t, enforced)
	p.cert = w.ca.issue(-time.Minute, "mx.sts.example")
	w.expect("sts.example", Usual, "", "sts certificate-expired", ErrPolicy)
	w.expect("sts.example", Lax, "opportunistic", "", nil)
	p.noTLS = true
	w.expect("sts.example", Lax, "plain", "", nil)

	w = newWorld(t, daneZone)
	p = w.listen("192.0.2.1:25", &peer{cert: selfSigned(w.ca)})
	w.records("_25._tcp.mx.dane.example.", daneZone, tlsa311(selfSigned(w.ca)))
	w.expect("dane.example", Usual, "", "tlsa validation-failure", ErrPolicy)
	w.expect("dane.example", Lax, "opportunistic", "", nil)
}

// stsWorld is one exchanger under a policy. DNSSEC is nowhere.
func stsWorld(t *testing.T, text string) (*world, *peer, *policyServer) {
	t.Helper()
	w := newWorld(t, stsZone+announced)
	w.names.Secure(false)
	p := w.listen("192.0.2.1:25", &peer{cert: w.ca.issue(long, "mx.sts.example")})
	return w, p, w.policies("192.0.2.80:443", w.ca.issue(long, "mta-sts.sts.example"), text)
}

func TestMTASTS(t *testing.T) {
	t.Parallel()
	testing_ := strings.Replace(enforced, "enforce", "testing", 1)
	for name, c := range map[string]struct {
		text   string
		change func(*world, *peer)
		how    string
		told   string
		err    error
	}{
		"good":            {enforced, nil, "mta-sts", "sts ok", nil},
		"pattern":         {strings.Replace(enforced, "mx.sts", "*.sts", 1), nil, "mta-sts", "sts ok", nil},
		"not named":       {strings.Replace(enforced, "mx.sts", "mx2.sts", 1), nil, "", "sts validation-failure", ErrPolicy},
		"pattern too far": {strings.Replace(enforced, "mx.sts", "*", 1), nil, "", "sts validation-failure", ErrPolicy},
		"stranger": {enforced, func(w *world, p *peer) {
			p.cert = newAuthority(w.t).issue(long, "mx.sts.example")
		}, "", "sts certificate-not-trusted", ErrPolicy},
		"other name": {enforced, func(w *world, p *peer) { p.cert = w.ca.issue(long, "sts.example") }, "", "sts certificate-host-mismatch", ErrPolicy},
		"expired":    {enforced, func(w *world, p *peer) { p.cert = w.ca.issue(-time.Minute, "mx.sts.example") }, "", "sts certificate-expired", ErrPolicy},
		"no TLS":     {enforced, func(_ *world, p *peer) { p.noTLS = true }, "", "sts starttls-not-supported", ErrPolicy},
		"refused":    {enforced, func(_ *world, p *peer) { p.no454 = true }, "", "sts starttls-not-supported", ErrPolicy},
		"broken TLS": {enforced, func(_ *world, p *peer) { p.broken = true }, "", "sts validation-failure", ErrPolicy},

		"testing, good":       {testing_, nil, "opportunistic", "sts ok", nil},
		"testing, not named":  {strings.Replace(testing_, "mx.sts", "mx2.sts", 1), nil, "opportunistic", "sts validation-failure, sts ok", nil},
		"testing, other name": {testing_, func(w *world, p *peer) { p.cert = w.ca.issue(long, "sts.example") }, "opportunistic", "sts certificate-host-mismatch", nil},
		"testing, no TLS":     {testing_, func(_ *world, p *peer) { p.noTLS = true }, "plain", "sts starttls-not-supported", nil},
		"none":                {"version: STSv1\nmode: none\nmax_age: 86400\n", func(_ *world, p *peer) { p.noTLS = true }, "plain", "no-policy-found starttls-not-supported", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p, _ := stsWorld(t, c.text)
			if c.change != nil {
				c.change(w, p)
			}
			s := w.expect("sts.example", Usual, c.how, c.told, c.err)
			if c.how == "mta-sts" && (s == nil || !s.Verified || p.sni() != "mx.sts.example") {
				t.Errorf("%+v, asked for %q", s, p.sni())
			}
		})
	}
}

// What comes instead of a policy at the first contact is reported and binds nobody.
func TestMTASTSFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *policyServer)
		told   string
	}{
		"redirect":  {func(_ *world, p *policyServer) { p.set(func(p *policyServer) { p.status = 302 }) }, "sts sts-policy-fetch-error"},
		"not there": {func(_ *world, p *policyServer) { p.set(func(p *policyServer) { p.status = 404 }) }, "sts sts-policy-fetch-error"},
		"HTML":      {func(_ *world, p *policyServer) { p.set(func(p *policyServer) { p.kind = "text/html" }) }, "sts sts-policy-invalid"},
		"nonsense":  {func(_ *world, p *policyServer) { p.set(func(p *policyServer) { p.text = "mode: enforce" }) }, "sts sts-policy-invalid"},
		"huge": {func(_ *world, p *policyServer) {
			p.set(func(p *policyServer) { p.text = enforced + strings.Repeat("x\n", 40000) })
		}, "sts sts-policy-invalid"},
		"no server":  {func(w *world, _ *policyServer) { w.mu.Lock(); delete(w.where, "192.0.2.80:443"); w.mu.Unlock() }, "sts sts-policy-fetch-error"},
		"no address": {func(w *world, _ *policyServer) { w.names.Fault("mta-sts.sts.example", dnstest.ServFail) }, "sts sts-policy-fetch-error"},
		"wrong name": {func(w *world, _ *policyServer) {
			w.policies("192.0.2.80:443", w.ca.issue(long, "sts.example"), enforced)
		}, "sts sts-webpki-invalid"},
		"expired": {func(w *world, _ *policyServer) {
			w.policies("192.0.2.80:443", w.ca.issue(-time.Hour, "mta-sts.sts.example"), enforced)
		}, "sts sts-webpki-invalid"},
		"stranger": {func(w *world, _ *policyServer) {
			w.policies("192.0.2.80:443", newAuthority(w.t).issue(long, "mta-sts.sts.example"), enforced)
		}, "sts sts-webpki-invalid"},
		"two records": {func(w *world, _ *policyServer) {
			w.names.Set(stsZone + announced + strings.Replace(announced, "2026", "2025", 1))
		}, ""},
		"no id": {func(w *world, _ *policyServer) { w.names.Set(stsZone + strings.Replace(announced, "id=", "ID=", 1)) }, ""},
		"hangs": {func(w *world, p *policyServer) {
			w.Timeout = 300 * time.Millisecond
			hang := make(chan struct{})
			w.t.Cleanup(func() { close(hang) })
			p.set(func(p *policyServer) { p.hang = hang })
		}, "sts sts-policy-fetch-error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, server := stsWorld(t, enforced)
			c.change(w, server)
			told := "no-policy-found ok"
			if c.told != "" {
				told = c.told + ", " + told
			}
			w.expect("sts.example", Usual, "opportunistic", told, nil)
		})
	}
	w, _, _ := stsWorld(t, enforced)
	w.names.Fault("_mta-sts.sts.example", dnstest.ServFail)
	if _, err := w.open("sts.example", Usual); err == nil {
		t.Error("nobody knows whether there is a policy, and mail goes out")
	}
}

func TestPolicyIsKept(t *testing.T) {
	t.Parallel()
	w, p, server := stsWorld(t, enforced)
	good := func(told string) {
		t.Helper()
		w.expect("sts.example", Usual, "mta-sts", told, nil)
	}
	fetched := func(n int) {
		t.Helper()
		if server.count() != n {
			t.Errorf("fetched %d times, not %d", server.count(), n)
		}
	}
	good("sts ok")
	good("sts ok")
	fetched(1)

	w.later(25 * time.Hour) // daily, though the id is the same
	good("sts ok")
	fetched(2)

	w.names.Set(stsZone) // the record vanishes: the policy stays
	w.later(2 * time.Hour)
	good("sts ok")
	p.noTLS = true
	w.expect("sts.example", Usual, "", "sts starttls-not-supported", ErrPolicy)
	w.names.Fault("_mta-sts.sts.example", dnstest.ServFail)
	w.later(2 * time.Hour)
	w.expect("sts.example", Usual, "", "sts starttls-not-supported", ErrPolicy)
	w.names.Fault("_mta-sts.sts.example", 0)
	p.noTLS = false
	fetched(2)

	// A new id, whose policy cannot be had: the old one stays, and the server is
	// left alone for a while.
	w.names.Set(stsZone + strings.Replace(announced, "2026", "2027", 1))
	w.later(2 * time.Hour)
	server.set(func(p *policyServer) { p.status = 500 })
	good("sts sts-policy-fetch-error, sts ok")
	good("sts sts-policy-fetch-error, sts ok")
	fetched(3)
	server.set(func(p *policyServer) {
		p.status, p.text = 200, "version: STSv1\nmode: none\nmax_age: 86400\n"
	})
	w.later(pause)
	w.expect("sts.example", Usual, "opportunistic", "no-policy-found ok", nil)
	fetched(4)
}

// memory is a PolicyStore, as a database is.
type memory struct {
	mu   sync.Mutex
	all  map[string]Policy
	fail error
}

func (m *memory) Policy(_ context.Context, domain string) (Policy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[domain], m.fail
}

func (m *memory) KeepPolicy(_ context.Context, p Policy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.all[p.Domain] = p
	}
	return m.fail
}

func TestPolicyStore(t *testing.T) {
	t.Parallel()
	w, p, _ := stsWorld(t, enforced)
	m := &memory{all: map[string]Policy{}}
	w.Policies = m
	w.expect("STS.example", Usual, "mta-sts", "sts ok", nil)
	kept := m.all["sts.example"]
	if kept.Mode != "enforce" || kept.ID != "20260101" || kept.Expires.Sub(kept.Fetched) != 7*24*time.Hour {
		t.Errorf("%+v", kept)
	}

	// A new process, whose attacker takes the record and TLS away.
	again, q, _ := stsWorld(t, enforced)
	again.Policies = m
	again.names.Set(stsZone)
	q.noTLS = true
	again.expect("sts.example", Usual, "", "sts starttls-not-supported", ErrPolicy)

	// A store that fails may hold a policy: mail waits. One that cannot keep does not matter.
	m.fail = errors.New("disk")
	third, _, _ := stsWorld(t, enforced)
	third.Policies = m
	if _, err := third.open("sts.example", Usual); !errors.Is(err, m.fail) {
		t.Error(err)
	}
	w.names.Set(stsZone + strings.Replace(announced, "2026", "2027", 1))
	w.later(2 * time.Hour)
	p.noTLS = false
	w.expect("sts.example", Usual, "mta-sts", "sts ok", nil)
}

func TestPolicyIsFetchedOnce(t *testing.T) {
	t.Parallel()
	w, _, server := stsWorld(t, enforced)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if p, err := w.policy(t.Context(), "sts.example"); err != nil || p.Mode != "enforce" {
				t.Error(p, err)
			}
		})
	}
	all.Wait()
	if server.count() != 1 {
		t.Errorf("fetched %d times at once", server.count())
	}
}

// DANE goes before MTA-STS: what meets it needs no WebPKI, and what does not is
// not saved by it. A policy that nobody can tell of does not matter then.
func TestDANEBeforeSTS(t *testing.T) {
	t.Parallel()
	w, p, _ := stsWorld(t, enforced)
	w.names.Secure(true)
	p.cert = selfSigned(w.ca)
	w.records("_25._tcp.mx.sts.example.", stsZone+announced, tlsa311(p.cert))
	w.expect("sts.example", Usual, "dane", "tlsa ok", nil)
	w.names.Fault("_mta-sts.sts.example", dnstest.ServFail)
	w.later(25 * time.Hour)
	w.expect("sts.example", Usual, "dane", "tlsa ok", nil)
	p.cert = w.ca.issue(long, "mx.sts.example")
	w.expect("sts.example", Usual, "", "tlsa validation-failure", ErrPolicy)
}

func TestREQUIRETLSBySTS(t *testing.T) {
	t.Parallel()
	w, p, _ := stsWorld(t, enforced)
	p.offers = []string{"REQUIRETLS"}
	if s := w.expect("sts.example", Strict, "mta-sts", "sts ok", nil); s == nil || !s.RequireTLS {
		t.Error(s)
	}
	p.offers = nil
	w.expect("sts.example", Strict, "", "sts ok", ErrPolicy)
}

func TestRecordID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"v=STSv1; id=20160831085700Z;": "20160831085700Z", "v=STSv1;id=a": "a", "v=STSv1 ; id=a ; x=y": "a", "v=STSv1; x=y; id=b;": "b",
		"": "", "v=STSv1": "", "v=STSv1;": "", "v=STSv2; id=a": "", "v=STSv10; id=a": "", "v=STSv1; id=": "", "v=STSv1; id=a b;": "", "v=STSv1; id=a-b;": "",
		"v=STSv1; id=" + strings.Repeat("a", 33): "", "V=STSv1; id=a": "", "v=spf1 -all": "",
	} {
		if got := recordID([]string{"some other text", text}); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	p, age, err := parsePolicy("version: STSv1\nmode:testing\nmx: MX.example.com\nmx:  *.example.net\nmax_age: 99999999\nmode: none\nfuture: x\n")
	if err != nil || p.Mode != "testing" || strings.Join(p.MX, " ") != "mx.example.com *.example.net" || age != maxAge*time.Second {
		t.Error(p, age, err)
	}
	for _, bad := range []string{
		"", "version: STSv2\nmode: none\nmax_age: 1", "mode: none\nmax_age: 1", "version: STSv1\nmode: none", "version: STSv1\nmode: strict\nmx: a\nmax_age: 1",
		"version: STSv1\nmode: enforce\nmax_age: 1", "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1", "version: STSv1\nmode: enforce\nmx: *.*.a\nmax_age: 1",
		"version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1", "version: STSv1\nmode: none\nmax_age: -1", "version: STSv1\nmode: none\nmax_age: 1e3",
		"version: STSv1\nmode: enforce\nmax_age: 1\n" + strings.Repeat("mx: a\n", maxPatterns+1), "version: STSv1\nmode: none\nmax_age: 99999999999",
	} {
		if p, _, err := parsePolicy(bad); !errors.Is(err, errPolicyInvalid) {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	p := Policy{MX: []string{"mx.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mx.example.com": true, "MX.Example.com": true, "a.example.net": true, "example.net": false, "a.b.example.net": false, "aexample.net": false,
		"example.com": false, "xmx.example.com": false,
	} {
		if p.names(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}
