// Package dkim reads and verifies DKIM signatures (RFC 6376, 8301, 8463, 8616)
// and holds what ARC (RFC 8617, package arc below) shares with them: tag lists,
// canonical forms, keys and the arithmetic of a signature.
//
// It never knows what a signature is good for: alignment is package dmarc's, what
// becomes of a mail is nobody's here.
//
// Invariants: fields are those package mail found, so what is judged is what is
// shown; the body is read once for any number of signatures, in pieces; a key
// that could not be asked for is temperror, never fail; no goroutine outlives a
// call.
package dkim

// Result is a result word of RFC 8601, section 2.7.1.
type Result string

const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	Policy    Result = "policy" // verifies at best in a way this house does not take
	Neutral   Result = "neutral"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Bounds of one mail.
const (
	MaxSignatures = 5    // DKIM signatures that are verified
	MaxKeys       = 20   // key records that are asked for, those of ARC included
	maxSigned     = 1000 // names in one h= tag
	minRSA        = 1024 // bits, RFC 8301, section 3.2
	maxRSA        = 8192 // bits: beyond that a check costs more than a mail is worth
)

// problem is why a signature does not pass: a result and a reason in words of
// ours, so that nothing a stranger wrote gets into it.
type problem struct {
	result Result
	reason string
}

func (p *problem) Error() string { return p.reason }

func broken(reason string) *problem { return &problem{PermError, reason} }
