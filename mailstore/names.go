package mailstore

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Inbox is the one name every owner has; it is compared without case
// (RFC 9051, section 5.1).
const Inbox = "INBOX"

const (
	maxName  = 255 // bytes of a whole name
	maxDepth = 20  // levels
)

// CleanName gives the form a mailbox name is stored and compared in: NFC, a
// first level INBOX in capitals. It fails with ErrName for what is no UTF-8,
// has control characters, empty, "." or ".." levels, over 255 bytes or over 20
// levels. A name is data: no engine may make a path of it.
func CleanName(name string) (string, error) {
	if len(name) > 4*maxName || !utf8.ValidString(name) {
		return "", ErrName
	}
	name = norm.NFC.String(name)
	if len(name) == 0 || len(name) > maxName || strings.ContainsFunc(name, unfit) {
		return "", ErrName
	}
	levels := strings.Split(name, "/")
	if len(levels) > maxDepth {
		return "", ErrName
	}
	for _, level := range levels {
		if level == "" || level == "." || level == ".." {
			return "", ErrName
		}
	}
	if strings.EqualFold(levels[0], Inbox) {
		levels[0] = Inbox
	}
	return strings.Join(levels, "/"), nil
}

// unfit says which characters no name has: controls and the line and paragraph
// separators (RFC 9051, section 5.1).
func unfit(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// above lists the names over name, the topmost first.
func above(name string) []string {
	var names []string
	for i, c := range name {
		if c == '/' {
			names = append(names, name[:i])
		}
	}
	return names
}

// within says whether name is root or stands below it.
func within(name, root string) bool {
	return name == root || strings.HasPrefix(name, root+"/")
}
