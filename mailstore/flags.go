package mailstore

import (
	"slices"
	"strings"
)

// The system flags (RFC 9051, section 2.3.2). \Recent is refused: it is gone
// from IMAP4rev2.
const (
	Seen     = `\Seen`
	Answered = `\Answered`
	Flagged  = `\Flagged`
	Deleted  = `\Deleted`
	Draft    = `\Draft`
)

var systemFlags = [...]string{Seen, Answered, Flagged, Deleted, Draft}

const (
	maxKeywords = 64 // of one message
	maxKeyword  = 64 // bytes of one
)

// CleanFlags gives flags in the order they are kept: system flags in their one
// spelling, then keywords as written, each once. It fails with ErrFlag.
func CleanFlags(flags []string) ([]string, error) {
	return mergeFlags(nil, Replace, flags)
}

// mergeFlags applies op to the flags a message has. A keyword the message had
// keeps the spelling it came with.
func mergeFlags(old []string, op FlagOp, change []string) ([]string, error) {
	if len(change) > 2*maxKeywords {
		return nil, ErrFlag
	}
	for _, f := range change {
		if !validFlag(f) {
			return nil, ErrFlag
		}
	}
	var merged []string
	for _, f := range systemFlags {
		if flagStays(f, old, op, change) {
			merged = append(merged, f)
		}
	}
	system := len(merged)
	for _, f := range slices.Concat(old, change) {
		if f[0] != '\\' && flagStays(f, old, op, change) && !hasFlag(merged, f) {
			merged = append(merged, f)
		}
	}
	if len(merged)-system > maxKeywords {
		return nil, ErrFlag
	}
	return merged, nil
}

func flagStays(f string, old []string, op FlagOp, change []string) bool {
	switch op {
	case Add:
		return hasFlag(old, f) || hasFlag(change, f)
	case Clear:
		return hasFlag(old, f) && !hasFlag(change, f)
	default:
		return hasFlag(change, f)
	}
}

// hasFlag compares as IMAP does, without case.
func hasFlag(flags []string, f string) bool {
	return slices.ContainsFunc(flags, func(g string) bool { return strings.EqualFold(f, g) })
}

// validFlag accepts the system flags and keywords that are IMAP atoms
// (RFC 9051, section 9).
func validFlag(f string) bool {
	if strings.HasPrefix(f, `\`) {
		return hasFlag(systemFlags[:], f)
	}
	return f != "" && len(f) <= maxKeyword && !strings.ContainsFunc(f, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r)
	})
}
