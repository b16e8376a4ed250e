package route

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealpost/smtp/dns"
	"sealpost/smtp/dns/dnstest"
)

const daneZone = `
dane.example. IN MX 10 mx.dane.example.
mx.dane.example. IN A 192.0.2.1
`

// daneWorld is one exchanger with a certificate and TLSA records for it.
func daneWorld(t *testing.T, cert func(*authority) tls.Certificate, records func(*authority, tls.Certificate) []string) (*world, *peer) {
	t.Helper()
	w := newWorld(t, daneZone)
	p := w.listen("192.0.2.1:25", &peer{cert: cert(w.ca)})
	w.records("_25._tcp.mx.dane.example.", daneZone, records(w.ca, p.cert)...)
	return w, p
}

func (w *world) records(name, zone string, records ...string) {
	for _, r := range records {
		zone += name + " IN TLSA " + r + "\n"
	}
	w.names.Set(zone)
}

func plainCert(a *authority) tls.Certificate { return a.issue(long, "mx.dane.example") }

func TestDANE(t *testing.T) {
	t.Parallel()
	stranger := newAuthority(t)
	strange := stranger.issue(long, "mx.dane.example")
	ee := func(_ *authority, c tls.Certificate) []string { return []string{tlsa311(c)} }
	ta := func(a *authority, _ tls.Certificate) []string {
		return []string{fmt.Sprintf("2 0 1 %x", sha256.Sum256(a.cert.Raw))}
	}
	old := func(a *authority) tls.Certificate { return a.issue(-time.Hour, "mx.dane.example") }
	wrong := func(a *authority) tls.Certificate { return a.issue(long, "elsewhere.example") }
	for name, c := range map[string]struct {
		cert    func(*authority) tls.Certificate
		records func(*authority, tls.Certificate) []string
		how     string
		told    string
		err     error
	}{
		"EE key sha256": {plainCert, ee, "dane", "tlsa ok", nil},
		"EE key sha512": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{fmt.Sprintf("3 1 2 %x", sha512.Sum512(c.Leaf.RawSubjectPublicKeyInfo))}
		}, "dane", "tlsa ok", nil},
		"EE certificate sha256": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{fmt.Sprintf("3 0 1 %x", sha256.Sum256(c.Leaf.Raw))}
		}, "dane", "tlsa ok", nil},
		"EE key in full": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{fmt.Sprintf("3 1 0 %x", c.Leaf.RawSubjectPublicKeyInfo)}
		}, "dane", "tlsa ok", nil},
		"EE expired":          {old, ee, "dane", "tlsa ok", nil},
		"EE for another name": {wrong, ee, "dane", "tlsa ok", nil},
		"EE self-signed":      {selfSigned, ee, "dane", "tlsa ok", nil},
		"one of several":      {plainCert, func(a *authority, c tls.Certificate) []string { return []string{tlsa311(strange), tlsa311(c)} }, "dane", "tlsa ok", nil},
		"a weaker digest beside": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{tlsa311(strange), fmt.Sprintf("3 1 2 %x", sha512.Sum512(c.Leaf.RawSubjectPublicKeyInfo))}
		}, "dane", "tlsa ok", nil},
		"only the weaker digest": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{tlsa311(c), fmt.Sprintf("3 1 2 %x", sha512.Sum512([]byte("another")))}
		}, "", "tlsa validation-failure", ErrPolicy},
		"digests of two kinds": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{tlsa311(c), fmt.Sprintf("3 0 2 %x", sha512.Sum512([]byte("another")))}
		}, "dane", "tlsa ok", nil},
		"EE of somebody else": {plainCert, func(*authority, tls.Certificate) []string { return []string{tlsa311(strange)} }, "", "tlsa validation-failure", ErrPolicy},
		"EE with the TA's key": {plainCert, func(a *authority, _ tls.Certificate) []string {
			return []string{tlsa311(tls.Certificate{Leaf: a.cert})}
		}, "", "tlsa validation-failure", ErrPolicy},
		"TA": {plainCert, ta, "dane", "tlsa ok", nil},
		"TA key": {plainCert, func(a *authority, _ tls.Certificate) []string {
			return []string{fmt.Sprintf("2 1 1 %x", sha256.Sum256(a.cert.RawSubjectPublicKeyInfo))}
		}, "dane", "tlsa ok", nil},
		"TA in full, not sent": {func(a *authority) tls.Certificate {
			c := plainCert(a)
			c.Certificate = c.Certificate[:1]
			return c
		}, func(a *authority, _ tls.Certificate) []string { return []string{fmt.Sprintf("2 0 0 %x", a.cert.Raw)} }, "dane", "tlsa ok", nil},
		"TA for the domain's name": {func(a *authority) tls.Certificate { return a.issue(long, "dane.example") }, ta, "dane", "tlsa ok", nil},
		"TA for another name":      {wrong, ta, "", "tlsa certificate-host-mismatch", ErrPolicy},
		"TA expired":               {old, ta, "", "tlsa certificate-expired", ErrPolicy},
		"TA did not sign":          {func(a *authority) tls.Certificate { return inserted(a, strange) }, ta, "", "tlsa certificate-not-trusted", ErrPolicy},
		"unusable": {plainCert, func(_ *authority, c tls.Certificate) []string {
			return []string{"1 1 1 " + tlsa311(c)[6:], "3 1 1 abcd", "3 2 1 " + tlsa311(c)[6:], "3 1 9 " + tlsa311(c)[6:], "2 0 0 00"}
		}, "opportunistic", "tlsa tlsa-invalid, no-policy-found ok", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := daneWorld(t, c.cert, c.records)
			s := w.expect("dane.example", Usual, c.how, c.told, c.err)
			if p.sni() != "mx.dane.example" || p.count() != 1 {
				t.Errorf("asked for %q in %d sessions", p.sni(), p.count())
			}
			if c.how == "dane" && (s == nil || !s.Verified) {
				t.Error("not verified")
			}
		})
	}
}

