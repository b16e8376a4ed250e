package sealed

import (
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const maxName = 255 // bytes, of UTF-8

// ValidName says whether a file or folder may have this name: one level of a path, in
// NFC, of at most 255 bytes, that is not made of dots alone and that looks like what it
// is, without control characters, line separators and marks that change direction.
func ValidName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && norm.NFC.IsNormalString(name) &&
		strings.Trim(name, ".") != "" && !strings.ContainsFunc(name, unfit)
}

func unfit(r rune) bool {
	return r == '/' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || bidi(r)
}

// bidi are the characters by which "exe.txt" can be shown of "txt.exe" (Unicode's
// Bidi_Control).
func bidi(r rune) bool {
	return r == '\u061c' || r == '\u200e' || r == '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// CleanName makes a valid name of any, the same where it is valid already.
func CleanName(name string) string {
	name = norm.NFC.String(strings.ToValidUTF8(name, "_"))
	name = strings.Map(func(r rune) rune {
		if unfit(r) {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ".") == "" {
		name = "_" + name
	}
	return shorten(name, maxName)
}

// shorten cuts the stem of a name, so that its ending stays.
func shorten(name string, most int) string {
	if len(name) <= most {
		return name
	}
	end := path.Ext(name)
	if len(end) > 32 {
		end = ""
	}
	stem := name[:most-len(end)]
	for len(stem) > 0 && !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + end
}

// NameKey is the same for names that a folder takes for one: who compares many names
// keeps their keys.
func NameKey(name string) string { return nameKey(name) }

// nameKey is the same for names that many systems take for one: in another case, or
// composed otherwise (The Unicode Standard, section 3.13.5).
func nameKey(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// SameName says whether a folder takes two names for one.
func SameName(a, b string) bool { return nameKey(a) == nameKey(b) }

var reserved = regexp.MustCompile(`^(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:[. ]|$)`)

// LocalName is the name under which a file is written to a disk: one that every system
// takes, and that is no device, no option of a command and not hidden. Two names may come
// to the same: who writes them asks whether one is taken, without regard to case.
func LocalName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\:*?"<>|`, r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' {
			return '_'
		}
		return r
	}, CleanName(name))
	name = shorten(name, 240) // file systems that encrypt names have less than 255
	name = strings.TrimRight(name, ". ")
	switch {
	case name == "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || strings.HasPrefix(name, " ") || strings.HasPrefix(name, "~"):
		return "_" + name
	case reserved.MatchString(name):
		return "_" + name
	}
	return name
}
