package prove

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf16"
)

// A form is one way a word may stand in a file.
type form struct {
	name string
	text []byte
}

// formsOf lists how a word may stand in a file. Quoted-printable, percent
// encoding and line breaks are undone while reading (see stream), so they need
// no forms here.
func formsOf(word string) []form {
	var all []form
	for _, w := range casesOf(word) {
		plain := []byte(w)
		little, big := utf16Of(w)
		for _, f := range []form{{"raw", plain}, {"UTF-16LE", little}, {"UTF-16BE", big}} {
			all = append(all, f)
			all = append(all, form{hexOf(f), []byte(hex.EncodeToString(f.text))})
			all = append(all, form{hexOf(f), []byte(strings.ToUpper(hex.EncodeToString(f.text)))})
			for _, text := range base64Of(f.text) {
				all = append(all, form{encoded("base64", f), text})
			}
		}
	}
	return all
}

func hexOf(f form) string { return encoded("hex", f) }

func encoded(how string, f form) string {
	if f.name == "raw" {
		return how
	}
	return how + " of " + f.name
}

// casesOf is w as written and as an index may fold it.
func casesOf(w string) []string {
	all := []string{w}
	for _, other := range []string{strings.ToLower(w), strings.ToUpper(w)} {
		if other != w {
			all = append(all, other)
		}
	}
	return all
}

func utf16Of(w string) (little, big []byte) {
	for _, u := range utf16.Encode([]rune(w)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	return little, big
}

// base64Of is what text looks like in base64 wherever it begins: at each of the
// three alignments, without the digits its neighbours have a part in. The URL
// alphabet gives another text only where there is a + or /.
func base64Of(text []byte) [][]byte {
	var all [][]byte
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			digits := alphabet.EncodeToString(append(make([]byte, before), text...))
			first := (before*8 + 5) / 6
			last := (before + len(text)) * 8 / 6
			part := []byte(digits[first:last])
			if len(all) < 3 || string(all[before]) != string(part) {
				all = append(all, part)
			}
		}
	}
	return all
}
