package pgp

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// foldWords joins words with spaces, and folds in front of a word that would
// go past 78 columns.
func foldWords(name string, words []string) string {
	var b strings.Builder
	col := len(name) + 2
	for i, w := range words {
		switch {
		case i == 0:
		case col+1+len(w) > 78:
			b.WriteString("\r\n ")
			col = 1
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
	return b.String()
}

// phrase writes a display name in words: as it is, quoted, or as encoded-words.
func phrase(s string) []string {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return nil
	case !isPlain(s):
		return encodedWords(s)
	case isAtoms(s):
		return strings.Fields(s)
	}
	return []string{`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`}
}

// text writes unstructured text in words.
func text(s string) []string {
	if s == "" {
		return nil
	}
	if isPlain(s) {
		return strings.Split(s, " ")
	}
	return encodedWords(s)
}

// isPlain says that s can stand as it is: visible ASCII and single spaces, no
// word that is very long, nothing that looks like an encoded-word.
func isPlain(s string) bool {
	if strings.Contains(s, "=?") || strings.Contains(s, "  ") || strings.TrimSpace(s) != s {
		return false
	}
	word := 0
	for _, c := range []byte(s) {
		if word++; c == ' ' {
			word = 0
		}
		if c < ' ' || c > '~' || word > 200 {
			return false
		}
	}
	return true
}

func isAtoms(s string) bool {
	for _, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune(" !#$%&'*+-/=?^_`{|}~", rune(c)) {
			return false
		}
	}
	return true
}

// encodedWords writes s in RFC 2047's form, whole characters to a word, each
// of at most 75 octets. Control characters become spaces.
func encodedWords(s string) []string {
	const most = 45 // bytes in 60 columns of base64
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	var words []string
	for len(s) > 0 {
		n := min(most, len(s))
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n--
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return words
}
