package route

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/smtp/dns"
)

const (
	daneTA = 2 // RFC 7672, section 3.1: PKIX-TA and PKIX-EE are not for mail
	daneEE = 3
)

// tlsa finds the TLSA records of an exchanger, and the name they stand under. It
// returns none where DNSSEC does not vouch for every step (RFC 7672, section 2.2).
// An error is temporary: who cannot tell whether there are records must wait.
func (r *Router) tlsa(ctx context.Context, p plan, h host) (string, []dns.TLSA, error) {
	bases, err := r.bases(ctx, p, h)
	if err != nil {
		return "", nil, err
	}
	for _, base := range bases {
		a, err := r.DNS.TLSA(ctx, fmt.Sprintf("_%d._tcp.%s", r.port(), base))
		switch {
		case errors.Is(err, dns.ErrNotFound):
		case err != nil:
			return "", nil, err
		case a.Authentic:
			return base, a.Records, nil
		}
	}
	return "", nil, nil
}

// bases are the names under which TLSA records count, the first that has any
// (RFC 7672, section 2.2.2): where aliases lead, when all of the way is certain,
// then the name itself, when at least its own alias is.
func (r *Router) bases(ctx context.Context, p plan, h host) ([]string, error) {
	alias := h.addrs.Name != h.name
	switch {
	case !p.secure || h.err != nil:
		return nil, nil
	case h.addrs.Authentic && alias:
		return []string{h.addrs.Name, h.name}, nil
	case h.addrs.Authentic:
		return []string{h.name}, nil
	case !alias:
		return nil, nil
	}
	own, err := r.DNS.CNAME(ctx, h.name)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case own.Authentic:
		return []string{h.name}, nil
	}
	return nil, nil
}

// usable leaves the records we can work with (RFC 7672, section 3.1; RFC 7671,
// section 4.3): DANE-TA and DANE-EE, known selectors and digests, whole data. Of the
// digests of one kind only the strongest counts (RFC 7671, section 9), so that who
// breaks SHA-256 one day does not break DANE.
func usable(records []dns.TLSA) []dns.TLSA {
	type kind struct{ usage, selector uint8 }
	strongest := map[kind]uint8{}
	var out []dns.TLSA
	for _, t := range records {
		if (t.Usage == daneTA || t.Usage == daneEE) && t.Selector <= 1 && whole(t) {
			out = append(out, t)
			k := kind{t.Usage, t.Selector}
			strongest[k] = max(strongest[k], t.Matching)
		}
	}
	return slices.DeleteFunc(out, func(t dns.TLSA) bool {
		return t.Matching != 0 && t.Matching < strongest[kind{t.Usage, t.Selector}]
	})
}

func whole(t dns.TLSA) bool {
	switch t.Matching {
	case 0:
		if t.Selector == 0 {
			_, err := x509.ParseCertificate(t.Data)
			return err == nil
		}
		_, err := x509.ParsePKIXPublicKey(t.Data)
		return err == nil
	case 1:
		return len(t.Data) == sha256.Size
	case 2:
		return len(t.Data) == sha512.Size
	}
	return false
}

// Matches says whether t is about c, whatever its usage (RFC 6698, section 2.1).
func Matches(t dns.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if t.Selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch t.Matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(t.Data, data)
}

var errNoMatch = errors.New("no TLSA record matches the certificate")

// daneCheck judges a certificate by usable records alone.
type daneCheck struct {
	records []dns.TLSA
	names   []string // one of which DANE-TA asks for (RFC 7672, section 3.2.3)
	now     func() time.Time
}

func (d daneCheck) check(s tls.ConnectionState) error {
	chain := s.PeerCertificates
	if len(chain) == 0 {
		return errNoMatch
	}
	roots, anchors := x509.NewCertPool(), 0
	for _, t := range d.records {
		// Neither names nor dates count for DANE-EE (RFC 7672, section 3.1.1).
		if t.Usage == daneEE && Matches(t, chain[0]) {
			return nil
		}
		if t.Usage == daneTA {
			for _, c := range d.anchors(t, chain) {
				roots.AddCert(c)
				anchors++
			}
		}
	}
	if anchors == 0 {
		return errNoMatch
	}
	return d.under(chain, roots)
}

// anchors are the certificates t is about: of the chain, as section 3.1.2 of RFC
// 7672 has it sent, or the one that stands in t itself.
func (d daneCheck) anchors(t dns.TLSA, chain []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range chain {
		if Matches(t, c) {
			out = append(out, c)
		}
	}
	if len(out) == 0 && t.Selector == 0 && t.Matching == 0 {
		if c, err := x509.ParseCertificate(t.Data); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// under verifies the chain up to roots for one of the names. Of several errors
// the one that is not only about a name says more.
func (d daneCheck) under(chain []*x509.Certificate, roots *x509.CertPool) (err error) {
	var mismatch x509.HostnameError
	for _, name := range d.names {
		e := verify(chain, roots, d.now(), name)
		if e == nil {
			return nil
		}
		if err == nil || errors.As(err, &mismatch) {
			err = e
		}
	}
	return err
}

// written is how a report quotes records (RFC 8460, section 4.4).
func written(records []dns.TLSA) []string {
	var out []string
	for _, t := range records {
		out = append(out, fmt.Sprintf("%d %d %d %x", t.Usage, t.Selector, t.Matching, t.Data))
	}
	return out
}
