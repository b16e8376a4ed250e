// Package mailauth judges who a mail is from: SPF (RFC 7208), DKIM (RFC 6376,
// 8301, 8463), DMARC (RFC 9989), ARC (RFC 8617) and iprev (RFC 8601), and signs
// what leaves.
//
// It never knows accounts or what becomes of a mail: it returns a Verdict, and
// nothing is stored.
//
// Invariants: the header is read by package mail, as everywhere; at most
// MaxSignatures signatures and MaxLookups questions a mail; a DNS failure is
// temperror, never fail; no goroutine outlives a call.
package mailauth

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dmarc"
)

// Result is a result word of RFC 8601, section 2.7.
type Result string

const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	Neutral   Result = "neutral"
	Policy    Result = "policy"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// MaxSignatures is how many DKIM signatures of one mail are verified.
const MaxSignatures = 5

// Checker judges mail. Its fields are set once, before use.
type Checker struct {
	DNS  *dns.Resolver
	Now  func() time.Time
	Time time.Duration // for one mail; 0: 20 s
}

// Session is what the SMTP dialogue showed.
type Session struct {
	IP   netip.Addr
	Helo string
	From *mail.Address // reverse-path, nil for <>
}

// Verdict is all that was found out.
type Verdict struct {
	IPRev struct {
		Result Result
		Name   string // the verified host name of the client
	}
	SPF   SPF // of the reverse-path, or of HELO for <>
	DKIM  []DKIM
	DMARC dmarc.Verdict
	ARC   ARC
	// From is the one address of the From field that was judged; nil when the field
	// is missing, doubled or not exactly one mailbox (Reject says so).
	From *mail.Address
	// Reject is why a mail is no mail anybody may be shown: no or several From,
	// empty or tricky ones (ATTACKS D07). Empty: fine.
	Reject string
}

// SPF is one SPF check.
type SPF struct {
	Result Result
	Domain string
	Helo   bool // HELO was checked, not the reverse-path
	Reason string
}

// DKIM is one signature.
type DKIM struct {
	Result           Result
	Domain, Selector string
	Algorithm        string
	Identity         string // i=
	Testing          bool   // t=y in its key
	Reason           string
}

// ARC is the chain (RFC 8617): cv, and who sealed last.
type ARC struct {
	Result  Result // none, pass, fail
	Sealer  string
	Count   int
	Reason  string
	Results string // the oldest set's ARC-Authentication-Results, unfolded
}

// Connection checks what can be known before a mail comes: iprev and SPF of HELO.
// Check judges a whole mail.
func (c *Checker) Check(ctx context.Context, s Session, h mail.Header, m mail.Bytes) Verdict {
	return Verdict{}
}

// AuthenticationResults is the field, CRLF and folds included, for authserv-id id
// (RFC 8601).
func (v Verdict) AuthenticationResults(id string) string { return "" }

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

// Sign returns DKIM-Signature fields, CRLF included, to put in front of m. Header
// fields that must not be added later are oversigned.
func (s *Signer) Sign(m mail.Bytes) ([]byte, error) { return nil, errNotBuilt }

// Seal returns the three fields of one more ARC set, to put in front of m.
func (s *Signer) Seal(m mail.Bytes, v Verdict, authserv string) ([]byte, error) {
	return nil, errNotBuilt
}

// ParseKey reads a private key in PEM (PKCS #8 or PKCS #1); GenerateKeys makes an
// RSA-2048 and an Ed25519 key; Record is the TXT record of a key's public half.
func ParseKey(pem []byte) (any, error)                { return nil, errNotBuilt }
func GenerateKeys() (rsaPEM, edPEM []byte, err error) { return nil, nil, errNotBuilt }
func Record(private any) (string, error)              { return "", errNotBuilt }

var errNotBuilt = errors.New("mailauth: not built yet")
