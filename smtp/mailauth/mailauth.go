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
	"net/netip"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dmarc"
	"sealpost/smtp/mailauth/spf"
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
const MaxSignatures = dkim.MaxSignatures

// MaxLookups is how many questions one mail may cost: those of two SPF checks, of
// keys, of the client's names, and of DMARC's walks.
const MaxLookups = 2*spf.MaxQuestions + dkim.MaxKeys + 1 + maxNames + 2*8*(MaxSignatures+2)

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
	IPRev IPRev
	SPF   SPF // of the reverse-path, or of HELO for <>
	Helo  SPF // of HELO, where there is a reverse-path too
	DKIM  []DKIM
	// Ignored is how many DKIM signatures beyond MaxSignatures nobody looked at.
	Ignored int
	DMARC   dmarc.Verdict
	ARC     ARC
	// From is the one address of the From field that was judged; nil when the field
	// is missing, doubled or not exactly one mailbox (Reject says so), and in a bounce
	// that is from nobody (MAILER-DAEMON), which is fine.
	From *mail.Address
	// Reject is why a mail is no mail anybody may be shown: no or several From,
	// empty or tricky ones (ATTACKS D07). Empty: fine. It holds words of ours only.
	Reject string
}

// IPRev is the reverse look-up of the client (RFC 8601, section 3).
type IPRev struct {
	Result Result
	IP     netip.Addr
	Name   string // the verified host name of the client
}

// SPF is one SPF check.
type SPF struct {
	Result Result
	Domain string
	Helo   bool // HELO was checked, not the reverse-path
	Reason string
}

// DKIM is one signature. Reason is in words of ours, everything else but Result
// and Testing is the signer's.
type DKIM struct {
	Result           Result
	Domain, Selector string
	Algorithm        string
	Identity         string // i=
	Testing          bool   // t=y in its key
	Reason           string
	Value            string // b= in base64, which tells signatures apart (RFC 6008)
}

// ARC is the chain (RFC 8617): cv, and who sealed last. Result is none, pass, fail
// or temperror.
type ARC struct {
	Result  Result
	Sealer  string
	Count   int
	Reason  string
	Results string // the oldest set's ARC-Authentication-Results behind "i=1;", unfolded
}
