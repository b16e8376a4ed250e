package mail

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of Decode in bytes: what is read, and what comes out.
const (
	maxEncoded = 64 << 10
	maxDecoded = 16 << 10
)

// Decode makes readable text of an unfolded field body: encoded words (RFC
// 2047), also those that mailers break by spaces or by cutting a character in
// two, and raw 8-bit text. Unknown charsets and broken words give replacement
// characters or stay as they are, never an error. The result is valid UTF-8
// without control characters, at most 16 KiB of it.
func Decode(s string) string {
	if len(s) > maxEncoded {
		s = s[:maxEncoded]
	}
	if !strings.Contains(s, "=?") {
		return clip(plain(guess8bit(s)), maxDecoded)
	}
	d := wordDecoder{}
	for s != "" && d.out.Len() < maxDecoded {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, rest, ok := cutWord(s[i:])
		if !ok {
			// No word begins here; there may be no end at all, so look only once.
			n := i + 2
			if !strings.Contains(s[n:], "?=") {
				break
			}
			d.text(s[:n])
			s = rest[2:]
			continue
		}
		if !d.inWord || strings.Trim(s[:i], " \t") != "" {
			d.text(s[:i])
		}
		d.word(w)
		s = rest
	}
	d.text(s)
	return clip(plain(d.out.String()), maxDecoded)
}

// word2047 is one encoded word, still encoded.
type word2047 struct {
	charset string
	q       bool
	text    string
}

// cutWord reads the encoded word at the start of s.
func cutWord(s string) (w word2047, rest string, ok bool) {
	name, after, ok := strings.Cut(s[2:min(len(s), 80)], "?")
	if !ok || name == "" || len(after) < 2 || after[1] != '?' {
		return w, s, false
	}
	body := s[2+len(name)+3:]
	end := strings.Index(body, "?=")
	if end < 0 {
		return w, s, false
	}
	name, _, _ = strings.Cut(name, "*") // RFC 2231, section 5: a language
	w = word2047{charset: strings.ToLower(name), text: body[:end]}
	switch after[0] {
	case 'q', 'Q':
		w.q = true
	case 'b', 'B':
	default:
		return w, s, false
	}
	return w, body[end+2:], true
}

// wordDecoder joins words of one charset before it decodes them, since a
// character may be cut in two between them.
type wordDecoder struct {
	out     strings.Builder
	charset string
	octets  []byte
	inWord  bool // the last thing seen was an encoded word
}

func (d *wordDecoder) word(w word2047) {
	if d.inWord && w.charset != d.charset {
		d.flush()
	}
	d.charset, d.inWord = w.charset, true
	if w.q {
		d.octets = appendQ(d.octets, w.text)
	} else {
		d.octets = appendBase64(d.octets, w.text)
	}
}

func (d *wordDecoder) flush() {
	d.out.WriteString(decodeCharset(d.octets, d.charset))
	d.octets, d.inWord = d.octets[:0], false
}

func (d *wordDecoder) text(s string) {
	if d.inWord {
		d.flush()
	}
	d.out.WriteString(guess8bit(s))
}

func appendQ(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			dst = append(dst, ' ')
		case s[i] == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// appendBase64 decodes what it can: other characters are skipped, padding may miss.
func appendBase64(dst []byte, s string) []byte {
	clean := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if base64Digit[s[i]] != notBase64 {
			clean = append(clean, s[i])
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	dst, _ = base64.RawStdEncoding.AppendDecode(dst, clean)
	return dst
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// plain turns control characters into spaces and trims the ends.
func plain(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r == ' ' || unicode.IsControl(r) })
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// clip cuts s at a rune's edge to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimRight(s[:n], " ")
}
