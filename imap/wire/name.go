package wire

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var modified64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// DecodeName reads a mailbox name in modified UTF-7 (RFC 3501, section 5.1.3),
// in which UTF-8 may stand as it is (RFC 6855). Every name has one spelling:
// what could be written shorter is refused (ATTACKS D11).
func DecodeName(s string) (string, bool) {
	if !utf8.ValidString(s) {
		return "", false
	}
	var b strings.Builder
	shifted := false // the last thing was a run of base64
	for s != "" {
		if s[0] != '&' {
			if s[0] < ' ' || s[0] == 0x7f {
				return "", false
			}
			b.WriteByte(s[0])
			s, shifted = s[1:], false
			continue
		}
		run, rest, ok := strings.Cut(s[1:], "-")
		switch {
		case !ok:
			return "", false
		case run == "":
			b.WriteByte('&')
			shifted = false
		default:
			text, ok := decodeRun(run)
			if !ok || shifted {
				return "", false
			}
			b.WriteString(text)
			shifted = true
		}
		s = rest
	}
	return b.String(), true
}

// decodeRun reads base64 of UTF-16. Printable ASCII must not hide in it.
func decodeRun(run string) (string, bool) {
	raw, err := modified64.DecodeString(run)
	if err != nil || len(raw)%2 != 0 || strings.ContainsAny(run, "\r\n") {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) {
			if i++; i == len(units) {
				return "", false
			}
			if r = utf16.DecodeRune(r, rune(units[i])); r == utf8.RuneError {
				return "", false
			}
		}
		if r >= ' ' && r <= '~' {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), true
}

// EncodeName writes a mailbox name in modified UTF-7.
func EncodeName(s string) string {
	var b strings.Builder
	var run []uint16
	end := func() {
		if len(run) == 0 {
			return
		}
		raw := make([]byte, 0, 2*len(run))
		for _, u := range run {
			raw = append(raw, byte(u>>8), byte(u))
		}
		b.WriteByte('&')
		b.WriteString(modified64.EncodeToString(raw))
		b.WriteByte('-')
		run = run[:0]
	}
	for _, r := range s {
		if r < ' ' || r > '~' {
			run = utf16.AppendRune(run, r)
			continue
		}
		end()
		b.WriteRune(r)
		if r == '&' {
			b.WriteByte('-')
		}
	}
	end()
	return b.String()
}
