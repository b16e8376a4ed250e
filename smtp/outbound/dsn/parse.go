package dsn

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"time"

	"sealpost/mail"
)

// ErrNotReport says that a mail is no delivery status notification.
var ErrNotReport = errors.New("not a delivery status notification")

// Bounds of a notification that is read. What lies beyond is not looked at.
const (
	maxHeader     = 256 << 10
	maxReport     = 4 << 20 // the parts up to and with the original's header
	maxFields     = 256 << 10
	maxParts      = 10
	maxRecipients = 1000
)

// Report is what a notification of another server says. Every string is one
// line without control characters.
type Report struct {
	Reporter   string // the name of who reports
	EnvID      string
	MessageID  string // of the original, when it was named
	Arrived    time.Time
	Recipients []Status
}

// Status is what became of one recipient, in the other server's words.
type Status struct {
	Address    string // Final-Recipient without its type
	Original   string // Original-Recipient without its type
	Action     Action // one of the five
	Status     string // "5.1.1"
	Server     string // Remote-MTA
	Diagnostic string
	Until      time.Time // Will-Retry-Until
}

// Parse reads a notification (RFC 3464, RFC 6533). It fails with ErrNotReport
// when m is none, and with m's own error when it cannot be read.
func Parse(m mail.Bytes) (Report, error) {
	h, err := mail.ReadHeader(m, 0, maxHeader)
	if err != nil {
		return Report{}, fmt.Errorf("read a notification: %w", err)
	}
	f, _ := h.Get("Content-Type")
	t := mail.ParseContentType(f.Value())
	if t.Type != "multipart" || t.Params["boundary"] == "" {
		return Report{}, ErrNotReport
	}
	body := io.NewSectionReader(m, h.End, min(m.Size()-h.End, maxReport))
	var r Report
	parts := multipart.NewReader(body, t.Params["boundary"])
	for range maxParts {
		p, err := parts.NextRawPart()
		if err != nil {
			break // what was found so far counts
		}
		r.part(p)
	}
	if len(r.Recipients) == 0 {
		return Report{}, ErrNotReport
	}
	return r, nil
}

// part reads one part of a notification.
func (r *Report) part(p *multipart.Part) {
	switch media := mail.ParseContentType(p.Header.Get("Content-Type")).Media(); media {
	case "message/delivery-status", "message/global-delivery-status":
		if len(r.Recipients) == 0 {
			r.status(content(p))
		}
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		h, err := mail.ReadHeader(bytes.NewReader(content(p)), 0, maxFields+1)
		if id, ok := h.Get("Message-ID"); ok && err == nil && r.MessageID == "" {
			r.MessageID = messageID(id.Value())
		}
	}
}

// content reads a part's decoded octets, as many as are looked at.
func content(p *multipart.Part) []byte {
	var in io.Reader = io.LimitReader(p, maxFields)
	switch encoding(p.Header) {
	case "quoted-printable":
		in = quotedprintable.NewReader(in)
	case "base64":
		in = base64.NewDecoder(base64.StdEncoding, in)
	}
	b, _ := io.ReadAll(in) // a part cut short still says something
	return b
}

func encoding(h textproto.MIMEHeader) string {
	return strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding")))
}

// status reads the groups of fields: one of the mail, then one of each recipient
// (RFC 3464, section 2.1).
func (r *Report) status(b []byte) {
	for len(r.Recipients) < maxRecipients {
		b = bytes.TrimLeft(b, "\r\n")
		if len(b) == 0 {
			return
		}
		// One octet more than there are: a section of just max octets counts as cut.
		h, err := mail.ReadHeader(bytes.NewReader(b), 0, int64(len(b))+1)
		if err != nil || h.End <= 0 || h.End > int64(len(b)) {
			return
		}
		b = b[h.End:]
		r.group(h)
	}
}

// group reads one group of fields. Some servers write all into one.
func (r *Report) group(h mail.Header) {
	get := func(name string) string {
		f, _ := h.Get(name)
		return tidy(strings.TrimSpace(mail.Decode(f.Value())))
	}
	if s := get("Reporting-MTA"); s != "" && r.Reporter == "" {
		r.Reporter, r.EnvID, r.Arrived = untyped(s), get("Original-Envelope-Id"), date(get("Arrival-Date"))
	}
	s := Status{
		Address:    bare(get("Final-Recipient")),
		Original:   bare(get("Original-Recipient")),
		Status:     code(get("Status")),
		Server:     untyped(get("Remote-MTA")),
		Diagnostic: untyped(get("Diagnostic-Code")),
		Until:      date(get("Will-Retry-Until")),
	}
	if s.Address == "" && s.Original == "" {
		return
	}
	if s.Action = action(get("Action"), s.Status); s.Action != "" {
		r.Recipients = append(r.Recipients, s)
	}
}

// untyped takes "dns;" or the like off a value.
func untyped(s string) string {
	kind, rest, found := strings.Cut(s, ";")
	if !found || strings.ContainsAny(kind, " @<") {
		return s
	}
	return strings.TrimSpace(rest)
}

// bare is an address without its type and brackets.
func bare(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(untyped(s), "<"), ">")
}

// code is the status code a value begins with; comments may follow it.
func code(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	if !isStatus(word) {
		return ""
	}
	return word
}

// action reads an Action field. Servers that write none mean what their status says.
func action(s, status string) Action {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	switch a := Action(word); a {
	case Failed, Delayed, Delivered, Relayed, Expanded:
		return a
	}
	switch {
	case strings.HasPrefix(status, "5."):
		return Failed
	case strings.HasPrefix(status, "4."):
		return Delayed
	case strings.HasPrefix(status, "2."):
		return Delivered
	}
	return ""
}

func date(s string) time.Time {
	t, err := netmail.ParseDate(s)
	if err != nil {
		return time.Time{}
	}
	return t
}