func selfSigned(a *authority) tls.Certificate {
	key := newKey(a.t)
	leaf := sign(a.t, &x509.Certificate{}, nil, key, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// inserted is a stranger's certificate with the authority's in its chain, which
// did not sign it.
func inserted(a *authority, c tls.Certificate) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Certificate[0], a.cert.Raw}, PrivateKey: c.PrivateKey.(*ecdsa.PrivateKey), Leaf: c.Leaf}
}

// Records that DNSSEC does not vouch for are as if they were not there; records
// nobody can tell of hold mail back; TLS that is missing does too.
func TestDANEDoubted(t *testing.T) {
	t.Parallel()
	ee := func(_ *authority, c tls.Certificate) []string { return []string{tlsa311(c)} }
	wrong := func(*authority, tls.Certificate) []string { return []string{"3 1 1 " + fmt.Sprintf("%064x", 1)} }
	for name, c := range map[string]struct {
		records func(*authority, tls.Certificate) []string
		change  func(*world, *peer)
		how     string
		told    string
		err     error
	}{
		"no AD":            {wrong, func(w *world, _ *peer) { w.names.Secure(false) }, "opportunistic", "no-policy-found ok", nil},
		"not trusted":      {wrong, func(w *world, _ *peer) { w.DNS.Trust = false }, "opportunistic", "no-policy-found ok", nil},
		"MX insecure":      {wrong, func(w *world, _ *peer) { w.names.Fault("dane.example", dnstest.Insecure) }, "opportunistic", "no-policy-found ok", nil},
		"address insecure": {wrong, func(w *world, _ *peer) { w.names.Fault("mx.dane.example", dnstest.Insecure) }, "opportunistic", "no-policy-found ok", nil},
		"TLSA insecure":    {wrong, func(w *world, _ *peer) { w.names.Fault("_25._tcp.mx.dane.example", dnstest.Insecure) }, "opportunistic", "no-policy-found ok", nil},
		"TLSA bogus":       {ee, func(w *world, _ *peer) { w.names.Fault("_25._tcp.mx.dane.example", dnstest.ServFail) }, "", "tlsa dnssec-invalid", ErrPolicy},
		"TLSA silent":      {ee, func(w *world, _ *peer) { w.names.Fault("_25._tcp.mx.dane.example", dnstest.Silent) }, "", "tlsa dnssec-invalid", ErrPolicy},
		"MX bogus":         {ee, func(w *world, _ *peer) { w.names.Fault("dane.example", dnstest.ServFail) }, "", "", dns.ErrTemporary},
		"STARTTLS gone":    {ee, func(_ *world, p *peer) { p.noTLS = true }, "", "tlsa starttls-not-supported", ErrPolicy},
		"STARTTLS refused": {ee, func(_ *world, p *peer) { p.no454 = true }, "", "tlsa starttls-not-supported", ErrPolicy},
		"TLS broken":       {ee, func(_ *world, p *peer) { p.broken = true }, "", "tlsa validation-failure", ErrPolicy},
		"unusable, no TLS": {func(*authority, tls.Certificate) []string { return []string{"3 1 1 00"} }, func(_ *world, p *peer) { p.noTLS = true }, "", "tlsa tlsa-invalid, no-policy-found starttls-not-supported", ErrPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := daneWorld(t, plainCert, c.records)
			c.change(w, p)
			w.expect("dane.example", Usual, c.how, c.told, c.err)
		})
	}
}

