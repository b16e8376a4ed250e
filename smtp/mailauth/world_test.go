package mailauth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// noon is when tests happen.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// keys of the tests, made once: RSA takes long on a busy machine.
var testKeys = sync.OnceValues(func() (*rsa.PrivateKey, ed25519.PrivateKey) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return r, e
})

// signer signs for example.org with both kinds of key.
func signer() *mailauth.Signer {
	r, e := testKeys()
	return &mailauth.Signer{
		Domain: "example.org", Now: func() time.Time { return noon },
		Keys: []mailauth.SigningKey{{Selector: "r", Private: r}, {Selector: "e", Private: e}},
	}
}

// txtRecord writes a TXT record for a zone, cut into strings.
func txtRecord(name, text string) string {
	var b strings.Builder
	b.WriteString(name + ". TXT")
	for len(text) > 0 {
		n := min(200, len(text))
		b.WriteString(` "` + strings.ReplaceAll(text[:n], ";", `\;`) + `"`)
		text = text[n:]
	}
	return b.String() + "\n"
}

func record(t testing.TB, private any) string {
	t.Helper()
	s, err := mailauth.Record(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// zone is the world of the tests: example.org sends from 192.0.2.1.
func zone(t testing.TB) string {
	r, e := testKeys()
	return txtRecord("example.org", "v=spf1 ip4:192.0.2.1 -all") +
		txtRecord("_dmarc.example.org", "v=DMARC1; p=reject") +
		txtRecord("mx.example.org", "v=spf1 ip4:192.0.2.1 -all") +
		txtRecord("r._domainkey.example.org", record(t, r)) +
		txtRecord("e._domainkey.example.org", record(t, e)) +
		"1.2.0.192.in-addr.arpa. PTR mx.example.org.\nmx.example.org. A 192.0.2.1\n"
}

func checker(s *dnstest.Server) *mailauth.Checker {
	return &mailauth.Checker{DNS: s.Resolver(), Now: func() time.Time { return noon }}
}

func session() mailauth.Session {
	return mailauth.Session{IP: netip.MustParseAddr("192.0.2.1"), Helo: "mx.example.org", From: &mail.Address{Local: "joe", Domain: "example.org"}}
}

func header(t testing.TB, m mail.Bytes) mail.Header {
	t.Helper()
	h, err := mail.ReadHeader(m, 0, mail.DefaultLimits.Header)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func check(t testing.TB, c *mailauth.Checker, s mailauth.Session, text string) mailauth.Verdict {
	t.Helper()
	m := bytes.NewReader([]byte(text))
	return c.Check(t.Context(), s, header(t, m), m)
}

func sign(t testing.TB, s *mailauth.Signer, text string) string {
	t.Helper()
	fields, err := s.Sign(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

const letter = "From: Joe <joe@example.org>\r\nTo: sue@example.net\r\nSubject: dinner\r\n" +
	"Date: Wed, 1 Jul 2026 11:59:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHi.\r\n\r\nAre you  hungry yet? \r\n\r\n\r\n"
