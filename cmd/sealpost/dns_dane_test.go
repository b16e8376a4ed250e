package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/config"
	"sealpost/smtp/dns/dnstest"
)

// twoCertificates is a site that shows one certificate or the other, each below one more.
func twoCertificates(t testing.TB) (s *site, first, second []*x509.Certificate) {
	t.Helper()
	s = keyed(t, "demo.test")
	s.settings.ACME = config.ACME{On: true, Directory: config.Default().ACME.Directory, Folder: s.dir}
	for _, name := range []string{"mail.demo.test", "mail.demo.test+rsa"} {
		var chain []byte
		for _, of := range []string{"mail.demo.test", "An authority"} {
			file := filepath.Join(t.TempDir(), "x.pem")
			if err := issue(template(of, time.Hour), nil, file, file+".key"); err != nil {
				t.Fatal(err)
			}
			chain = append(chain, read(t, file)...)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), chain, 0o600); err != nil {
			t.Fatal(err)
		}
		parsed, err := chainOf(chain)
		if err != nil || len(parsed) != 2 {
			t.Fatalf("%d certificates, %v", len(parsed), err)
		}
		first, second = second, parsed
	}
	return s, first, second
}

// Every certificate that the server shows needs a record, and one that leads elsewhere
// is never taken for right (RFC 7672).
func TestDNSCheckDANE(t *testing.T) {
	t.Parallel()
	s, first, second := twoCertificates(t)
	a, b := first[0], second[0]
	key := func(c *x509.Certificate) string {
		return fmt.Sprintf("3 1 1 %x", sha256.Sum256(c.RawSubjectPublicKeyInfo))
	}
	for name, c := range map[string]struct {
		records []string
		want    string // of each certificate
	}{
		"none":             {nil, "ok"},
		"one each":         {[]string{key(a), key(b)}, "ok, ok"},
		"of one only":      {[]string{key(b)}, "bad, ok"},
		"of the other":     {[]string{key(a)}, "ok, bad"},
		"whole, two sums":  {[]string{fmt.Sprintf("3 0 1 %x", sha256.Sum256(a.Raw)), fmt.Sprintf("3 1 2 %x", sha512.Sum512(b.RawSubjectPublicKeyInfo))}, "ok, ok"},
		"in full":          {[]string{fmt.Sprintf("3 0 0 %x", a.Raw), fmt.Sprintf("3 1 0 %x", b.RawSubjectPublicKeyInfo)}, "ok, ok"},
		"above them":       {[]string{fmt.Sprintf("2 1 1 %x", sha256.Sum256(first[1].RawSubjectPublicKeyInfo)), fmt.Sprintf("2 0 2 %x", sha512.Sum512(second[1].Raw))}, "ok, ok"},
		"above, as a leaf": {[]string{fmt.Sprintf("3 1 1 %x", sha256.Sum256(first[1].RawSubjectPublicKeyInfo))}, "bad, bad"},
		"a stale 3 0 1":    {[]string{fmt.Sprintf("3 0 1 %x", sha256.Sum256([]byte("old")))}, "bad, bad"},
		"a foreign 2 1 1":  {[]string{fmt.Sprintf("2 1 1 %x", sha256.Sum256([]byte("foreign")))}, "bad, bad"},
		"a wrong 3 1 2":    {[]string{fmt.Sprintf("3 1 2 %x", sha512.Sum512([]byte("wrong")))}, "bad, bad"},
		"a stale one more": {[]string{key(a), key(b), fmt.Sprintf("3 0 1 %x", sha256.Sum256([]byte("old")))}, "ok, ok"},
		"of no use":        {[]string{fmt.Sprintf("1 1 1 %x", sha256.Sum256(a.RawSubjectPublicKeyInfo))}, "warn, warn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var zone strings.Builder
			for _, r := range c.records {
				fmt.Fprintf(&zone, "_25._tcp.mail.demo.test. TLSA %s\n", r)
			}
			_, said := checked(t, s, worldOf(t, dnstest.New(t, zone.String()), ""), "")
			var all []looked
			if err := json.Unmarshal([]byte(said.out), &all); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range all {
				if l.What != "DANE" {
					continue
				}
				own := []*x509.Certificate{a, b}[len(got)]
				if l.Verdict != asWanted && !strings.HasSuffix(l.Record, " TLSA "+key(own)) {
					t.Errorf("certificate %d: add %q", len(got), l.Record)
				}
				got = append(got, string(l.finding().State))
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A zone has a record for each certificate that will stay.
func TestZoneHasBothCertificates(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.ACME = config.ACME{On: true, Directory: config.Default().ACME.Directory, Folder: s.dir}
	leaf := read(t, filepath.Join("testdata", "leaf.pem"))
	s.write(t, "mail.demo.test", leaf)
	s.write(t, "mail.demo.test+rsa", leaf)
	var out bytes.Buffer
	if err := (dnsRecordsCommand{}).in(t.Context(), console{nil, &out, &out}, s.settings, worldOf(t, dnstest.New(t, ""), "")); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n_25._tcp.mail IN TLSA  3 1 1 "); n != 2 {
		t.Errorf("%d TLSA records in\n%s", n, &out)
	}
}
