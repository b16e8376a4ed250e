package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// Cause puts an error into words for a log. Errors of the network, of TLS and of
// certificates name hosts and addresses, which tell who writes to whom: they become
// a word. Everything else is of our making and says what it says.
func Cause(err error) string {
	if err == nil {
		return ""
	}
	var timeout net.Error
	var named *net.DNSError
	if word := certificateCause(err); word != "" {
		return word
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "it was cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	case errors.As(err, &named) && named.IsNotFound:
		return "no such name in the DNS"
	case errors.As(err, &named):
		return "the DNS did not answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to its address"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	}
	return otherCause(err)
}

// Trouble is Cause for an error that may be of the network or of ours, a disk say:
// only what names another machine becomes a word.
func Trouble(err error) string {
	var network net.Error
	if errors.As(err, &network) {
		return Cause(err)
	}
	return err.Error()
}

// certificateCause is about what TLS says, or nothing.
func certificateCause(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "the certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired"
	case errors.As(err, &unknown):
		return "nobody known signed the certificate"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "the certificate is not valid"
	case errors.As(err, &header):
		return "what came is not TLS"
	case errors.As(err, &alert):
		return "TLS alert: " + alert.Error()
	}
	return ""
}

// otherCause is the last resort for types whose text names somebody.
func otherCause(err error) string {
	var op *net.OpError
	var addr *net.AddrError
	var at *url.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errors.As(err, &op):
		return "network: " + errno.Error()
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return "TLS alert: " + op.Err.Error() // of crypto/tls, which has no type for it
	case errors.As(err, &op), errors.As(err, &addr), errors.As(err, &at):
		return "network error"
	}
	return err.Error()
}
