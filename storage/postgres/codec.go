package postgres

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// How columns hold what has no type of its own in SQL; migrations/0001_index.sql says it in words.

// systemFlags is the order of bits, and of flags in an Entry.
var systemFlags = [...]string{mailstore.Seen, mailstore.Answered, mailstore.Flagged, mailstore.Deleted, mailstore.Draft}

func encodeFlags(flags []string) (bits int16, keywords string) {
	at := 0
	for bit, f := range systemFlags {
		if at < len(flags) && flags[at] == f {
			bits |= 1 << bit
			at++
		}
	}
	return bits, strings.Join(flags[at:], " ")
}

// flagReader decodes flags, each combination once: there are few.
type flagReader struct {
	known map[combination][]string
}

type combination struct {
	bits     int16
	keywords string
}

// maxCombinations bounds what a reader keeps of a mailbox in which no two messages
// have the same flags.
const maxCombinations = 4096

func (x *flagReader) read(bits int16, keywords string) []string {
	if bits == 0 && keywords == "" {
		return nil
	}
	c := combination{bits, keywords}
	flags, known := x.known[c]
	if known {
		return flags
	}
	for bit, f := range systemFlags {
		if bits&(1<<bit) != 0 {
			flags = append(flags, f)
		}
	}
	if keywords != "" {
		flags = append(flags, strings.Split(keywords, " ")...)
	}
	if x.known == nil || len(x.known) >= maxCombinations {
		x.known = map[combination][]string{}
	}
	x.known[c] = flags
	return flags
}

func seconds(t time.Time) int64 { return t.Unix() }

func moment(s int64) time.Time { return time.Unix(s, 0).UTC() }

func classes() []pgp.Class { return []pgp.Class{"", pgp.SealedOnArrival, pgp.EndToEnd, pgp.Both} }

// classCode is what stands for a class in a row, or -1 for an unknown one.
func classCode(c pgp.Class) int16 { return int16(slices.Index(classes(), c)) }

func encodeLetters(letters []mailstore.Stored) []byte {
	b := make([]byte, 0, 24*len(letters))
	for _, l := range letters {
		b = append(b, byte(l.Kind))
		b = append(b, l.ID[:]...)
		b = binary.AppendUvarint(b, uint64(l.Size))
	}
	return b
}

// maxLetters bounds the letters of one mail.
const maxLetters = 1 << 10

func decodeLetters(b []byte) (letters []mailstore.Stored, ok bool) {
	for len(b) > 0 {
		var l mailstore.Stored
		if len(b) < 2+len(l.ID) || len(letters) == maxLetters {
			return nil, false
		}
		l.Kind = pgp.Kind(b[0])
		l.ID = filestore.ID(b[1:])
		b = b[1+len(l.ID):]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > math.MaxInt64 {
			return nil, false
		}
		l.Size, b = int64(size), b[n:]
		letters = append(letters, l)
	}
	return letters, len(letters) > 0
}

func formOf(n int16) pgp.Form { return pgp.Form(n) }
