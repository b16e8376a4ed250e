package arc

import (
	"encoding/base64"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
)

// Names are the names of the keys that the chain needs.
func (c *Chain) Names() []string {
	if c.Result != "" {
		return nil
	}
	last := c.sets[c.Count-1]
	names := dkim.Names([]*dkim.Signature{last.signature})
	for _, s := range c.sets {
		names = append(names, dkim.KeyName(s.sealTags["s"], s.sealTags["d"]))
	}
	return names
}

// BodyCanon is the form of the body that is needed, if one is.
func (c *Chain) BodyCanon() (dkim.Canon, bool) {
	if c.Result != "" {
		return dkim.Simple, false
	}
	return c.sets[c.Count-1].signature.BodyCanon()
}

// Verify judges the chain (RFC 8617, section 5.2, steps 4 and 6): the newest
// message signature, then every seal.
func (c *Chain) Verify(fields []mail.Field, body *dkim.Body, keys dkim.Keys, now time.Time) {
	if c.Result != "" {
		return
	}
	s := c.sets[c.Count-1].signature
	if s.Verify(fields, body, keys, now); s.Result != dkim.Pass {
		c.conclude(s.Result, "message signature: "+s.Reason)
		return
	}
	for i := c.Count; i >= 1; i-- {
		if result, reason := c.verifySeal(i, keys); result != dkim.Pass {
			c.conclude(result, "seal: "+reason)
			return
		}
	}
	c.Result = dkim.Pass
}

// conclude makes a result of a chain out of one of a signature: it knows no
// shades, but what could not be asked is no failure.
func (c *Chain) conclude(r dkim.Result, reason string) {
	if r != dkim.TempError {
		r = dkim.Fail
	}
	c.Result, c.Reason = r, reason
}

func (c *Chain) verifySeal(i int, keys dkim.Keys) (dkim.Result, string) {
	t := c.sets[i-1].sealTags
	value, err := base64.StdEncoding.DecodeString(strings.Map(noSpace, t["b"]))
	if err != nil {
		return dkim.PermError, "malformed base64"
	}
	text := dkim.Relaxed.Covered(covered(c.sets[:i-1], c.sets[i-1]), c.sets[i-1].seal.Raw)
	return keys.VerifyText(t["s"], t["d"], t["a"], text, value)
}

// covered lists what a seal covers besides itself (RFC 8617, section 5.1.1): the
// sets before it and the rest of its own, in the order they were added.
func covered(before []set, own set) []mail.Field {
	var fields []mail.Field
	for _, s := range before {
		fields = append(fields, s.results, s.message, s.seal)
	}
	return append(fields, own.results, own.message)
}

func noSpace(r rune) rune {
	if r == ' ' || r == '\t' {
		return -1
	}
	return r
}
