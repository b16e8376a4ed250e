package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealpost/mail"
)

// The payload of a message letter is one MIME entity: a front block of our own
// header lines, then the original with a few insertions that its first line
// lists. Header protection is RFC 9788's. docs/formats.md gives every byte.
const (
	sealField    = "Sealpost-Seal:"
	headerField  = "Sealpost-Header:"
	paddingField = "Sealpost-Padding: "
	maxTrace     = 64 << 10
	maxFront     = 256 << 10 // bytes of a front block that a reader takes
	paddedField  = 12 * paddedLine
	paddedLine   = 78
	leastPadding = len(paddingField) + 1 + 2
)

// payload is the content of a message letter before it is encrypted.
type payload struct {
	front   []byte
	edits   []edit
	mail    mail.Bytes
	size    int64 // of the whole
	padding int   // bytes of it that are padding
}

// newPayload puts m, with outer as it will be seen, into a payload whose letter
// has a size that falls on a bucket; sized gives a letter's size by its content.
func newPayload(m Mail, outer []field, class Class, sized func(int64) int64) (*payload, error) {
	edits, typed, ok := headerEdits(m.Bytes, m.Gist.Header, m.Authserv)
	if !ok {
		edits = nil
	}
	var rest bytes.Buffer
	rest.Write(m.Trace)
	for _, f := range outer {
		for _, s := range [...]string{"HP-Outer: ", f.name, ": ", f.value, "\r\n"} {
			rest.WriteString(s)
		}
	}
	rest.WriteString(ownFields(m, typed, ok))
	line := func(front, padding int) string {
		return fmt.Sprintf(sealField+" v=1; front=%010d; pad=%05d; size=%010d; edits=%s; class=%s; time=%d\r\n",
			front, padding, m.Bytes.Size(), formatEdits(edits), classWord(class), m.Time.Unix())
	}
	front := len(line(0, 0)) + rest.Len()
	least := int64(front) + editedSize(m.Bytes.Size(), edits)
	p := &payload{edits: edits, mail: m.Bytes, size: least}
	if p.padding = paddingFor(least, sized); p.padding > 0 {
		p.size += int64(p.padding)
		front += p.padding
	}
	if front > maxFront {
		return nil, errors.New("trace fields and visible header are too large")
	}
	p.front = make([]byte, 0, front)
	p.front = append(p.front, line(front, p.padding)...)
	p.front = appendPadding(p.front, p.padding)
	p.front = append(p.front, rest.Bytes()...)
	return p, nil
}

// ownFields are what the original does not say itself: its type, when it has
// none, or all that a reader needs, when its header cannot be read by everyone
// alike and the whole mail becomes the text of an entity of ours.
func ownFields(m Mail, typed, ok bool) string {
	switch {
	case !ok:
		var b strings.Builder
		for _, f := range visibleFields(m, Open, nil) {
			b.WriteString(f.String())
		}
		b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\n " + protection + "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		return b.String()
	case typed:
		return ""
	}
	own := "Content-Type: text/plain; charset=us-ascii;\r\n " + protection + "\r\n"
	if _, has := m.Gist.Header.Get("MIME-Version"); !has {
		own = "MIME-Version: 1.0\r\n" + own
	}
	return own
}

func (p *payload) writeTo(w io.Writer) error {
	if _, err := w.Write(p.front); err != nil {
		return err
	}
	return writeEdited(w, p.mail, p.edits)
}

// paddingFor is how many bytes of padding fields a content needs: none, or at
// least one field's worth.
func paddingFor(content int64, sized func(int64) int64) int {
	if size := sized(content); bucket(size) == size {
		return 0
	}
	return int(fit(content+int64(leastPadding), sized) - content)
}

// appendPadding adds exactly n bytes of folded header fields, each under a
// kilobyte. n is 0 or at least leastPadding.
func appendPadding(b []byte, n int) []byte {
	for n > 0 {
		take := min(n, paddedField)
		if rest := n - take; rest > 0 && rest < leastPadding {
			take -= leastPadding
		}
		b = appendPaddingField(b, take)
		n -= take
	}
	return b
}

// appendPaddingField fills lines of 76 octets; none is left with white space
// alone.
func appendPaddingField(b []byte, n int) []byte {
	prefix := paddingField
	for n > 0 {
		take := min(n, paddedLine)
		if rest := n - take; rest > 0 && rest < 4 {
			take -= 4
		}
		b = append(b, prefix...)
		for range take - len(prefix) - 2 {
			b = append(b, '.')
		}
		b = append(b, '\r', '\n')
		n -= take
		prefix = " "
	}
	return b
}

func formatEdits(edits []edit) string {
	if len(edits) == 0 {
		return "-"
	}
	var b strings.Builder
	for i, e := range edits {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d+%d", e.at, len(e.text))
	}
	return b.String()
}

// classWord is a class in one word.
func classWord(c Class) string {
	switch c {
	case Both:
		return "both"
	case EndToEnd:
		return "end-to-end"
	}
	return "arrival"
}

func parseClass(word string) (Class, bool) {
	for _, c := range []Class{SealedOnArrival, EndToEnd, Both} {
		if classWord(c) == word {
			return c, true
		}
	}
	return "", false
}

// checkTrace refuses what is not a sequence of header fields in CRLF lines: one
// empty line in it would make the original's header a body.
func checkTrace(trace []byte) error {
	bad := errors.New("trace is not made of header lines")
	if len(trace) > maxTrace {
		return errors.New("trace is too long")
	}
	for first := true; len(trace) > 0; first = false {
		n := bytes.Index(trace, []byte("\r\n"))
		if n < 1 {
			return bad
		}
		line := trace[:n]
		folded := line[0] == ' ' || line[0] == '\t'
		switch {
		case bytes.ContainsAny(line, "\r\n\x00"), len(bytes.TrimSpace(line)) == 0:
			return bad
		case folded && first, !folded && bytes.IndexByte(line, ':') < 1:
			return bad
		}
		trace = trace[n+2:]
	}
	return nil
}
