package outbound

import (
	"bytes"
	"fmt"

	"sealpost/mail"
)

// signed makes the text of the mail as it leaves, signed by the keys that its domain has now: one
// that waited for days leaves with a signature that the DNS vouches for. It is
// signed once for all destinations of an attempt.
func (a *attempt) signed() error {
	a.signing.Do(func() { a.text, a.unsigned = a.sign() })
	return a.unsigned
}

func (a *attempt) sign() (mail.Bytes, error) {
	domain := a.lease.Mail.Sign
	if a.Signer == nil || domain == "" {
		return a.content, nil
	}
	s := a.Signer(domain)
	if s == nil {
		return a.content, nil
	}
	signature, err := s.Sign(a.content)
	if err != nil {
		return nil, fmt.Errorf("sign mail %s: %w", a.id(), err)
	}
	return mail.Joined{bytes.NewReader(signature), a.content}, nil
}
