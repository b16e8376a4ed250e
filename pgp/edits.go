package pgp

import (
	"bytes"
	"io"
	"sort"
	"strings"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// An edit puts text into the original at an offset. Edits never remove a byte,
// so that leaving their text out gives the original back.
type edit struct {
	at   int64
	text string
}

const (
	// maxEdits bounds what is written into the seal line; a mail that needs
	// more is wrapped instead.
	maxEdits = 64

	protection = "hp=\"cipher\"; protected-headers=\"v1\"" // RFC 9788, and its draft that clients read today
	forged     = "X-Forged-"
)

// headerEdits marks the header of a mail as protected and renames in it what
// only we may say inside the seal, where authserv is our authserv-id. typed says whether a Content-Type was there
// to mark. ok is false when the header cannot be edited safely.
func headerEdits(m mail.Bytes, h mail.Header, authserv string) (edits []edit, typed, ok bool) {
	mbox := startsLikeMbox(m, h)
	if h.Cut || !h.Clean && !mbox {
		return nil, false, false
	}
	if mbox {
		edits = []edit{{0, mboxField}}
	}
	for _, f := range h.Fields {
		switch {
		case oursAlone(f.Name), claims(f, authserv):
			edits = append(edits, edit{f.Start, forged})
		case !typed && strings.EqualFold(f.Name, "Content-Type"):
			more, marked := typeEdits(f)
			if !marked { // no type in it: readers take the default, and so do we
				more = []edit{{f.Start, forged}}
			}
			typed = marked
			edits = append(edits, more...)
		}
	}
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].at < edits[j].at })
	return edits, typed, len(edits) <= maxEdits
}

// mboxField makes a field of the "From " line that a mail out of an mbox begins
// with, so that it does not cost the whole header.
const (
	mboxField   = "X-Mbox: "
	maxMboxLine = 1000
)

func startsLikeMbox(m mail.Bytes, h mail.Header) bool {
	if h.Broken != 1 || len(h.Fields) == 0 || h.Fields[0].Start > maxMboxLine {
		return false
	}
	line := make([]byte, h.Fields[0].Start)
	if _, err := m.ReadAt(line, 0); err != nil && err != io.EOF {
		return false
	}
	return bytes.HasPrefix(line, []byte("From ")) && bytes.Index(line, []byte("\r\n")) == len(line)-2
}

// oursAlone says that a field means something only inside a seal: our own
// fields, HP-Outer (RFC 9788, section 2.2), and Autocrypt-Gossip, which clients
// believe because it was encrypted (ATTACKS B11).
func oursAlone(name string) bool {
	n := strings.ToLower(name)
	return strings.HasPrefix(n, "sealpost-") || n == "hp-outer" || n == "autocrypt-gossip"
}

// claims says that a field is an Authentication-Results that a reader could take
// for one of ours (RFC 8601, section 5): its authserv-id is ours, or cannot be read
// by everyone alike.
func claims(f mail.Field, authserv string) bool {
	if authserv == "" || !strings.EqualFold(f.Name, "Authentication-Results") {
		return false
	}
	_, body, _ := bytes.Cut(f.Raw, []byte(":"))
	s := scanner{b: body}
	s.skipCFWS()
	id := s.token()
	if s.skipCFWS(); !s.end() && s.b[s.pos] == '/' {
		return true // "id/1" of RFC 5451, which some take for id
	}
	if id == "" || !s.end() && s.b[s.pos] != ';' && !(s.b[s.pos] >= '0' && s.b[s.pos] <= '9') {
		return true // a quoted id, or something that is none
	}
	if a, err := idna.Lookup.ToASCII(authserv); err == nil {
		authserv = a // as it stands in the field that is ours; id has no other letters
	}
	return strings.EqualFold(strings.TrimRight(id, "."), strings.TrimRight(authserv, "."))
}

// typeEdits puts the protection marks behind the media type of a Content-Type
// field, in front of all other parameters: there no trailing semicolon, comment
// or broken quoting matters. Parameters of those names that were there already
// are renamed.
func typeEdits(f mail.Field) (edits []edit, ok bool) {
	colon := bytes.IndexByte(f.Raw, ':')
	if colon < 0 {
		return nil, false
	}
	s := scanner{b: f.Raw, pos: colon + 1}
	s.skipCFWS()
	if s.token() == "" || !s.take('/') || s.token() == "" {
		return nil, false
	}
	mark := edit{f.Start + int64(s.pos), ";\r\n " + protection}
	s.skipCFWS()
	if !s.end() && s.b[s.pos] != ';' {
		mark.text += ";"
	}
	edits = []edit{mark}
	for s.nextParameter() {
		at := f.Start + int64(s.pos)
		if n := strings.ToLower(s.token()); isProtection(n) {
			edits = append(edits, edit{at, "x-"})
		}
	}
	return edits, true
}

// isProtection also knows the split and extended forms of RFC 2231.
func isProtection(name string) bool {
	name, _, _ = strings.Cut(name, "*")
	return name == "hp" || name == "protected-headers" || name == "hp-legacy-display"
}

// scanner reads a structured field body (RFC 5322, section 3.2) in place.
type scanner struct {
	b   []byte
	pos int
}

func (s *scanner) end() bool { return s.pos >= len(s.b) }

func (s *scanner) take(c byte) bool {
	if s.end() || s.b[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) token() string {
	start := s.pos
	for !s.end() && isToken(s.b[s.pos]) {
		s.pos++
	}
	return string(s.b[start:s.pos])
}

// isToken is RFC 2045's token.
func isToken(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune("()<>@,;:\\\"/[]?=", rune(c))
}

func (s *scanner) skipCFWS() {
	for !s.end() {
		switch s.b[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '(':
			s.skipComment()
		default:
			return
		}
	}
}

func (s *scanner) skipComment() {
	depth := 0
	for ; !s.end(); s.pos++ {
		switch s.b[s.pos] {
		case '\\':
			s.pos++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				s.pos++
				return
			}
		}
	}
	s.pos = len(s.b)
}

// nextParameter goes behind the next semicolon that is not quoted.
func (s *scanner) nextParameter() bool {
	for !s.end() {
		switch c := s.b[s.pos]; c {
		case ';':
			s.pos++
			s.skipCFWS()
			return !s.end()
		case '"':
			s.skipQuoted()
		case '(':
			s.skipComment()
		default:
			s.pos++
		}
	}
	return false
}

func (s *scanner) skipQuoted() {
	for s.pos++; !s.end(); s.pos++ {
		switch s.b[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return
		}
	}
	s.pos = len(s.b)
}

// editedSize is the length of a mail with its edits.
func editedSize(size int64, edits []edit) int64 {
	for _, e := range edits {
		size += int64(len(e.text))
	}
	return size
}

// writeEdited writes a mail with its edits.
func writeEdited(w io.Writer, m mail.Bytes, edits []edit) error {
	var from int64
	for _, e := range edits {
		if err := copyRange(w, m, from, e.at); err != nil {
			return err
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			return err
		}
		from = e.at
	}
	return copyRange(w, m, from, m.Size())
}

// copyRange writes the bytes [from, to) of a mail.
func copyRange(w io.Writer, m io.ReaderAt, from, to int64) error {
	n, err := io.Copy(w, io.NewSectionReader(m, from, to-from))
	if err == nil && n != to-from {
		err = io.ErrUnexpectedEOF
	}
	return err
}
