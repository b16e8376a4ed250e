package route

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sealpost/smtp/dns"
)

const (
	maxPolicy    = 64 << 10 // octets of a policy file
	maxPatterns  = 256      // mx lines of one
	maxAge       = 31557600 // seconds (RFC 8461, section 3.2)
	fetchTime    = 30 * time.Second
	maxHeader    = 16 << 10
	maxRecordLen = 1000
)

var (
	errPolicyInvalid = errors.New("the MTA-STS policy is not valid")
	errFetch         = errors.New("the MTA-STS policy was not there")
)

// stsID asks for the id of the policy that domain announces (RFC 8461, section
// 3.1); empty: none, or nothing that makes sense.
func (r *Router) stsID(ctx context.Context, domain string) (string, error) {
	a, err := r.DNS.TXT(ctx, "_mta-sts."+domain)
	if errors.Is(err, dns.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for MTA-STS: %w", err)
	}
	return recordID(a.Records), nil
}

// recordID reads the one record that begins as it must.
func recordID(texts []string) string {
	var record string
	for _, t := range texts {
		if rest, ok := strings.CutPrefix(t, "v=STSv1"); ok && strings.HasPrefix(strings.TrimLeft(rest, " \t"), ";") {
			if record != "" || len(t) > maxRecordLen {
				return ""
			}
			record = rest
		}
	}
	for field := range strings.SplitSeq(record, ";") {
		if k, v, ok := strings.Cut(strings.Trim(field, " \t"), "="); ok && k == "id" {
			if len(v) > 0 && len(v) <= 32 && strings.IndexFunc(v, notAlphanumeric) < 0 {
				return v
			}
			return ""
		}
	}
	return ""
}

func notAlphanumeric(c rune) bool {
	return !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
}

// fetch gets and reads the policy of domain (RFC 8461, section 3.3).
func (r *Router) fetch(ctx context.Context, domain, id string) (Policy, error) {
	ctx, stop := context.WithTimeout(ctx, min(fetchTime, r.timeout()))
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", errFetch, err)
	}
	res, err := r.web().RoundTrip(req) // and so without redirects
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", errFetch, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Policy{}, fmt.Errorf("%w: HTTP status %d", errFetch, res.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || t != "text/plain" {
		return Policy{}, fmt.Errorf("%w: no text/plain", errPolicyInvalid)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxPolicy+1))
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", errFetch, err)
	}
	p, age, err := parsePolicy(string(text))
	if err != nil {
		return Policy{}, err
	}
	now := r.now()
	p.Domain, p.ID, p.Fetched, p.Expires = domain, id, now, now.Add(age)
	return p, nil
}

// web is one HTTPS client for one fetch: policies are fetched seldom, and no
// proxy, cookie or connection is shared between domains.
func (r *Router) web() *http.Transport {
	return &http.Transport{
		DialContext:            r.dialWeb,
		TLSClientConfig:        &tls.Config{RootCAs: r.Roots, MinVersion: tls.VersionTLS12, Time: r.now},
		DisableKeepAlives:      true,
		DisableCompression:     true, // the cap counts what is read
		MaxResponseHeaderBytes: maxHeader,
	}
}

// dialWeb resolves by the same resolver as all else here.
func (r *Router) dialWeb(ctx context.Context, _, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return r.dialAny(ctx, name, port)
}

// dialAny connects to the first address of a host that answers.
func (r *Router) dialAny(ctx context.Context, name, port string) (net.Conn, error) {
	ips, err := r.addresses(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, ip := range inTurn(ips) {
		var conn net.Conn
		if conn, err = r.dial(ctx, net.JoinHostPort(ip.String(), port)); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (r *Router) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip}, nil
	}
	a, err := r.DNS.IP(ctx, name)
	return a.Records, err
}

// stsResult is the word of RFC 8460, section 4.3 for a policy that was not got.
func stsResult(err error) string {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, errPolicyInvalid):
		return "sts-policy-invalid"
	case errors.As(err, &cert), errors.As(err, &unknown):
		return "sts-webpki-invalid"
	}
	return "sts-policy-fetch-error"
}

// parsePolicy reads a policy file and how long it holds (RFC 8461, section 3.2).
// Of a field that stands twice the first counts, but for mx.
func parsePolicy(text string) (p Policy, age time.Duration, err error) {
	if len(text) > maxPolicy {
		return p, 0, fmt.Errorf("%w: too long", errPolicyInvalid)
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		k, v, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if k, v = strings.Trim(k, " \t"), strings.Trim(v, " \t"); !ok {
			continue
		}
		if k == "mx" {
			p.MX = append(p.MX, strings.ToLower(v))
		} else if _, known := fields[k]; !known && wanted(k) {
			fields[k] = v
		}
	}
	p.Mode = fields["mode"]
	seconds, err := strconv.ParseUint(fields["max_age"], 10, 63)
	if err != nil || len(fields["max_age"]) > 10 || fields["version"] != "STSv1" {
		return Policy{}, 0, fmt.Errorf("%w: version or max_age", errPolicyInvalid)
	}
	if err := p.valid(); err != nil {
		return Policy{}, 0, err
	}
	return p, time.Duration(min(seconds, maxAge)) * time.Second, nil
}

func wanted(key string) bool { return key == "version" || key == "mode" || key == "max_age" }

func (p Policy) valid() error {
	switch {
	case p.Mode != "enforce" && p.Mode != "testing" && p.Mode != "none":
		return fmt.Errorf("%w: mode", errPolicyInvalid)
	case p.Mode != "none" && len(p.MX) == 0, len(p.MX) > maxPatterns:
		return fmt.Errorf("%w: number of mx", errPolicyInvalid)
	}
	for _, m := range p.MX {
		if !pattern(m) {
			return fmt.Errorf("%w: mx", errPolicyInvalid)
		}
	}
	return nil
}

// pattern says whether m is a name of letters, digits and hyphens, or "*." and one.
func pattern(m string) bool {
	m = strings.TrimPrefix(m, "*.")
	if len(m) > 253 {
		return false
	}
	for label := range strings.SplitSeq(m, ".") {
		if label == "" || len(label) > 63 || strings.IndexFunc(label, func(c rune) bool { return c != '-' && notAlphanumeric(c) }) >= 0 {
			return false
		}
	}
	return true
}

// names says whether the policy names an exchanger; * is exactly one label
// (RFC 8461, section 4.1).
func (p Policy) names(host string) bool {
	for _, m := range p.MX {
		if rest, any := strings.CutPrefix(m, "*."); any {
			if _, parent, ok := strings.Cut(host, "."); ok && strings.EqualFold(parent, rest) {
				return true
			}
		} else if strings.EqualFold(m, host) {
			return true
		}
	}
	return false
}

// lines are the policy as a report quotes it.
func (p Policy) lines() []string {
	out := []string{"version: STSv1", "mode: " + p.Mode}
	for _, m := range p.MX {
		out = append(out, "mx: "+m)
	}
	return append(out, fmt.Sprintf("max_age: %d", int(p.Expires.Sub(p.Fetched)/time.Second)))
}
