package dsn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue bounds what one field of another server's making may hold.
const maxValue = 900

// tidy is s as one line of valid UTF-8 without control characters.
func tidy(s string) string {
	if len(s) > maxValue {
		s = s[:maxValue]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

// printed is s when it is printable ASCII, and nothing else.
func printed(s string) string {
	if !ascii(s) || tidy(s) != s {
		return ""
	}
	return s
}

// host is a host's name as fields show it.
func host(s string) string {
	if s = printed(s); s == "" || strings.ContainsAny(s, " ()<>;,\"") {
		return "unknown.invalid"
	}
	return s
}

// maxMessageID is what a line can hold beside its name.
const maxMessageID = 500

// messageID is a Message-ID (RFC 5322, section 3.6.4) or nothing: one that holds
// spaces or no brackets could be words of the mail.
func messageID(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxMessageID || !strings.HasPrefix(s, "<") || !strings.HasSuffix(s, ">") || printed(s) == "" ||
		strings.ContainsAny(s, " \t") || strings.Count(s, "@") != 1 || strings.Count(s, "<") != 1 || strings.Count(s, ">") != 1 {
		return ""
	}
	return s
}

// isStatus says that s is a status code (RFC 3463, section 2).
func isStatus(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || !strings.Contains("245", parts[0]) {
		return false
	}
	for _, p := range parts[1:] {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// fold breaks a line at spaces so that it stays under 78 characters where it can
// (RFC 5322, section 2.2.3).
func fold(s string) string {
	var b strings.Builder
	for width := 0; s != ""; {
		word := s
		if i := strings.IndexByte(s[1:], ' '); i >= 0 {
			word = s[:i+1]
		}
		s = s[len(word):]
		if n := utf8.RuneCountInString(word); width > 0 && word[0] == ' ' && word != " " && width+n > 77 {
			b.WriteString("\r\n")
			width = n
		} else {
			width += n
		}
		b.WriteString(word)
	}
	return b.String()
}
