package move

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// decodeUTF7 reads modified UTF-7 (RFC 3501, section 5.1.3), which folders of
// Maildirs are named in. What is none stays as it is.
func decodeUTF7(s string) string {
	var b strings.Builder
	for {
		plain, rest, shifted := strings.Cut(s, "&")
		b.WriteString(plain)
		if !shifted {
			return b.String()
		}
		code, after, closed := strings.Cut(rest, "-")
		raw, err := utf7Base64.DecodeString(code)
		switch {
		case !closed || err != nil || len(raw)%2 != 0:
			b.WriteString("&")
			s = rest
			continue
		case code == "":
			b.WriteByte('&')
		default:
			units := make([]uint16, len(raw)/2)
			for i := range units {
				units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
			}
			b.WriteString(string(utf16.Decode(units)))
		}
		s = after
	}
}
