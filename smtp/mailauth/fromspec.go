package mailauth

import "strings"

// soleSpec reads the body of a From field by the strict grammar of one mailbox
// (RFC 5322, section 3.4): a phrase and an address in angle brackets, or an
// address alone, with comments. It returns the address as written, or why there
// is not exactly one. Lists, groups and routes are refused: they are where
// programs differ.
func soleSpec(s string) (spec, reason string) {
	w := specWalk{s: s}
	for w.pos < len(s) && w.reason == "" {
		w.step()
	}
	if w.reason != "" {
		return "", w.reason
	}
	if w.angled {
		return plainSpec(w.angle)
	}
	return plainSpec(strings.TrimSpace(w.bare.String()))
}

type specWalk struct {
	s      string
	pos    int
	bare   strings.Builder // what is no comment
	angle  string          // between the brackets
	angled bool
	reason string
}

func (w *specWalk) step() {
	c := w.s[w.pos]
	switch {
	case c == ' ' || c == '\t':
		w.bare.WriteByte(' ')
		w.pos++
	case c == '(':
		w.comment()
	case w.angled:
		w.reason = "text behind the address of From"
	case c == '"':
		w.take(quotedEnd(w.s, w.pos), "open quote in From")
	case c == '<':
		w.brackets()
	case strings.HasPrefix(w.s[w.pos:], "=?"):
		w.take(encodedEnd(w.s, w.pos), "")
	case c == ',':
		w.reason = "several addresses in From"
	case c == ':' || c == ';':
		w.reason = "a group in From"
	case c == '[':
		w.take(literalEnd(w.s, w.pos), "open bracket in From")
	case c == '>' || c == ')' || c == '\\':
		w.reason = "From can be read in two ways"
	default:
		w.bare.WriteByte(c)
		w.pos++
	}
}

// take copies up to end; an end of 0 is a fault.
func (w *specWalk) take(end int, fault string) {
	if end == 0 {
		w.reason = fault
		return
	}
	w.bare.WriteString(w.s[w.pos:end])
	w.pos = end
}

// comment passes over one. It may hold anything but what makes an address.
func (w *specWalk) comment() {
	depth := 0
	for i := w.pos; i < len(w.s); i++ {
		switch w.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				w.pos = i + 1
				return
			}
		case '<', '>':
			w.reason = "brackets in a comment of From"
			return
		}
	}
	w.reason = "open comment in From"
}

// brackets takes the address in angle brackets. What stood before it is a name;
// an unquoted @ there could be another address.
func (w *specWalk) brackets() {
	i := w.pos + 1
	for i < len(w.s) && w.s[i] != '>' {
		if w.s[i] == '"' {
			end := quotedEnd(w.s, i)
			if end == 0 {
				w.reason = "open quote in From"
				return
			}
			i = end
			continue
		}
		i++
	}
	if i >= len(w.s) {
		w.reason = "open bracket in From"
		return
	}
	w.angle, w.angled, w.pos = strings.TrimSpace(w.s[w.pos+1:i]), true, i+1
	if other := unquotedSpec(w.bare.String()); other != "" && !strings.EqualFold(other, w.angle) {
		w.reason = "several addresses in From"
	}
	w.bare.Reset()
}

// unquotedSpec is the word of a phrase that has an @ outside of quotes.
func unquotedSpec(phrase string) string {
	bare := []byte(phrase)
	for i := 0; i < len(phrase); i++ {
		if phrase[i] == '"' {
			end := quotedEnd(phrase, i)
			if end == 0 {
				return phrase[i:]
			}
			for ; i < end; i++ {
				bare[i] = ' '
			}
			i--
		}
	}
	for word := range strings.FieldsSeq(string(bare)) {
		if strings.Contains(word, "@") {
			return word
		}
	}
	return ""
}

// plainSpec refuses what may stand in an address only by old grammar: routes,
// comments, white space, and quotes around what would be an address itself.
func plainSpec(spec string) (string, string) {
	quoted := strings.HasPrefix(spec, `"`)
	switch {
	case spec == "":
		return "", "From is empty"
	case strings.HasPrefix(spec, "@"):
		return "", "a route in From"
	case quoted && strings.ContainsAny(spec[:max(1, quotedEnd(spec, 0))], "@<>,;:\\"):
		return "", "From can be read in two ways"
	case !quoted && strings.Count(spec, "@") > 1:
		return "", "several addresses in From"
	case !quoted && strings.ContainsAny(spec, " \t(),;<>\"\\"):
		return "", "From is no address"
	}
	return spec, ""
}

// quotedEnd is the offset behind the quoted string that starts at i, 0 without end.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// encodedEnd is the offset behind an encoded word that starts at i (RFC 2047),
// and of "=?" alone if it is none. Its text may hold what else ends a phrase.
func encodedEnd(s string, i int) int {
	parts := strings.SplitN(s[i+2:], "?", 4)
	if len(parts) == 4 && strings.HasPrefix(parts[3], "=") {
		if n := len(parts[0]) + len(parts[1]) + len(parts[2]) + 6; !strings.ContainsAny(s[i:i+n], "<>@\" \t") {
			return i + n
		}
	}
	return i + 2
}

// literalEnd is the offset behind a domain literal that starts at i.
func literalEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], ']'); n >= 0 {
		return i + n + 1
	}
	return 0
}
