package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
)

// TestCauseNamesNobody: whatever went wrong with another server, the log does not
// say which one it was.
func TestCauseNamesNobody(t *testing.T) {
	t.Parallel()
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 77), Port: 25}
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: err} }
	leaf := &x509.Certificate{DNSNames: []string{"mx.canary.example"}}
	for want, err := range map[string]error{
		"the connection was refused":                    op(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"there is no way to its address":                op(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
		"it took too long":                              op(os.ErrDeadlineExceeded),
		"the connection was closed":                     op(io.ErrUnexpectedEOF),
		"network error":                                 op(errors.New("canary")),
		"network: no buffer space available":            op(os.NewSyscallError("connect", syscall.ENOBUFS)),
		"no such name in the DNS":                       &net.DNSError{Err: "no such host", Name: "mx.canary.example", IsNotFound: true},
		"the DNS did not answer":                        op(&net.DNSError{Err: "server misbehaving", Name: "mx.canary.example"}),
		"the certificate is for another name":           &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: leaf, Host: "canary.example"}},
		"the certificate has expired":                   x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired},
		"the certificate is not valid":                  x509.CertificateInvalidError{Cert: leaf, Reason: x509.NameMismatch, Detail: "canary"},
		"nobody known signed the certificate":           x509.UnknownAuthorityError{Cert: leaf},
		"what came is not TLS":                          tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"TLS alert: tls: bad certificate":               fmt.Errorf("x: %w", tls.AlertError(42)),
		"TLS alert: x":                                  &net.OpError{Op: "remote error", Addr: at, Err: errors.New("x")},
		"TLS alert: tls: unknown certificate authority": &net.OpError{Op: "remote error", Addr: at, Err: errors.New("tls: unknown certificate authority")},
		"it was cancelled":                              &url.Error{Op: "Get", URL: "https://mta-sts.canary.example/", Err: context.Canceled},
		"the server answered RCPT with 550 5.1.1":       &Refused{Step: "RCPT", Reply: Reply{550, "5.1.1", "no canary here"}},
		"":                      nil,
		"words of our own: all": fmt.Errorf("words of our own: %w", errors.New("all")),
	} {
		got := Cause(fmt.Errorf("%w", err))
		if err == nil {
			got = Cause(nil)
		}
		if got != want {
			t.Errorf("%v becomes %q, want %q", err, got, want)
		}
	}
	full := fmt.Errorf("store: %w", &os.PathError{Op: "write", Path: "/data", Err: syscall.ENOSPC})
	for err, want := range map[error]string{
		full: full.Error(), io.ErrUnexpectedEOF: "unexpected EOF", op(io.ErrUnexpectedEOF): "the connection was closed",
		fmt.Errorf("take mail: %w", op(os.NewSyscallError("read", syscall.ECONNRESET))): "the connection was closed",
	} {
		if got := Trouble(err); got != want {
			t.Errorf("%v becomes %q, want %q", err, got, want)
		}
	}
	if got := Cause(&url.Error{Op: "Get", URL: "https://mta-sts.canary.example/", Err: errors.New("x")}); got != "network error" {
		t.Error(got)
	}
}
