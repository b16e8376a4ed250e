package config

import "strings"

// A stretch is a part of a text.
type stretch struct{ from, to int }

// findList finds the array of a key at the top of a TOML text, before any table.
// The text has been read by the TOML library, so what is no TOML need not be
// told; what this does not know ends the search.
func findList(text, key string) (list, bool) {
	for at := skipBlank(text, 0); at < len(text) && text[at] != '['; at = skipBlank(text, at) {
		name, after, ok := readKey(text, at)
		if !ok {
			return list{}, false
		}
		value := skipBlank(text, after)
		if name == key {
			return readList(text, value)
		}
		if at, ok = skipValue(text, value); !ok {
			return list{}, false
		}
	}
	return list{}, false
}

// skipBlank goes over white space, ends of lines and comments.
func skipBlank(text string, at int) int {
	for at < len(text) {
		switch text[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			end := strings.IndexByte(text[at:], '\n')
			if end < 0 {
				return len(text)
			}
			at += end
		default:
			return at
		}
	}
	return at
}

// readKey reads what stands before an equals sign, without its quotes.
func readKey(text string, at int) (name string, after int, ok bool) {
	start := at
	for at < len(text) && text[at] != '=' {
		switch text[at] {
		case '"', '\'':
			if at, ok = skipString(text, at); !ok {
				return "", 0, false
			}
		case '\n':
			return "", 0, false
		default:
			at++
		}
	}
	if at >= len(text) {
		return "", 0, false
	}
	return strings.Trim(text[start:at], " \t\"'"), at + 1, true
}

// readList reads an array of strings of one line each.
func readList(text string, at int) (l list, ok bool) {
	if at >= len(text) || text[at] != '[' {
		return l, false
	}
	l.open = at
	for at++; at < len(text); {
		switch at = skipBlank(text, at); {
		case at >= len(text):
			return l, false
		case text[at] == ']':
			l.close = at
			return l, true
		case text[at] == ',':
			at++
		default:
			end, ok := skipString(text, at)
			if !ok || strings.ContainsRune(text[at:end], '\n') {
				return l, false
			}
			l.entries = append(l.entries, stretch{at, end})
			at = end
		}
	}
	return l, false
}

// skipValue goes over one value: to the end of its line, or of its brackets.
func skipValue(text string, at int) (after int, ok bool) {
	depth := 0
	for at < len(text) {
		switch c := text[at]; {
		case c == '"' || c == '\'':
			if at, ok = skipString(text, at); !ok {
				return 0, false
			}
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == '\n' && depth == 0:
			return at, true
		case c == '#':
			at = skipBlank(text, at)
			if depth == 0 {
				return at, true
			}
			continue
		}
		at++
	}
	return at, depth == 0
}

// skipString goes over a string in any of TOML's four quotes.
func skipString(text string, at int) (after int, ok bool) {
	if at >= len(text) || text[at] != '"' && text[at] != '\'' {
		return 0, false
	}
	quote := text[at : at+1]
	escapes := quote == `"`
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[at:], triple) {
		quote = triple
	}
	for at += len(quote); at < len(text); at++ {
		switch {
		case escapes && text[at] == '\\':
			at++
		case strings.HasPrefix(text[at:], quote):
			at += len(quote)
			for len(quote) == 3 && at < len(text) && text[at] == quote[0] { // up to two belong to it
				at++
			}
			return at, true
		case text[at] == '\n' && len(quote) == 1:
			return 0, false
		}
	}
	return 0, false
}