// Of two exchangers the one whose records are met is taken.
func TestDANENextOne(t *testing.T) {
	t.Parallel()
	zone := daneZone + "dane.example. IN MX 20 two.dane.example.\ntwo.dane.example. IN A 192.0.2.2\n"
	w := newWorld(t, zone)
	bad := w.listen("192.0.2.1:25", &peer{cert: plainCert(w.ca)})
	good := w.listen("192.0.2.2:25", &peer{cert: w.ca.issue(long, "two.dane.example")})
	w.records("_25._tcp.mx.dane.example.", zone+"_25._tcp.two.dane.example. IN TLSA "+tlsa311(good.cert)+"\n", tlsa311(good.cert))
	if s := w.expect("dane.example", Usual, "dane", "tlsa validation-failure, tlsa ok", nil); s.Host != "two.dane.example" || bad.count() != 1 {
		t.Error(s)
	}
}

// Aliases: records count where they lead, if all of the way is certain, else at
// the alias, if that is (RFC 7672, section 2.2.2).
func TestDANEAliases(t *testing.T) {
	t.Parallel()
	const zone = `
dane.example. IN MX 10 alias.dane.example.
alias.dane.example. IN CNAME mx.host.example.
mx.host.example. IN A 192.0.2.1
`
	for name, c := range map[string]struct {
		under    []string
		insecure bool // what the alias leads to
		sni, how string
	}{
		"at the end":          {[]string{"mx.host.example"}, false, "mx.host.example", "dane"},
		"at the alias":        {[]string{"alias.dane.example"}, false, "alias.dane.example", "dane"},
		"at both":             {[]string{"mx.host.example", "alias.dane.example"}, false, "mx.host.example", "dane"},
		"end insecure":        {[]string{"mx.host.example"}, true, "alias.dane.example", "opportunistic"},
		"alias, end insecure": {[]string{"alias.dane.example"}, true, "alias.dane.example", "dane"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, zone)
			p := w.listen("192.0.2.1:25", &peer{cert: w.ca.issue(long, "alias.dane.example")})
			text := zone
			for _, n := range c.under {
				text += "_25._tcp." + n + ". IN TLSA " + tlsa311(p.cert) + "\n"
			}
			w.names.Set(text)
			if c.insecure {
				w.names.Fault("alias.dane.example", dnstest.Insecure, "A", "AAAA")
				w.names.Fault("mx.host.example", dnstest.Insecure)
			}
			s, err := w.open("dane.example", Usual)
			if err != nil || s.How != c.how || p.sni() != c.sni {
				t.Errorf("%+v, %v, asked for %q", s, err, p.sni())
			}
		})
	}
	w := newWorld(t, zone)
	w.names.Fault("alias.dane.example", dnstest.Insecure, "A", "AAAA")
	w.names.Fault("alias.dane.example", dnstest.ServFail, "CNAME")
	w.expect("dane.example", Usual, "", "tlsa dnssec-invalid", ErrPolicy)
}

func TestREQUIRETLSByDANE(t *testing.T) {
	t.Parallel()
	w, p := daneWorld(t, selfSigned, func(_ *authority, c tls.Certificate) []string { return []string{tlsa311(c)} })
	w.expect("dane.example", Strict, "", "tlsa ok", ErrPolicy)
	p.offers = []string{"REQUIRETLS"}
	if s := w.expect("dane.example", Strict, "dane", "tlsa ok", nil); s == nil || !s.RequireTLS {
		t.Error(s)
	}
}

// A chain without certificates, and reports.
func TestDANEEdges(t *testing.T) {
	t.Parallel()
	d := daneCheck{records: []dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}}, now: time.Now}
	if err := d.check(tls.ConnectionState{}); !errors.Is(err, errNoMatch) {
		t.Error(err)
	}
	if got := written([]dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: []byte{0xab, 1}}}); !slices.Equal(got, []string{"3 1 1 ab01"}) {
		t.Error(got)
	}
}
