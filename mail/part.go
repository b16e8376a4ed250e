package mail

import (
	"bytes"
	"fmt"
	"strings"
)

// part is what the header section of a MIME part says.
type part struct {
	kind        ContentType
	encoding    string // Content-Transfer-Encoding in lower case
	disposition string // in lower case
	name        string // decoded file name
	alias       string // what Content-Type calls the file, which may differ
	header      []byte // the fields a displayable leaf needs
}

// readPart reads the MIME fields of h (RFC 2045); child is the media type when
// there is no Content-Type. Of doubled fields the first counts.
func readPart(h Header, child string) part {
	kind := h.value("Content-Type")
	if kind == "" {
		kind = child
	}
	p := part{kind: ParseContentType(kind), encoding: lower(h.value("Content-Transfer-Encoding"))}
	var params map[string]string
	p.disposition, params = splitParams(h.value("Content-Disposition"))
	p.name, p.alias = fileName(params["filename"]), fileName(p.kind.Params["name"])
	if p.name == "" {
		p.name = p.alias
	}
	if p.displayable() {
		p.header = p.leafHeader(h)
	}
	if p.kind.Type == "multipart" && !p.isMultipart() {
		p.kind = plainPart.kind
	}
	return p
}

// plainPart is a part that says nothing of itself.
var plainPart = part{kind: ContentType{Type: "text", Subtype: "plain"}, header: []byte("Content-Type: text/plain\r\n")}

// fileName decodes a file name and drops the folders some senders write.
func fileName(s string) string {
	if s == "" {
		return ""
	}
	s = Decode(s)
	return clip(s[strings.LastIndexAny(s, `/\`)+1:], maxFileName)
}

// maxLeafField is how long a MIME field of a leaf may be that WriteBody copies.
const maxLeafField = 2 << 10

// leafHeader makes the fields that tell how a leaf is to be read: as they
// stood, or what was understood of them when they are long or of no use.
func (p part) leafHeader(h Header) []byte {
	var out []byte
	switch f, ok := h.Get("Content-Type"); {
	case !ok, p.kind.Type != "text":
		out = append(out, "Content-Type: text/plain\r\n"...)
	case len(f.Raw) <= maxLeafField:
		out = appendLines(out, f.Raw)
	case isToken(p.kind.Params["charset"]):
		out = fmt.Appendf(out, "Content-Type: %s; charset=%s\r\n", p.kind.Media(), p.kind.Params["charset"])
	default:
		out = fmt.Appendf(out, "Content-Type: %s\r\n", p.kind.Media())
	}
	if f, ok := h.Get("Content-Transfer-Encoding"); ok && len(f.Raw) <= maxLeafField {
		out = appendLines(out, f.Raw)
	}
	return out
}

// appendLines copies a field with CRLF for whatever ended its lines.
func appendLines(dst, raw []byte) []byte {
	for line := range bytes.Lines(raw) {
		dst = append(append(dst, bytes.TrimRight(line, "\r\n")...), '\r', '\n')
	}
	return dst
}

// isMessage says that the part holds a mail that can be walked. One that was
// encoded, against RFC 2046, section 5.2.1, is a plain attachment.
func (p part) isMessage() bool {
	return p.kind.Type == "message" && (p.kind.Subtype == "rfc822" || p.kind.Subtype == "global") && !p.encoded()
}

func (p part) encoded() bool {
	return p.encoding == "base64" || p.encoding == "quoted-printable"
}

// isMultipart says that the part has parts that can be told apart.
func (p part) isMultipart() bool {
	b := p.kind.Params["boundary"]
	return p.kind.Type == "multipart" && b != "" && len(b) <= maxBoundary
}

// displayable says that the part is text for people to read. A multipart
// without a usable boundary is read as text, for what may be in it.
func (p part) displayable() bool {
	if p.disposition == "attachment" {
		return false
	}
	switch p.kind.Media() {
	case "text/plain", "text/html", "text/calendar":
		return true
	}
	return p.kind.Type == "multipart" && !p.isMultipart()
}

func (p part) isSignature() bool {
	switch p.kind.Media() {
	case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature":
		return true
	}
	return false
}
