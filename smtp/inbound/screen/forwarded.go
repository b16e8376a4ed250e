package screen

import (
	"strings"

	"sealpost/smtp/mailauth"
)

// forwarded says that somebody we believe sealed the mail first (RFC 8617) and says
// that it passed DMARC when it came to them. Of a longer chain the first seal is a
// stranger's claim.
func (s *Screen) forwarded(v mailauth.Verdict) bool {
	if v.ARC.Result != mailauth.Pass || v.ARC.Count != 1 {
		return false
	}
	for _, trusted := range s.Sealers {
		if strings.EqualFold(trusted, v.ARC.Sealer) {
			return saysPass(v.ARC.Results)
		}
	}
	return false
}

// saysPass reads the DMARC result in an ARC-Authentication-Results field (RFC 8601,
// section 2.2). What forwarders quote in it strangers chose, so only what can be read
// in one way counts, and every result of the method has to be a pass.
func saysPass(results string) (pass bool) {
	parts, whole := resultsIn(results)
	for _, part := range parts {
		method, result, _ := strings.Cut(part, "=")
		method, _, _ = strings.Cut(method, "/") // its version
		if !strings.EqualFold(strings.TrimSpace(method), "dmarc") {
			continue
		}
		words := strings.Fields(result)
		if len(words) == 0 || !strings.EqualFold(words[0], "pass") {
			return false
		}
		pass = true
	}
	return pass && whole
}

// resultsIn splits a field at its semicolons: those in comments and quoted strings,
// which are left out, are none. whole is false where one of these has no end.
func resultsIn(field string) (parts []string, whole bool) {
	var part strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
			part.WriteByte(c)
		case quoted:
		case c == '(':
			depth++
			part.WriteByte(' ')
		case depth > 0 && c == ')':
			depth--
		case depth > 0:
		case c == ';':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String()), depth == 0 && !quoted
}
