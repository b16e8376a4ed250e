package dns

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

var errName = errors.New("no name that can exist")

// profile maps as browsers and mail do (UTS 46, not transitional), and lets
// through what host names may not have but records do: underscores.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// Normal is a name as this package returns it: lower case, A-labels, no last
// dot. A name that cannot exist is ErrNotFound.
func Normal(name string) (string, error) {
	q, err := question(name)
	if err != nil {
		return "", fmt.Errorf("read a name: %w: %w", ErrNotFound, err)
	}
	return target(q), nil
}

// question makes a fully qualified name in presentation form (RFC 1035, section
// 5.1) of what a caller gave, in lower case and with A-labels (RFC 5890).
func question(name string) (string, error) {
	if name == "." {
		return ".", nil
	}
	name = strings.TrimSuffix(name, ".")
	if !ascii(name) {
		if len(name) > 1000 || !utf8.ValidString(name) {
			return "", errName
		}
		a, err := profile.ToASCII(name)
		if err != nil {
			return "", errName
		}
		name = a
	}
	if name == "" || len(name) > 253 {
		return "", errName
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", errName
		}
	}
	return escape(name)
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// escape writes a name as the library prints those it reads, so that the
// question of a reply can be compared.
func escape(name string) (string, error) {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c < ' ' || c > '~':
			return "", errName
		case strings.IndexByte(` '@;()"\`, c) >= 0:
			b.WriteByte('\\')
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String() + ".", nil
}

// target is a name as callers see it: lower case, no last dot, but "." for the root.
func target(name string) string {
	if name == "." || name == "" {
		return "."
	}
	return strings.TrimSuffix(lower(name), ".")
}

// lower folds ASCII only, as the DNS does (RFC 4343).
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// unescape takes back what the library wrote as \" or \DDD in texts.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b = append(b, s[i])
		case i+3 < len(s) && digits(s[i+1:i+4]):
			b = append(b, (s[i+1]-'0')*100+(s[i+2]-'0')*10+s[i+3]-'0')
			i += 3
		default:
			b = append(b, s[i+1])
			i++
		}
	}
	return string(b)
}

func digits(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' }) < 0
}
