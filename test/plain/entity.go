package plain

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"

	"sealpost/mail"
)

// maxDepth and maxParts bound what a mail may hold.
const (
	maxDepth = 50
	maxParts = 1000
)

// entity is a mail or a part of one, as ranges of the whole.
type entity struct {
	raw        []byte // of the whole
	start      int    // of its header
	body, end  int
	header     mail.Header
	media      mail.ContentType
	multi      bool
	parts      []*entity // of a multipart
	message    *entity   // of a message/rfc822
	unreadable bool      // too deep or too many
}

// parse reads the tree of a mail.
func parse(raw []byte) *entity {
	left := maxParts
	return parseEntity(raw, 0, len(raw), "text/plain", maxDepth, &left)
}

func parseEntity(raw []byte, start, end int, usual string, depth int, left *int) *entity {
	h, _ := mail.ReadHeader(bytes.NewReader(raw[:end]), int64(start), int64(end-start)) // reading from memory does not fail
	e := &entity{raw: raw, start: start, body: min(max(int(h.End), start), end), end: end, header: h, media: mail.ParseContentType(usual)}
	if f, ok := h.Get("Content-Type"); ok {
		e.media = mail.ParseContentType(f.Value())
	}
	if *left--; depth == 0 || *left < 0 {
		e.unreadable = true
		return e
	}
	switch boundary := e.media.Params["boundary"]; {
	case e.media.Type == "multipart" && boundary != "":
		e.multi = true
		inner := "text/plain"
		if e.media.Subtype == "digest" {
			inner = "message/rfc822"
		}
		for _, r := range e.split(boundary) {
			e.parts = append(e.parts, parseEntity(raw, r[0], r[1], inner, depth-1, left))
		}
	case e.media.Media() == "message/rfc822" && e.encoding() == "7bit":
		e.message = parseEntity(raw, e.body, end, "text/plain", depth-1, left)
	}
	return e
}

// split finds the parts between the lines of a boundary (RFC 2046, section 5.1.1).
func (e *entity) split(boundary string) (ranges [][2]int) {
	open := -1
	for at := e.body; at < e.end; {
		next := e.end
		if i := bytes.IndexByte(e.raw[at:e.end], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := strings.TrimRight(string(e.raw[at:next]), " \t\r\n")
		if rest, ok := strings.CutPrefix(line, "--"+boundary); ok && (rest == "" || rest == "--") {
			if open >= 0 {
				end := at
				if end >= open+2 && e.raw[end-1] == '\n' && e.raw[end-2] == '\r' {
					end -= 2 // the line end belongs to the boundary
				}
				ranges = append(ranges, [2]int{open, max(open, end)})
			}
			open = next
			if rest == "--" {
				return ranges
			}
		}
		at = next
	}
	if open >= 0 {
		ranges = append(ranges, [2]int{open, e.end})
	}
	return ranges
}

func (e *entity) field(name string) string {
	f, _ := e.header.Get(name)
	return f.Value()
}

// encoding is the transfer encoding in small letters; octets that need none are 7bit.
func (e *entity) encoding() string {
	switch word := strings.ToLower(strings.TrimSpace(e.field("Content-Transfer-Encoding"))); word {
	case "", "8bit", "binary":
		return "7bit"
	default:
		return word
	}
}

// find is the part that a number names (RFC 9051, section 6.4.5.1). What is no
// multipart has one part: its body.
func (e *entity) find(path []int) *entity {
	for i, n := range path {
		if i > 0 && e.message != nil {
			e = e.message
		} else if i > 0 && !e.multi {
			return nil
		}
		switch {
		case e.multi && n <= len(e.parts):
			e = e.parts[n-1]
		case e.multi || n != 1:
			return nil
		}
	}
	return e
}

// errEncoding says that a transfer encoding is unknown.
var errEncoding = errors.New("unknown transfer encoding")

// decoded is a part's body without its transfer encoding.
func (e *entity) decoded() ([]byte, error) {
	body := e.raw[e.body:e.end]
	switch e.encoding() {
	case "7bit":
		return body, nil
	case "base64":
		clean := bytes.Map(func(r rune) rune {
			if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r) {
				return r
			}
			return -1
		}, body)
		out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
		n, _ := base64.StdEncoding.Decode(out, clean) // what can be read counts
		return out[:n], nil
	case "quoted-printable":
		out, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		return out, nil
	}
	return nil, errEncoding
}

// texts calls take with every text of a mail, decoded.
func (e *entity) texts(take func(string) bool) bool {
	if e.message != nil {
		return take(string(e.raw[e.message.start:e.message.body])) || e.message.texts(take)
	}
	for _, p := range e.parts {
		if p.texts(take) {
			return true
		}
	}
	if e.multi || e.media.Type != "text" {
		return false
	}
	text, err := e.decoded()
	return err == nil && take(string(text))
}
