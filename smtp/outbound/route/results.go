package route

import (
	"crypto/x509"
	"errors"
	"net/netip"

	"sealpost/smtp"
)

// tell hands over a result; err is nil for success.
func (r *Router) tell(d demand, result string, err error) {
	r.tellAt(d, netip.Addr{}, result, err)
}

func (r *Router) tellAt(d demand, ip netip.Addr, result string, err error) {
	if r.Results == nil || d.quiet {
		return
	}
	t := d.report
	t.Result = result
	if ip.IsValid() {
		t.MXAddress = ip.String()
	}
	if err != nil {
		t.Detail = detail(err)
	}
	r.Results(t)
}

// resultOf is the word of RFC 8460, section 4.3 for a handshake that failed.
func resultOf(err error) string {
	var invalid x509.CertificateInvalidError
	var mismatch x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &mismatch):
		return "certificate-host-mismatch"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate-expired"
	case errors.As(err, &invalid), errors.As(err, &unknown):
		return "certificate-not-trusted"
	}
	return "validation-failure"
}

// detail is a cause for strangers to read: without addresses of this house's network,
// and without what another stranger's certificate says.
func detail(err error) string {
	s := smtp.Cause(err)
	return s[:min(len(s), 200)]
}
