package mailauth_test

import (
	"bytes"
	"crypto"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// cpu is the processor time of this process, which neighbours do not add to.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs f and reports its processor time.
func measure(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64((cpu()-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

// sized is a mail of about so many bytes, as text with spaces or as base64.
func sized(bytes int, text bool) string {
	line := "The quick brown fox jumps over the lazy dog, and nobody looks at it at all.\r\n"
	if !text {
		line = strings.Repeat("QUJD", 19) + "\r\n"
	}
	return letter + strings.Repeat(line, bytes/len(line))
}

// The judging of a mail with an RSA and an Ed25519 signature, DNS remembered.
func BenchmarkCheck(b *testing.B) {
	c := checker(dnstest.New(b, zone(b)))
	for _, size := range []struct {
		name  string
		bytes int
		text  bool
	}{{"4KB", 4 << 10, true}, {"75KB", 75 << 10, false}, {"75KBtext", 75 << 10, true}} {
		b.Run(size.name, func(b *testing.B) {
			m := wire(sign(b, signer(), sized(size.bytes, size.text)))
			h := header(b, m)
			measure(b, func() {
				if v := c.Check(b.Context(), session(), h, m); v.DMARC.Result != "pass" || v.DKIM[1].Result != mailauth.Pass {
					b.Fatalf("%+v", v)
				}
			})
		})
	}
}

func BenchmarkSign(b *testing.B) {
	for _, size := range []int{4 << 10, 75 << 10} {
		m := []byte(sized(size, false))
		name := map[int]string{4 << 10: "4KB", 75 << 10: "75KB"}[size]
		b.Run("ours/"+name, func(b *testing.B) {
			measure(b, func() {
				if _, err := signer().Sign(bytes.NewReader(m)); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run("go-msgauth/"+name, func(b *testing.B) {
			measure(b, func() { signTheirs(b, m) })
		})
	}
}

// signTheirs signs with both keys as go-msgauth can: each hashes the body anew.
func signTheirs(b *testing.B, m []byte) {
	b.Helper()
	r, e := testKeys()
	var signers []*msgauth.Signer
	var writers []io.Writer
	for selector, key := range map[string]crypto.Signer{"r": r, "e": e} {
		s, err := msgauth.NewSigner(&msgauth.SignOptions{
			Domain: "example.org", Selector: selector, Signer: key,
			HeaderCanonicalization: msgauth.CanonicalizationRelaxed, BodyCanonicalization: msgauth.CanonicalizationRelaxed,
			HeaderKeys: []string{"From", "From", "To", "To", "Cc", "Subject", "Subject", "Date", "Date", "Message-ID", "Message-ID"},
		})
		if err != nil {
			b.Fatal(err)
		}
		signers, writers = append(signers, s), append(writers, s)
	}
	if _, err := io.MultiWriter(writers...).Write(m); err != nil {
		b.Fatal(err)
	}
	for _, s := range signers {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
