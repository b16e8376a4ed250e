package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// charset finds the decoder of a charset name. nil stands for UTF-8 and ASCII,
// and for names nobody knows: their octets are read as UTF-8, and what is none
// becomes U+FFFD. The web's table goes first, since mail that says ISO-8859-1
// means Windows-1252 as pages do.
func charset(name string) encoding.Encoding {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil
	}
	if len(name) > 40 {
		return nil
	}
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(name); err == nil && enc != nil {
		return enc
	}
	if n, ok := strings.CutPrefix(name, "cp"); ok { // cp1252, cp850
		if enc, err := ianaindex.MIME.Encoding("ibm" + strings.TrimLeft(n, "-")); err == nil && enc != nil {
			return enc
		}
	}
	return nil
}

// isASCII spares the decoders: all charsets of mail but UTF-16 and the escaping
// ones of ISO-2022 and HZ are ASCII where the high bit is clear.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeCharset makes UTF-8 of b; it never fails and its result is valid.
func decodeCharset(b []byte, name string) string {
	if enc := charset(name); enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return string(out)
		}
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

// guess8bit reads octets nobody named a charset for: UTF-8 if they are valid,
// else Windows-1252, the commonest of the others.
func guess8bit(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	return out
}
