package dkim

import "strings"

// Tags is a tag list (RFC 6376, section 3.2). Values are trimmed.
type Tags map[string]string

// ParseTags reads the unfolded body of a signature field. A tag that stands
// twice, an empty one and a malformed name make the whole list worthless.
func ParseTags(s string) (Tags, error) {
	t, p := parseTags(s, false)
	if p != nil {
		return nil, p
	}
	return t, nil
}

// parseTags is ParseTags; a loose one passes over empty tags, which key records
// in the DNS are full of.
func parseTags(s string, loose bool) (Tags, *problem) {
	t := Tags{}
	specs := strings.Split(s, ";")
	for i, spec := range specs {
		spec = strings.Trim(spec, " \t\r\n")
		if spec == "" && (loose || i > 0 && i == len(specs)-1) {
			continue
		}
		name, value, ok := strings.Cut(spec, "=")
		name = strings.TrimRight(name, " \t\r\n")
		if !ok || !isTagName(name) || !isTagValue(value) {
			return nil, broken("malformed tag list")
		}
		if _, twice := t[name]; twice {
			return nil, broken("a tag stands twice")
		}
		t[name] = strings.TrimLeft(value, " \t\r\n")
	}
	return t, nil
}

func isTagName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// isTagValue refuses control characters. UTF-8 may stand in values (RFC 8616).
func isTagValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return true
}

// list splits a colon-separated value, white space around its members dropped.
func list(s string) []string {
	parts := strings.Split(s, ":")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t\r\n")
	}
	return parts
}

// has says that a colon-separated value holds a word.
func has(s, word string) bool {
	for _, p := range list(s) {
		if strings.EqualFold(p, word) {
			return true
		}
	}
	return false
}

// packed drops the white space that may stand anywhere in base64.
func packed(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s)
}
