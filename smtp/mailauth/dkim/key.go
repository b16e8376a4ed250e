package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync"

	"golang.org/x/net/idna"

	"sealpost/smtp/dns"
)

// Key is a public key as its owner published it (RFC 6376, section 3.6.1).
type Key struct {
	public  any    // *rsa.PublicKey or ed25519.PublicKey
	kind    string // rsa, ed25519
	hashes  string // h=, empty for all
	service string // s=, empty for all
	testing bool   // t=y
	strict  bool   // t=s
}

// Resolver finds TXT records; dns.Resolver is one.
type Resolver interface {
	TXT(ctx context.Context, name string) (dns.Answer[string], error)
}

// Keys are the key records of one mail, by the names they stand under.
type Keys map[string]keyAnswer

type keyAnswer struct {
	key *Key
	err *problem
}

// maxDomain is how long a name may be to be looked at, in octets of UTF-8: DNS
// holds 255 of ASCII, and Punycode takes the square of the length.
const maxDomain = 1000

// ASCII is a domain in A-labels where that is possible (RFC 8616, section 3).
func ASCII(domain string) string {
	if len(domain) > maxDomain {
		return domain
	}
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return domain
}

// KeyName is where the key of a selector stands, in ASCII (RFC 8616, section 5).
// An impossible name is empty.
func KeyName(selector, domain string) string {
	name := strings.ToLower(selector + "._domainkey." + domain)
	if isName(name) {
		return name
	}
	if len(name) > maxDomain {
		return ""
	}
	if s, err := idna.Punycode.ToASCII(selector); err == nil {
		name = strings.ToLower(s + "._domainkey." + ASCII(domain))
	}
	if !isName(name) {
		return ""
	}
	return name
}

// isName says that DNS could hold such a name, of printable ASCII.
func isName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return true
}

func odd(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}

// LookUp asks for all keys at once, and returns when every answer or the end of
// ctx is there. Of more than MaxKeys names the rest is not asked for.
func LookUp(ctx context.Context, r Resolver, names []string) Keys {
	keys := Keys{}
	for _, name := range names {
		if _, known := keys[name]; !known && name != "" && len(keys) < MaxKeys {
			keys[name] = keyAnswer{}
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for name := range maps.Keys(maps.Clone(keys)) {
		all.Go(func() {
			key, err := lookUp(ctx, r, name)
			mu.Lock()
			defer mu.Unlock()
			keys[name] = keyAnswer{key, err}
		})
	}
	all.Wait()
	return keys
}

func lookUp(ctx context.Context, r Resolver, name string) (*Key, *problem) {
	a, err := r.TXT(ctx, name)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		return nil, broken("no key")
	case err != nil:
		return nil, &problem{TempError, "key could not be looked up"}
	}
	return pick(a.Records)
}

// pick takes the one record that is a key. Several are undefined (RFC 6376,
// section 3.6.2.2): which of them would count must not be a matter of luck.
func pick(records []string) (*Key, *problem) {
	var found []string
	for _, r := range records {
		if isKeyRecord(r) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, broken("no key")
	case 1:
		return parseKey(found[0])
	}
	return nil, broken("several keys under one name")
}

// isKeyRecord tells keys from what else stands there, such as a wildcard's SPF.
func isKeyRecord(r string) bool {
	t, err := parseTags(r, true)
	if err != nil {
		return strings.Contains(r, "DKIM1")
	}
	_, p := t["p"]
	v, versioned := t["v"]
	return p && (!versioned || v == "DKIM1")
}

func parseKey(r string) (*Key, *problem) {
	t, err := parseTags(r, true)
	if err != nil {
		return nil, broken("malformed key record")
	}
	if _, versioned := t["v"]; versioned && !strings.HasPrefix(strings.TrimLeft(r, " \t"), "v") {
		return nil, broken("malformed key record") // v= must come first
	}
	k := &Key{kind: t["k"], hashes: t["h"], service: t["s"], testing: has(t["t"], "y"), strict: has(t["t"], "s")}
	if k.kind == "" {
		k.kind = "rsa"
	}
	if packed(t["p"]) == "" {
		return nil, broken("key revoked")
	}
	der, e := base64.StdEncoding.DecodeString(packed(t["p"]))
	if e != nil {
		return nil, broken("malformed key")
	}
	return k.read(der)
}

func (k *Key) read(der []byte) (*Key, *problem) {
	switch k.kind {
	case "rsa":
		return k.readRSA(der)
	case "ed25519":
		if len(der) != ed25519.PublicKeySize {
			return nil, broken("malformed key")
		}
		k.public = ed25519.PublicKey(der)
		return k, nil
	}
	return nil, broken("unknown kind of key")
}

// readRSA reads a SubjectPublicKeyInfo, as all publish, or the RSAPublicKey that
// RFC 6376 speaks of (erratum 3017).
func (k *Key) readRSA(der []byte) (*Key, *problem) {
	var public *rsa.PublicKey
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		public, _ = any.(*rsa.PublicKey)
	} else if p, err := x509.ParsePKCS1PublicKey(der); err == nil {
		public = p
	}
	switch {
	case public == nil:
		return nil, broken("malformed key")
	case public.N.BitLen() < minRSA:
		return nil, &problem{Policy, "key shorter than 1024 bits"}
	case public.N.BitLen() > maxRSA:
		return nil, &problem{Policy, "key longer than 8192 bits"}
	}
	k.public = public
	return k, nil
}

// of finds a key for a signature; what was not asked for cannot be judged.
func (k Keys) of(selector, domain string) (*Key, *problem) {
	name := KeyName(selector, domain)
	if name == "" {
		return nil, broken("no such domain name")
	}
	a, asked := k[name]
	switch {
	case !asked:
		return nil, &problem{Policy, "too many keys in one mail"}
	case a.key == nil && a.err == nil:
		return nil, &problem{TempError, "key could not be looked up"}
	}
	return a.key, a.err
}
