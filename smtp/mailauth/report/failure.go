package report

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"sealpost/mail"
)

const maxFeedback = 64 << 10

// Failure is a report about mails that failed (RFC 9991, in the format of RFC 5965
// and 6591), or a complaint. The mail it is about is not read.
type Failure struct {
	Type        string // auth-failure, abuse, fraud, ...
	AuthFailure string // dmarc, dkim, spf, ...: what failed
	Domain      string // whose mail it was said to be
	IP          netip.Addr
	DKIMDomain  string
	Alignment   string // what is aligned: dkim, spf, none
	Result      string // what was done: delivered, spam, policy, reject, other
	Incidents   int64
}

// ReadFailure reads the fields of a message/feedback-report.
func ReadFailure(r io.Reader) (Failure, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFeedback))
	if err != nil {
		return Failure{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	b = append(bytes.TrimRight(crlf(b), "\r\n"), "\r\n\r\n"...)
	h, err := mail.ReadHeader(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		return Failure{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	get := func(name string) string {
		f, _ := h.Get(name)
		return lower(f.Value())
	}
	f := Failure{
		Type: get("Feedback-Type"), AuthFailure: get("Auth-Failure"), Domain: domain(get("Reported-Domain")),
		DKIMDomain: domain(get("DKIM-Domain")), Alignment: get("Identity-Alignment"), Result: get("Delivery-Result"), Incidents: 1,
	}
	f.IP, _ = netip.ParseAddr(strings.Trim(get("Source-IP"), "[]"))
	f.IP = f.IP.WithZone("")
	if n, err := strconv.ParseInt(get("Incidents"), 10, 32); err == nil && n > 0 {
		f.Incidents = n
	}
	if f.Type == "" {
		return Failure{}, fmt.Errorf("%w: no feedback type", ErrNoReport)
	}
	return f, nil
}

// crlf ends lines as mail does.
func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
