package plain

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sealpost/mail"
)

// structure writes BODYSTRUCTURE, or BODY (RFC 9051, section 7.5.2).
func (e *entity) structure(extended bool) string {
	var b strings.Builder
	b.WriteByte('(')
	if e.multi {
		for _, p := range e.parts {
			b.WriteString(p.structure(extended))
		}
		if len(e.parts) == 0 {
			b.WriteString(`("text" "plain" NIL NIL NIL "7bit" 0 0)`)
		}
		b.WriteString(" " + quote(e.media.Subtype))
		if extended {
			b.WriteString(" " + params(e.media.Params) + e.tail())
		}
		b.WriteByte(')')
		return b.String()
	}
	words := []string{
		quote(e.media.Type), quote(e.media.Subtype), params(e.media.Params), nstring(e.field("Content-ID")),
		nstring(e.field("Content-Description")), quote(e.word()), strconv.Itoa(e.end - e.body),
	}
	if e.message != nil {
		words = append(words, envelope(mail.ReadEnvelope(e.message.header)), e.message.structure(extended))
	}
	if e.message != nil || e.media.Type == "text" {
		words = append(words, strconv.Itoa(bytes.Count(e.raw[e.body:e.end], []byte{'\n'})))
	}
	b.WriteString(strings.Join(words, " "))
	if extended {
		b.WriteString(" " + nstring(e.field("Content-MD5")) + e.tail())
	}
	b.WriteByte(')')
	return b.String()
}

// word is the transfer encoding as it was written.
func (e *entity) word() string {
	if w := strings.ToLower(e.field("Content-Transfer-Encoding")); w != "" {
		return w
	}
	return "7bit"
}

// tail is disposition, language and location.
func (e *entity) tail() string {
	disposition := "NIL"
	if f, ok := e.header.Get("Content-Disposition"); ok {
		word, rest, _ := strings.Cut(f.Value(), ";")
		disposition = "(" + quote(strings.TrimSpace(word)) + " " + params(mail.ParseContentType("x/x;"+rest).Params) + ")"
	}
	return " " + disposition + " " + nstring(e.field("Content-Language")) + " " + nstring(e.field("Content-Location"))
}

func params(p map[string]string) string {
	if len(p) == 0 {
		return "NIL"
	}
	var words []string
	for _, k := range slices.Sorted(maps.Keys(p)) {
		words = append(words, quote(k), quote(p[k]))
	}
	return "(" + strings.Join(words, " ") + ")"
}

func envelope(e mail.Envelope) string {
	date := "NIL"
	if !e.Date.IsZero() {
		date = quote(e.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	}
	words := []string{date, nstring(e.Subject)}
	for _, list := range [][]mail.Mailbox{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		words = append(words, addresses(list))
	}
	words = append(words, nstring(strings.Join(e.InReplyTo, " ")), nstring(e.MessageID))
	return "(" + strings.Join(words, " ") + ")"
}

func addresses(list []mail.Mailbox) string {
	if len(list) == 0 {
		return "NIL"
	}
	var b strings.Builder
	for _, a := range list {
		b.WriteString("(" + nstring(a.Name) + " " + nstring(a.Route) + " " + nstring(a.Local) + " " + nstring(a.Domain) + ")")
	}
	return "(" + b.String() + ")"
}

func nstring(s string) string {
	if s == "" {
		return "NIL"
	}
	return quote(s)
}

// quote writes a string: a literal where quotes cannot hold it.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return "{" + strconv.Itoa(len(s)) + "}\r\n" + s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
