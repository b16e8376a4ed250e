package mail

import (
	"errors"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Address is an addr-spec (RFC 5321, section 4.1.2; RFC 6531) in parts.
type Address struct {
	Local  string // unquoted, UTF-8, case kept
	Domain string // lower case; internationalised domains as U-labels in NFC
}

// ErrAddress says that a string is no addr-spec this house accepts.
var ErrAddress = errors.New("not a mail address: expected local@domain")

// Bounds of an address in octets. RFC 5321 names 64 for the local part and asks
// receivers to take more where they can; bounce addresses of large senders are
// longer, so the house takes twice that.
const (
	maxLocal  = 128
	maxDomain = 255
	maxLabel  = 63
)

// ParseAddress reads local@domain, with a quoted local part if need be. No
// control characters, no CR, LF or NUL, no source route; at most 128 octets of
// local part and 255 of domain. The domain may be an address literal.
func ParseAddress(s string) (Address, error) {
	if len(s) > 2*maxLocal+3+maxDomain || !printable(s) {
		return Address{}, ErrAddress
	}
	local, rest, ok := cutLocal(s)
	if !ok || local == "" || len(local) > maxLocal {
		return Address{}, ErrAddress
	}
	domain, ok := parseDomain(rest)
	if !ok {
		return Address{}, ErrAddress
	}
	return Address{Local: local, Domain: domain}, nil
}

// printable says that s is UTF-8 without control characters.
func printable(s string) bool {
	for i, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// cutLocal takes the local part, unquoted, and the @ from the front of s.
func cutLocal(s string) (local, domain string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		return cutQuoted(s)
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 || !isDotAtom(s[:at]) {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}

// cutQuoted is cutLocal for a local part that is a quoted string.
func cutQuoted(s string) (local, domain string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			domain, ok = strings.CutPrefix(s[i+1:], "@")
			return b.String(), domain, ok
		case c == '\\' && i+1 < len(s) && s[i+1] < utf8.RuneSelf:
			i++
			b.WriteByte(s[i])
		case c == '\\':
			return "", "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// isDotAtom says that a local part needs no quotes (RFC 5321 Dot-string, with
// the UTF-8 of RFC 6531).
func isDotAtom(s string) bool {
	dot := true // a dot may not come first, nor after another
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			if dot {
				return false
			}
			dot = true
			continue
		}
		if !isAtext(s[i]) {
			return false
		}
		dot = false
	}
	return !dot
}

func isAtext(c byte) bool {
	return c >= utf8.RuneSelf || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// parseDomain brings a domain or an address literal into the house's form.
func parseDomain(s string) (string, bool) {
	if strings.HasPrefix(s, "[") {
		return parseLiteral(s)
	}
	lower, ascii := lowerASCII(s)
	if ascii && !strings.Contains(lower, "xn--") {
		return lower, isDomain(lower)
	}
	u, err := domains.ToUnicode(s)
	if err != nil {
		// A-labels nobody can decode are still a domain that DNS may know.
		return lower, ascii && isDomain(lower)
	}
	a, err := domains.ToASCII(u)
	return norm.NFC.String(u), err == nil && isDomain(a)
}

// domains maps and checks as browsers do, UTS 46 without transitional forms.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false))

// isDomain checks an ASCII domain in lower case. Underscores are no host name
// but stand in the addresses of real senders.
func isDomain(s string) bool {
	if s == "" || len(s) > maxDomain {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// parseLiteral reads [192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321, section 4.1.3).
func parseLiteral(s string) (string, bool) {
	s, _ = lowerASCII(s)
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return "", false
	}
	six, is6 := strings.CutPrefix(inner, "ipv6:")
	ip, err := netip.ParseAddr(six)
	return s, err == nil && ip.Zone() == "" && is6 == ip.Is6()
}

// lowerASCII lowers A to Z and says whether s is ASCII.
func lowerASCII(s string) (string, bool) {
	ascii, upper := true, false
	for i := 0; i < len(s); i++ {
		ascii = ascii && s[i] < utf8.RuneSelf
		upper = upper || 'A' <= s[i] && s[i] <= 'Z'
	}
	if !upper {
		return s, ascii
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b), ascii
}

// String writes the address as an addr-spec, quoting the local part when needed.
func (a Address) String() string {
	if isDotAtom(a.Local) {
		return a.Local + "@" + a.Domain
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(a.Local); i++ {
		if c := a.Local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(a.Local[i])
	}
	b.WriteString(`"@`)
	b.WriteString(a.Domain)
	return b.String()
}

// Key is the address as look-ups compare it: case folded, NFC.
func (a Address) Key() string {
	s := a.String()
	if lower, ascii := lowerASCII(s); ascii {
		return lower
	}
	// Folding the decomposed form makes equal what Unicode calls canonical
	// caseless matches (The Unicode Standard, section 3.13.5).
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}

// WithoutDetail removes "+detail" from the local part (RFC 5233) and returns it.
func (a Address) WithoutDetail() (base Address, detail string) {
	local, detail, ok := strings.Cut(a.Local, "+")
	if !ok || local == "" {
		return a, ""
	}
	return Address{Local: local, Domain: a.Domain}, detail
}
