package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"sealpost/mail"
)

// Verify judges s by the fields and the body of its mail (RFC 6376, section 6.1)
// and notes the result in it.
func (s *Signature) Verify(fields []mail.Field, body *Body, keys Keys, now time.Time) {
	if s.Result != "" {
		return
	}
	s.note(s.verify(fields, body, keys, now))
	if s.Result == "" {
		s.Result = Pass
	}
}

func (s *Signature) verify(fields []mail.Field, body *Body, keys Keys, now time.Time) *problem {
	if s.expired(now) {
		return &problem{Fail, "signature expired"}
	}
	key, p := keys.of(s.Selector, s.Domain)
	if p != nil {
		return p
	}
	s.Testing = key.testing
	if p := s.mayUse(key); p != nil {
		return p
	}
	if p := s.checkBody(body); p != nil {
		return p
	}
	if p := s.checkDoubled(fields); p != nil {
		return p
	}
	if !key.signed(s.Algorithm, SignedHeader(fields, s.signed, s.header, s.raw), s.value) {
		return &problem{Fail, "signature does not verify"}
	}
	return nil
}

// mayUse checks what the key says about its own use.
func (s *Signature) mayUse(k *Key) *problem {
	if p := k.allows(s.Algorithm); p != nil {
		return p
	}
	domain := strings.ToLower(s.Identity[strings.LastIndexByte(s.Identity, '@')+1:])
	if s.Identity != "" && k.strict && domain != s.Domain {
		return broken("key is not for domains below its own")
	}
	return nil
}

func (k *Key) allows(algorithm string) *problem {
	kind, hash, _ := strings.Cut(algorithm, "-")
	switch {
	case kind != k.kind:
		return broken("key of another kind")
	case k.hashes != "" && !has(k.hashes, hash):
		return broken("key is not for this hash")
	case k.service != "" && !has(k.service, "*") && !has(k.service, "email"):
		return broken("key is not for mail")
	}
	return nil
}

// checkBody compares body hashes. A signature over a part of the body is checked
// no further: whatever it says, the rest is anybody's (RFC 6376, section 8.2).
func (s *Signature) checkBody(body *Body) *problem {
	hash, length, ok := body.Of(s.body)
	switch {
	case !ok:
		return &problem{TempError, "body could not be read"}
	case s.length > length:
		return broken("l= is longer than the body")
	case s.length >= 0 && s.length < length:
		return &problem{Policy, "covers a part of the body only"}
	case subtle.ConstantTimeCompare(hash, s.bodyHash) != 1:
		return &problem{Fail, "body was changed"}
	}
	return nil
}

// single are the fields that stand in a mail once (RFC 5322, section 3.6; RFC
// 2045). Of two, a signature covers the lower, and people are shown the upper.
var single = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding",
}

// checkDoubled refuses a signature that covers only some of the fields of one
// name (RFC 6376, section 8.15). Chains are left alone: the suite of ARC has such
// fields, and no chain makes a mail anybody's.
func (s *Signature) checkDoubled(fields []mail.Field) *problem {
	if s.Identity == "" {
		return nil
	}
	there, signed := map[string]int{}, map[string]int{}
	for _, f := range fields {
		there[strings.ToLower(f.Name)]++
	}
	for _, name := range s.signed {
		signed[strings.ToLower(name)]++
	}
	for _, name := range single {
		if there[name] > 1 && signed[name] > 0 && signed[name] < there[name] {
			return &problem{Policy, "a doubled field is signed in part"}
		}
	}
	return nil
}

// signed says that value is a signature over text. Both algorithms sign its
// SHA-256 (RFC 8463, section 3).
func (k *Key) signed(algorithm string, text, value []byte) bool {
	sum := sha256.Sum256(text)
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return algorithm == "rsa-sha256" && rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], value) == nil
	case ed25519.PublicKey:
		return algorithm == "ed25519-sha256" && ed25519.Verify(public, sum[:], value)
	}
	return false
}

// VerifyText checks a signature over text that is not a mail, as seals are. The
// reason is empty when it holds.
func (k Keys) VerifyText(selector, domain, algorithm string, text, value []byte) (Result, string) {
	key, p := k.of(selector, domain)
	if p == nil {
		p = checkAlgorithm(algorithm)
	}
	if p == nil {
		p = key.allows(algorithm)
	}
	if p == nil && !key.signed(algorithm, text, value) {
		p = &problem{Fail, "signature does not verify"}
	}
	if p != nil {
		return p.result, p.reason
	}
	return Pass, ""
}
