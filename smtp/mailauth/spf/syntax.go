package spf

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// isRecord says that a TXT record is an SPF record (RFC 7208, section 4.5).
func isRecord(s string) bool {
	v := strings.ToLower(s)
	return v == "v=spf1" || strings.HasPrefix(v, "v=spf1 ")
}

// valid checks a whole record by the grammar of RFC 7208, section 12. Syntax
// errors count wherever they stand (section 4.6).
func valid(record string) bool {
	seen := map[string]bool{}
	for term := range strings.SplitSeq(record[len("v=spf1"):], " ") {
		if term == "" {
			continue
		}
		name, ok := validModifier(term)
		if name == "" && !validDirective(term) || name != "" && !ok {
			return false
		}
		if single := name == "redirect" || name == "exp"; single && seen[name] {
			return false // section 6: each at most once
		}
		seen[name] = true
	}
	return true
}

var modifier = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._-]*)=(.*)$`)

// validModifier returns the name of a modifier; an empty one says that the term
// is none.
func validModifier(term string) (name string, ok bool) {
	m := modifier.FindStringSubmatch(term)
	if m == nil {
		return "", false
	}
	switch name := strings.ToLower(m[1]); name {
	case "redirect", "exp":
		return name, validDomainSpec(m[2])
	default:
		return name, validMacroString(m[2])
	}
}

var mechanism = regexp.MustCompile(`^[-+?~]?([A-Za-z0-9]+)(:(.*?))??((/(0|[1-9][0-9]?))?(//(0|[1-9][0-9]{0,2}))?)$`)

func validDirective(term string) bool {
	if m := address.FindStringSubmatch(term); m != nil {
		return validNetwork(m[1] == "4", m[2])
	}
	m := mechanism.FindStringSubmatch(term)
	if m == nil {
		return false
	}
	name, colon, spec, cidr := strings.ToLower(m[1]), m[2] != "", m[3], m[4]
	switch name {
	case "all":
		return !colon && cidr == ""
	case "include", "exists":
		return colon && validDomainSpec(spec+cidr)
	case "ptr":
		return !colon && cidr == "" || colon && validDomainSpec(spec+cidr)
	case "a", "mx":
		return (!colon || validDomainSpec(spec)) && upTo(m[6], 32) && upTo(m[8], 128)
	}
	return false
}

var address = regexp.MustCompile(`^[-+?~]?[iI][pP]([46]):(.*)$`)

func validNetwork(four bool, s string) bool {
	text, bits, masked := strings.Cut(s, "/")
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" || ip.Is4() != four {
		return false
	}
	return !masked || prefix.MatchString(bits) && upTo(bits, ip.BitLen())
}

var prefix = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)

func upTo(digits string, most int) bool {
	if digits == "" {
		return true
	}
	n, err := strconv.Atoi(digits)
	return err == nil && n <= most
}

// macro is macro-expand (section 7.1). c, r and t are for explanations only.
const macro = `%(\{[slodiphvSLODIPHV][0-9]*[rR]?[-.+,/_=]*\}|%|_|-)`

var (
	macroString = regexp.MustCompile(`^(` + macro + `|[!-$&-~])*$`)
	endsInMacro = regexp.MustCompile(macro + `$`)
	topLabel    = regexp.MustCompile(`\.([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])\.?$`)
	numeric     = regexp.MustCompile(`\.[0-9]+\.?$`)
	zeroDigits  = regexp.MustCompile(`%\{.0+[rR]?[-.+,/_=]*\}`)
)

func validMacroString(s string) bool { return macroString.MatchString(s) && !zeroDigits.MatchString(s) }

// validDomainSpec: a macro-string that ends in a top label or a macro.
func validDomainSpec(s string) bool {
	if s == "" || !validMacroString(s) {
		return false
	}
	return endsInMacro.MatchString(s) || topLabel.MatchString(s) && !numeric.MatchString(s)
}
