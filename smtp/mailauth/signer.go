package mailauth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dkim/arc"
)

// Signer signs for one domain, with RSA and Ed25519 together where both are set.
type Signer struct {
	Domain string
	Keys   []SigningKey
	Now    func() time.Time
}

// SigningKey is one selector's private key.
type SigningKey struct {
	Selector string
	Private  any // *rsa.PrivateKey (2048 bits) or ed25519.PrivateKey
}

// sealedFields are signed once more often than they stand in a mail, so that none
// can be put in front of them (RFC 6376, section 8.15). Received, Return-Path and
// what lists rewrite as a matter of course stay open.
var sealedFields = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID",
	"List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	"Autocrypt", "Resent-From", "Resent-To", "Resent-Date", "Resent-Message-ID",
}

// errHeader says that a header is none that may be signed: broken, or too long.
var errHeader = errors.New("header section is broken or too long")

// signing is a mail that was read once for all its signatures.
type signing struct {
	header mail.Header
	body   *dkim.Body
	names  []string // h=
}

func read(m mail.Bytes) (*signing, error) {
	h, err := mail.ReadHeader(m, 0, mail.DefaultLimits.Header)
	if err != nil {
		return nil, err
	}
	if h.Cut || h.Broken > 0 {
		return nil, errHeader
	}
	body, err := dkim.HashBody(m, h.End, false, true, nil)
	if err != nil {
		return nil, err
	}
	return &signing{h, body, oversigned(h)}, nil
}

// oversigned lists the fields for h=: each as often as it stands there and once more.
func oversigned(h mail.Header) []string {
	count := map[string]int{}
	for _, f := range h.Fields {
		count[strings.ToLower(f.Name)]++
	}
	var names []string
	for _, name := range sealedFields {
		for range count[strings.ToLower(name)] + 1 {
			names = append(names, name)
		}
	}
	return names
}

// Sign returns DKIM-Signature fields, CRLF included, to put in front of m. Header
// fields that must not be added later are oversigned. A mail without exactly one
// From is not signed.
func (s *Signer) Sign(m mail.Bytes) ([]byte, error) {
	r, err := read(m)
	if err != nil {
		return nil, fmt.Errorf("sign a mail: %w", err)
	}
	if n := len(r.header.Values("From")); n != 1 {
		return nil, fmt.Errorf("sign a mail with %d From fields: %w", n, errHeader)
	}
	var out bytes.Buffer
	for _, key := range s.Keys {
		field, err := s.sign(r, key)
		if err != nil {
			return nil, fmt.Errorf("sign a mail with selector %s: %w", key.Selector, err)
		}
		out.Write(field)
	}
	return out.Bytes(), nil
}

func (s *Signer) sign(r *signing, key SigningKey) ([]byte, error) {
	private, algorithm, err := usable(key.Private)
	if err != nil {
		return nil, err
	}
	hash, _, _ := r.body.Of(dkim.Relaxed)
	tags := []dkim.Tag{
		{Name: "v", Value: "1"}, {Name: "a", Value: algorithm}, {Name: "c", Value: "relaxed/relaxed"},
		{Name: "d", Value: dkim.ASCII(s.Domain)}, {Name: "s", Value: key.Selector},
		{Name: "t", Value: strconv.FormatInt(s.now().Unix(), 10)}, {Name: "h", Value: dkim.JoinNames(r.names)},
		{Name: "bh", Value: base64.StdEncoding.EncodeToString(hash)}, {Name: "b"},
	}
	return dkim.SignFields(private, "DKIM-Signature", tags, r.header.Fields, r.names)
}

// usable is a private key as a signer, with the a= of its signatures.
func usable(private any) (crypto.Signer, string, error) {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, "", dkim.ErrKey
	}
	algorithm, err := dkim.Algorithm(signer)
	return signer, algorithm, err
}

func (s *Signer) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// ErrNoSeal says that nobody may add to the chain of a mail: it is closed (RFC
// 8617, section 5.1.2), or its Verdict could not tell.
var ErrNoSeal = arc.ErrClosed

// Seal returns the three fields of one more ARC set, to put in front of m, which
// v judged. It signs with RSA where there is such a key: few verify chains by
// any other.
func (s *Signer) Seal(m mail.Bytes, v Verdict, authserv string) ([]byte, error) {
	r, err := read(m)
	if err != nil {
		return nil, fmt.Errorf("seal a mail: %w", err)
	}
	key, err := s.sealing()
	if err != nil {
		return nil, fmt.Errorf("seal a mail: %w", err)
	}
	key.Now = s.now()
	chain := arc.Read(r.header)
	if chain.Result == "" {
		chain.Result, chain.Reason = dkim.Result(v.ARC.Result), v.ARC.Reason
	}
	fields, err := key.Seal(chain, r.header.Fields, r.body, v.sealedResults(authserv), r.names)
	if err != nil {
		return nil, fmt.Errorf("seal a mail: %w", err)
	}
	return fields, nil
}

// sealing picks the key that seals.
func (s *Signer) sealing() (arc.Sealer, error) {
	var found *arc.Sealer
	for _, key := range s.Keys {
		private, algorithm, err := usable(key.Private)
		if err == nil && (found == nil || algorithm == "rsa-sha256") {
			found = &arc.Sealer{Domain: dkim.ASCII(s.Domain), Selector: key.Selector, Private: private}
		}
	}
	if found == nil {
		return arc.Sealer{}, dkim.ErrKey
	}
	return *found, nil
}

// sealedResults is what follows "i=N;" in ARC-Authentication-Results.
func (v Verdict) sealedResults(authserv string) string {
	_, results, _ := strings.Cut(v.AuthenticationResults(authserv), ":")
	return results
}

// ParseKey reads a private key in PEM (PKCS #8 or PKCS #1); GenerateKeys makes an
// RSA-2048 and an Ed25519 key; Record is the TXT record of a key's public half.
func ParseKey(pem []byte) (any, error)                { return dkim.ParsePEM(pem) }
func GenerateKeys() (rsaPEM, edPEM []byte, err error) { return dkim.GeneratePEM() }

func Record(private any) (string, error) {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		return dkim.Record(key)
	case ed25519.PrivateKey:
		return dkim.Record(key)
	}
	return "", fmt.Errorf("write a DKIM record: %w", dkim.ErrKey)
}
