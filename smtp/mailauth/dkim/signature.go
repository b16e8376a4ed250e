package dkim

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"sealpost/mail"
)

// Signature is one signature field, a DKIM-Signature or an ARC-Message-Signature,
// with what became of it.
type Signature struct {
	Domain    string // d=, as written, in lower case
	Selector  string // s=
	Identity  string // i= of DKIM
	Algorithm string // a=
	Value     string // b= in base64, without white space
	Testing   bool   // t=y in its key
	Result    Result
	Reason    string // in words of ours; empty for pass

	raw          []byte
	header, body Canon
	bodyHash     []byte
	value        []byte
	signed       []string
	length       int64 // l=, -1 without
	expires      int64 // x=, -1 without
}

// Read returns the signatures of a header, the first MaxSignatures of them, and
// how many it left aside. What is malformed has its Result already.
func Read(h mail.Header) (signatures []*Signature, ignored int) {
	for _, f := range h.Fields {
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			continue
		}
		if len(signatures) == MaxSignatures {
			ignored++
			continue
		}
		signatures = append(signatures, readDKIM(f))
	}
	return signatures, ignored
}

func readDKIM(f mail.Field) *Signature {
	t, p := parseTags(f.Value(), false)
	if p != nil {
		return &Signature{Result: p.result, Reason: p.reason}
	}
	s := newSignature(f, t)
	if s.note(s.readCommon(t)); s.Result == "" {
		s.note(s.readOwn(t))
	}
	return s
}

// ReadARC reads the tags of an ARC-Message-Signature (RFC 8617, section 4.1.2):
// like DKIM, but i= is an instance, there is no v=, and h= may name anything but
// a seal.
func ReadARC(f mail.Field, t Tags) *Signature {
	s := newSignature(f, t)
	s.note(s.readCommon(t))
	for _, name := range s.signed {
		if strings.EqualFold(name, "ARC-Seal") && s.Result == "" {
			s.note(broken("signs a seal"))
		}
	}
	return s
}

func newSignature(f mail.Field, t Tags) *Signature {
	return &Signature{
		Domain: strings.ToLower(t["d"]), Selector: t["s"], Algorithm: t["a"], Value: packed(t["b"]),
		raw: f.Raw, length: -1, expires: -1,
	}
}

func (s *Signature) note(p *problem) {
	if p != nil && s.Result == "" {
		s.Result, s.Reason = p.result, p.reason
	}
}

// readCommon reads what DKIM and ARC have in common.
func (s *Signature) readCommon(t Tags) *problem {
	for _, name := range []string{"a", "b", "bh", "d", "h", "s"} {
		if _, there := t[name]; !there {
			return broken("a required tag is missing")
		}
	}
	if p := checkAlgorithm(s.Algorithm); p != nil {
		return p
	}
	if KeyName(s.Selector, s.Domain) == "" {
		return broken("no such domain name")
	}
	var ok bool
	c, there := t["c"]
	if !there {
		c = "simple/simple"
	}
	if s.header, s.body, ok = parseCanon(c); !ok {
		return broken("unknown canonical form")
	}
	if s.signed = list(t["h"]); len(s.signed) > maxSigned {
		return broken("too many signed fields")
	}
	if p := s.readNumbers(t); p != nil {
		return p
	}
	return s.readValues(t)
}

func checkAlgorithm(a string) *problem {
	switch a {
	case "rsa-sha256", "ed25519-sha256":
		return nil
	case "rsa-sha1":
		return &problem{Policy, "SHA-1 proves nothing"} // RFC 8301, section 3.1
	}
	return broken("unknown algorithm")
}

func (s *Signature) readValues(t Tags) *problem {
	var err1, err2 error
	s.value, err1 = base64.StdEncoding.DecodeString(s.Value)
	s.bodyHash, err2 = base64.StdEncoding.DecodeString(packed(t["bh"]))
	if err1 != nil || err2 != nil || len(s.value) == 0 || len(s.bodyHash) == 0 {
		return broken("malformed base64")
	}
	return nil
}

// readNumbers reads l=, t= and x=: digits, of which x= must be after t=.
func (s *Signature) readNumbers(t Tags) *problem {
	numbers := map[string]int64{"l": -1, "t": -1, "x": -1}
	for name := range numbers {
		text, there := t[name]
		if !there {
			continue
		}
		n, ok := parseDigits(text)
		if !ok {
			return broken("malformed number")
		}
		numbers[name] = n
	}
	s.length, s.expires = numbers["l"], numbers["x"]
	if s.expires >= 0 && s.expires <= numbers["t"] {
		return broken("expires before it was made")
	}
	return nil
}

// parseDigits reads a number; one beyond 63 bits is the largest.
func parseDigits(s string) (int64, bool) {
	if s == "" || len(s) > 76 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		n = 1<<63 - 1
	}
	return n, true
}

// readOwn reads what only DKIM has (RFC 6376, sections 3.5 and 6.1.1).
func (s *Signature) readOwn(t Tags) *problem {
	s.Identity = t["i"]
	if s.Identity == "" {
		s.Identity = "@" + s.Domain
	}
	q, there := t["q"]
	switch {
	case t["v"] != "1":
		return broken("unknown version")
	case !has(t["h"], "From"):
		return broken("From is not signed")
	case there && !has(q, "dns/txt"):
		return broken("unknown way to find the key")
	case !s.owns(s.Identity):
		return broken("identity outside of the domain")
	}
	return nil
}

// owns says that an identity lies at or below d=.
func (s *Signature) owns(identity string) bool {
	domain := strings.ToLower(identity[strings.LastIndexByte(identity, '@')+1:])
	return strings.Contains(identity, "@") && (domain == s.Domain || strings.HasSuffix(domain, "."+s.Domain))
}

// Names are the names of the keys that signatures need.
func Names(signatures []*Signature) []string {
	var names []string
	for _, s := range signatures {
		if s.Result == "" {
			names = append(names, KeyName(s.Selector, s.Domain))
		}
	}
	return names
}

// BodyCanon is the form of the body that s covers; ok says that it is needed.
func (s *Signature) BodyCanon() (c Canon, ok bool) { return s.body, s.Result == "" }

// expired says that x= has passed.
func (s *Signature) expired(now time.Time) bool {
	return s.expires >= 0 && now.Unix() > s.expires
}
