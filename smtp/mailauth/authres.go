package mailauth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sealpost/smtp/mailauth/dkim"
)

// AuthenticationResults is the field, CRLF and folds included, for authserv-id id
// (RFC 8601). Domains are written as A-labels, so that the field may stand in any
// mail; what a stranger chose is quoted where it is more than a plain word.
func (v Verdict) AuthenticationResults(id string) string {
	w := resultWriter{}
	w.word("Authentication-Results:")
	w.word(token(dkim.ASCII(id)))
	v.results(&w)
	return w.out.String() + "\r\n"
}

// resinfo is what follows the authserv-id: one result a line.
func (v Verdict) results(w *resultWriter) {
	w.result("iprev", v.IPRev.Result, "", "policy.iprev", address(v.IPRev), "policy.name", dkim.ASCII(v.IPRev.Name))
	v.SPF.write(w)
	v.Helo.write(w)
	for _, s := range v.DKIM {
		s.write(w)
	}
	if len(v.DKIM) == 0 && (v.ARC.Result != "" || v.From != nil) {
		w.result("dkim", None, "")
	}
	if v.ARC.Result != "" {
		w.result("arc", v.ARC.Result, v.ARC.Reason, "policy.sealer", dkim.ASCII(v.ARC.Sealer), "smtp.remote-ip", address(v.IPRev))
	}
	if v.From != nil {
		w.result("dmarc", Result(v.DMARC.Result), v.DMARC.Reason, "header.from", dkim.ASCII(v.From.Domain), "policy.dmarc", v.DMARC.Disposition)
	}
	if w.results == 0 {
		w.word("; none")
	}
}

func address(r IPRev) string {
	if !r.IP.IsValid() {
		return ""
	}
	return r.IP.String()
}

func (r SPF) write(w *resultWriter) {
	property := "smtp.mailfrom"
	if r.Helo {
		property = "smtp.helo"
	}
	w.result("spf", r.Result, r.Reason, property, dkim.ASCII(r.Domain))
}

func (s DKIM) write(w *resultWriter) {
	reason := s.Reason
	if reason == "" && s.Testing {
		reason = "key in testing"
	}
	w.result("dkim", s.Result, reason, "header.d", dkim.ASCII(s.Domain), "header.s", s.Selector,
		"header.i", identity(s.Identity), "header.a", s.Algorithm, "header.b", s.Value[:min(8, len(s.Value))])
}

// identity is an i= with its domain in A-labels.
func identity(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	return s[:at+1] + dkim.ASCII(s[at+1:])
}

// resultWriter folds at white space, and starts each result on a new line.
type resultWriter struct {
	out     strings.Builder
	line    int
	results int
}

// column is where lines are folded (RFC 5322, section 2.1.1).
const column = 78

// result writes "; method=result", then a reason and properties that have a value.
func (w *resultWriter) result(method string, r Result, reason string, properties ...string) {
	if r == "" {
		return
	}
	w.results++
	w.out.WriteString(";\r\n\t")
	w.line = 8
	w.put(method + "=" + token(string(r)))
	if reason != "" {
		w.word("reason=" + quoted(reason))
	}
	for i := 0; i < len(properties); i += 2 {
		if properties[i+1] != "" {
			w.word(properties[i] + "=" + pvalue(properties[i+1]))
		}
	}
}

func (w *resultWriter) put(s string) {
	w.out.WriteString(s)
	w.line += utf8.RuneCountInString(s)
}

// word writes a space or a fold, then s. A semicolon stands close to what is before.
func (w *resultWriter) word(s string) {
	switch {
	case w.line == 0 || s[0] == ';':
	case w.line+1+utf8.RuneCountInString(s) > column:
		w.out.WriteString("\r\n\t")
		w.line = 8
	default:
		w.put(" ")
	}
	w.put(s)
}

// pvalue writes a property's value: bare when it is a plain word or address, else
// quoted (RFC 8601, section 2.2).
func pvalue(s string) string {
	plain := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._@+:/=", r))
	}
	if s == "" || len(s) > maxValue || strings.ContainsFunc(s, plain) || strings.Contains(s, "=?") {
		return quoted(s)
	}
	return s
}

// token is pvalue where no @ may stand bare.
func token(s string) string {
	if strings.ContainsAny(s, "@:/=") {
		return quoted(s)
	}
	return pvalue(s)
}

// maxValue is how many bytes of a value are written.
const maxValue = 200

// quoted writes a quoted-string. Line ends, controls and what is no UTF-8 become
// question marks: nothing in a value can end it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "?") {
		if b.Len() > maxValue {
			break
		}
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
		case r != ' ' && !unicode.IsPrint(r):
			r = '?'
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
