package discover

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
	"sealpost/pgp"
)

const (
	maxAutocrypt  = 5        // header fields that are looked at
	maxAttributes = 32       // of one
	maxKeydata    = 10 << 10 // bytes of a key
	keydataColumn = 76
)

// offer is one valid Autocrypt header field.
type offer struct {
	address mail.Address
	mutual  bool
	cert    *pgp.Cert
}

// readAutocrypt gives the one valid Autocrypt field for an address. With two of them
// there is none, as if nothing had been said (Autocrypt 1.1, "Autocrypt headers").
func readAutocrypt(h mail.Header, from mail.Address) (offer, bool) {
	values := h.Values("Autocrypt")
	if len(values) > maxAutocrypt {
		return offer{}, false
	}
	var found []offer
	for _, v := range values {
		o, err := parseAutocrypt(v)
		if err == nil && o.address.Key() == from.Key() {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		return offer{}, false
	}
	return found[0], true
}

var errAutocrypt = errors.New("not a valid Autocrypt field")

// parseAutocrypt reads addr, prefer-encrypt and keydata. An attribute that is not
// known makes the field invalid unless its name begins with an underscore; so do
// attributes that stand twice.
func parseAutocrypt(value string) (offer, error) {
	if len(value) > 2*maxKeydata {
		return offer{}, errAutocrypt
	}
	attributes := map[string]string{}
	parts := strings.Split(value, ";")
	if len(parts) > maxAttributes {
		return offer{}, errAutocrypt
	}
	for i, part := range parts {
		name, text, ok := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case strings.TrimSpace(part) == "" && i == len(parts)-1:
			continue
		case !ok || name == "" || attributes[name] != "":
			return offer{}, errAutocrypt
		case strings.HasPrefix(name, "_"):
			continue
		case name != "addr" && name != "prefer-encrypt" && name != "keydata":
			return offer{}, errAutocrypt
		}
		attributes[name] = strings.TrimSpace(text)
		if attributes[name] == "" {
			return offer{}, errAutocrypt
		}
	}
	return newOffer(attributes)
}

func newOffer(attributes map[string]string) (offer, error) {
	a, err := mail.ParseAddress(attributes["addr"])
	if err != nil {
		return offer{}, errAutocrypt
	}
	text := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, attributes["keydata"])
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 || len(key) > maxKeydata || key[0]&0x80 == 0 {
		return offer{}, errAutocrypt
	}
	cert, err := pgp.ParseCert(key)
	if err != nil {
		return offer{}, errAutocrypt
	}
	return offer{address: a, mutual: attributes["prefer-encrypt"] == "mutual", cert: cert}, nil
}

// Header is the Autocrypt header field of an account, CRLF and folds included, with
// the minimal key it asks for. It fails for an address that is not ASCII before the
// at sign, and for a key too large for a header.
func Header(a mail.Address, cert *pgp.Cert, mutual bool) (string, error) {
	spec, err := asciiAddress(a)
	if err != nil {
		return "", err
	}
	key, err := cert.Minimal(Names(a), time.Now())
	if err != nil {
		return "", fmt.Errorf("write Autocrypt field: %w", err)
	}
	if len(key) > maxKeydata {
		return "", errors.New("key is too large for an Autocrypt field")
	}
	var b strings.Builder
	b.WriteString("Autocrypt: addr=" + spec + ";")
	if mutual {
		b.WriteString(" prefer-encrypt=mutual;")
	}
	b.WriteString(" keydata=\r\n")
	for text := base64.StdEncoding.EncodeToString(key); text != ""; {
		n := min(keydataColumn, len(text))
		b.WriteString(" " + text[:n] + "\r\n")
		text = text[n:]
	}
	return b.String(), nil
}

func asciiAddress(a mail.Address) (string, error) {
	if domain, err := idna.Lookup.ToASCII(a.Domain); err == nil {
		a.Domain = domain
	}
	spec := a.String()
	for _, c := range []byte(spec) {
		if c <= ' ' || c > '~' || c == ';' {
			return "", errors.New("an address of this kind fits no Autocrypt field")
		}
	}
	return spec, nil
}
