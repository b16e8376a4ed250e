package pgp

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// What of a mail's header others see, and what goes inside (RFC 9788, section 3.2.1).
// Inside stands every field but those that nobody should get: Bcc, and what means
// something in a seal of this house only.

// outside are the fields that stay visible: an address list is written anew, the
// others stand as they are. Autocrypt is for those who cannot open the mail yet, and
// is nothing that its reader is shown, so it stands outside alone. TLS-Required is for
// the servers on the way (RFC 8689, section 5).
var outside = []struct {
	name string
	list bool
}{
	{"From", true}, {"Sender", true}, {"Reply-To", true}, {"To", true}, {"Cc", true},
	{"Date", false}, {"Message-ID", false}, {"In-Reply-To", false}, {"References", false},
	{"Auto-Submitted", false}, {"TLS-Required", false}, {"Autocrypt", false},
}

// shownFields are the fields of the outer header, in the order of outside.
func shownFields(h mail.Header) []field {
	var shown []field
	for _, o := range outside {
		f, ok := h.Get(o.name)
		if !ok {
			continue
		}
		if v := shownValue(f, o.list); v != "" {
			shown = append(shown, field{o.name, v})
		}
	}
	i := slices.IndexFunc(shown, func(f field) bool { return f.name == "Autocrypt" })
	if i < 0 {
		i = len(shown)
	}
	return slices.Insert(shown, i, field{"Subject", "[...]"})
}

// shownValue is a field's body as it stood where that is 7-bit and well folded.
// Otherwise an address list is written anew, and anything else stays inside only.
func shownValue(f mail.Field, list bool) string {
	_, body, _ := bytes.Cut(f.Raw, []byte(":"))
	value := string(bytes.Trim(body, " \t\r\n"))
	switch {
	case wellFolded(value):
		return value
	case list:
		return rewrittenList(f)
	}
	return ""
}

// maxShownLine leaves room for "HP-Outer: " and a name in 998 octets.
const maxShownLine = 900

// wellFolded says that a body is lines of visible ASCII, folded by CRLF and white
// space, none of white space alone.
func wellFolded(value string) bool {
	if len(value) > maxOuter {
		return false
	}
	for i, line := range strings.Split(value, "\r\n") {
		text := strings.TrimLeft(line, " \t")
		if text == "" || len(line) > maxShownLine || i > 0 && len(text) == len(line) {
			return false
		}
		for _, c := range []byte(line) {
			if c < ' ' && c != '\t' || c > '~' {
				return false
			}
		}
	}
	return true
}

// maxDomain is how long a domain may be to be brought into ASCII, in octets of UTF-8:
// DNS holds 255 of ASCII, and Punycode takes the square of the length.
const maxDomain = 1000

// rewrittenList writes addresses with names in encoded words and domains in ASCII.
func rewrittenList(f mail.Field) string {
	list := mail.ReadEnvelope(mail.Header{Fields: []mail.Field{{Name: "To", Raw: f.Raw}}}).To
	for i, m := range list {
		if m.Domain == "" || len(m.Domain) > maxDomain {
			continue
		}
		if a, err := idna.Lookup.ToASCII(m.Domain); err == nil {
			list[i].Domain = a
		}
	}
	words := viewer{level: Baseline}.words(list, maxOuter)
	return foldWords(f.Name, words)
}

// protectedHeader is the header section of the payload with its empty line: the
// mail's own fields, what is seen of them outside, and the marks.
func protectedHeader(h mail.Header, outer []field) []byte {
	var b bytes.Buffer
	typed, versioned := false, false
	for _, f := range h.Fields {
		switch name := strings.ToLower(f.Name); {
		case name == "bcc", name == "resent-bcc", name == "autocrypt", oursAlone(name):
		case name == "content-type":
			if marked, ok := markedType(f); ok && !typed {
				writeField(&b, marked)
				typed = true
			}
		default:
			versioned = versioned || name == "mime-version"
			writeField(&b, f.Raw)
		}
	}
	for _, f := range outer {
		if f.name != "Autocrypt" {
			b.WriteString("HP-Outer: " + f.String())
		}
	}
	if !versioned {
		b.WriteString("MIME-Version: 1.0\r\n")
	}
	if !typed {
		b.WriteString("Content-Type: text/plain; charset=us-ascii;\r\n " + protection + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// writeField ends a field as it must be, were it the last of a mail without a body.
func writeField(b *bytes.Buffer, raw []byte) {
	b.Write(bytes.TrimRight(raw, "\r\n"))
	b.WriteString("\r\n")
}

// markedType is a Content-Type field with the marks of protection in it.
func markedType(f mail.Field) ([]byte, bool) {
	edits, ok := typeEdits(mail.Field{Name: f.Name, Raw: f.Raw})
	if !ok {
		return nil, false
	}
	var b bytes.Buffer
	if err := writeEdited(&b, bytes.NewReader(f.Raw), edits); err != nil {
		return nil, false
	}
	return b.Bytes(), true
}
