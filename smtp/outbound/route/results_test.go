package route

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

// What a TLS report says of a failure names no machine of ours, and repeats no
// certificate.
func TestDetail(t *testing.T) {
	t.Parallel()
	inside := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 41234}
	there := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 25}
	broken := &net.OpError{Op: "read", Net: "tcp", Source: inside, Addr: there, Err: syscall.ECONNRESET}
	stranger := &x509.Certificate{DNSNames: []string{"10.0.0.5.internal"}}
	for want, err := range map[string]error{
		"the connection was closed":                fmt.Errorf("starttls: %w", broken),
		"network error":                            &net.OpError{Op: "read", Source: inside, Addr: there, Err: errors.New("odd")},
		"the DNS did not answer":                   &net.DNSError{Err: "misbehaving", Name: "mx.there.example", Server: "10.0.0.5:53"},
		"the certificate is for another name":      &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: stranger, Host: "mx.there.example"}},
		"the policy names no such exchanger":       errors.New("the policy names no such exchanger"),
		"what " + strings.Repeat("a ", 97) + "x":   errors.New("what " + strings.Repeat("a ", 97) + "xyz"),
		"TLS alert: remote error: handshake broke": &net.OpError{Op: "remote error", Source: inside, Err: errors.New("remote error: handshake broke")},
	} {
		if got := detail(err); got != want || strings.Contains(got, "10.0.0.5") {
			t.Errorf("%v is told as %q, want %q", err, got, want)
		}
	}
}
