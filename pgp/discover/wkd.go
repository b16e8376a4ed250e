package discover

import (
	"context"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
	"sealpost/pgp"
)

const (
	maxAnswer = 256 << 10
	maxFound  = 5 // certificates of one answer
	maxLookup = 10 * time.Second
)

// errDNS says that the DNS did not answer, so that nobody can tell.
var errDNS = errors.New("the DNS did not answer")

// Hash is the WKD name of a local part: z-base-32 of SHA-1 of it with ASCII letters
// in lower case (draft-koch-openpgp-webkey-service, section 3.1). 32 characters.
func Hash(local string) string {
	lower := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, local)
	sum := sha1.Sum([]byte(lower))
	return base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").EncodeToString(sum[:])
}

// addresses are the URLs of a key, advanced and direct (section 3.1).
func addresses(a mail.Address) (advanced, direct string, ok bool) {
	domain, err := idna.Lookup.ToASCII(a.Domain)
	if err != nil || !strings.Contains(domain, ".") || strings.ContainsAny(domain, "[]:/?#@%") || net.ParseIP(domain) != nil {
		return "", "", false
	}
	name := "hu/" + Hash(a.Local) + "?l=" + url.QueryEscape(a.Local)
	name = strings.ReplaceAll(name, "+", "%20")
	const place = "/.well-known/openpgpkey/"
	return "https://openpgpkey." + domain + place + domain + "/" + name, "https://" + domain + place + name, true
}

// wkd asks the address's domain for its certificates on behalf of an account, cut
// down to the address. ErrNoKey says that there is none, or nobody to ask; ErrUnsure
// that nobody answered.
func (f *Finder) wkd(ctx context.Context, account string, a mail.Address) ([]*pgp.Cert, error) {
	advanced, direct, ok := addresses(a)
	if !ok || f.HTTP == nil {
		return nil, ErrNoKey
	}
	leave, err := f.recent.enter(ctx, account, a.Domain)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := f.recent.isAbsent(a, f.now()); err != nil {
		return nil, err
	}
	data, err := f.fetchEither(ctx, advanced, direct)
	if err == nil {
		if certs := certsFor(data, a); len(certs) > 0 {
			return certs, nil
		}
		err = ErrNoKey
	}
	switch gone := ctx.Err(); {
	case gone != nil: // its caller went away, which says nothing of the key
		return nil, gone
	case errors.Is(err, errDNS):
		return nil, err
	case errors.Is(err, ErrNoKey):
		f.recent.setAbsent(a, f.now())
		return nil, ErrNoKey
	}
	f.log().Debug("key lookup failed", "method", "wkd", "reason", reason(err)) // as for every domain that knows of no WKD
	if silent(err) {
		f.recent.setSilent(a.Domain, f.now())
		return nil, ErrUnsure
	}
	f.recent.setNone(a.Domain, f.now())
	return nil, ErrNoKey
}

// silent says that nobody answered: a server that is down, or our own way to it. One
// that speaks no TLS, or shows another's certificate, has answered.
func silent(err error) bool {
	var network *net.OpError
	var late net.Error
	var said status
	switch {
	case errors.As(err, &said):
		return said >= http.StatusInternalServerError
	case errors.As(err, &network):
		return network.Op == "dial" || network.Op == "read" || network.Op == "write"
	case errors.As(err, &late) && late.Timeout():
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// status is an answer that is neither a key nor "none".
type status int

func (s status) Error() string { return fmt.Sprintf("status %d", int(s)) }

// fetchEither takes the direct method only where the advanced one's host does not
// exist (section 3.1), or the DNS cannot say.
func (f *Finder) fetchEither(ctx context.Context, advanced, direct string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxLookup)
	defer cancel()
	data, err := f.fetch(ctx, advanced)
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return data, err
	}
	data, err = f.fetch(ctx, direct)
	if errors.As(err, &dns) && !dns.IsNotFound {
		return nil, errDNS
	}
	return data, err
}

func (f *Finder) fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "sealpost")
	resp, err := f.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, ErrNoKey
	case resp.StatusCode != http.StatusOK:
		return nil, status(resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = errors.New("answer is too large")
	}
	return data, err
}

// certsFor are the certificates of an answer that have a user id for the address,
// and no other user id. An answer in armor is none (section 3.1).
func certsFor(data []byte, a mail.Address) []*pgp.Cert {
	var certs []*pgp.Cert
	for _, c := range pgp.ParseCerts(data, maxFound) {
		only, err := c.For(Names(a))
		if err == nil && len(only.Bytes()) <= maxCert {
			certs = append(certs, only)
		}
	}
	return certs
}

// ForAddress is what WKD publishes for an address: the certificate in binary with
// this address' user ids alone, or ErrNoKey.
func ForAddress(cert *pgp.Cert, a mail.Address) ([]byte, error) {
	only, err := cert.For(Names(a))
	if errors.Is(err, pgp.ErrNoKey) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("cut key down to an address: %w", err)
	}
	return only.Bytes(), nil
}

// Names says which user ids name an address: "Name <address>" or the address alone,
// in any letter case.
func Names(a mail.Address) func(identity string) bool {
	return func(identity string) bool {
		spec := strings.TrimSpace(identity)
		if open := strings.LastIndexByte(spec, '<'); open >= 0 && strings.HasSuffix(spec, ">") {
			spec = spec[open+1 : len(spec)-1]
		}
		got, err := mail.ParseAddress(spec)
		return err == nil && got.Key() == a.Key()
	}
}

// reason is an error without the address that stands in it.
func reason(err error) string {
	var u *url.Error
	switch {
	case errors.As(err, &u) && u.Timeout():
		return "time-out"
	case errors.As(err, &u):
		return "no answer"
	case errors.Is(err, context.DeadlineExceeded):
		return "time-out"
	}
	return "bad answer"
}
