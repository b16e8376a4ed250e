package dsn

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// writer gathers the lines of a notice.
type writer struct {
	bytes.Buffer
	wide bool // the notice goes by SMTPUTF8: addresses are written as they are
}

// Write makes the mail, CRLF lines: multipart/report with a text that a person
// understands, what a program understands, and the original's Message-ID.
func (n Notice) Write() ([]byte, error) {
	to, ok := spell(n.To)
	if !ok || len(n.Recipients) == 0 {
		return nil, errNobody
	}
	w := &writer{wide: n.UTF8()}
	boundary := "=_" + rand.Text()
	n.header(w, to, boundary)
	w.part(boundary, "text/plain; charset=utf-8", n.text(), true)
	w.part(boundary, "message/"+w.global()+"delivery-status", n.fields(w.wide), false)
	if id := messageID(n.MessageID); id != "" {
		kind := "text/rfc822-headers"
		if w.wide {
			kind = "message/global-headers"
		}
		w.part(boundary, kind, "Message-ID: "+id+"\r\n", false)
	}
	fmt.Fprintf(w, "--%s--\r\n", boundary)
	return w.Bytes(), nil
}

// global is the prefix of the media types of RFC 6533.
func (w *writer) global() string {
	if w.wide {
		return "global-"
	}
	return ""
}

// header writes the notice's own header. It is an answer that no program may
// answer (RFC 3834, section 5).
func (n Notice) header(w *writer, to, boundary string) {
	from, ok := spell(n.From)
	if !ok {
		from = "MAILER-DAEMON@" + host(n.Hostname)
	}
	w.field("Date", n.Now.Format(time.RFC1123Z))
	w.field("From", "Mail delivery <"+from+">")
	w.field("To", "<"+to+">")
	w.field("Subject", n.subject())
	w.field("Message-ID", "<"+rand.Text()+"@"+host(n.Hostname)+">")
	if id := messageID(n.MessageID); id != "" {
		w.field("In-Reply-To", id)
		w.field("References", id)
	}
	w.field("Auto-Submitted", "auto-replied")
	w.field("MIME-Version", "1.0")
	w.field("Content-Type", "multipart/report; report-type="+w.global()+"delivery-status;\r\n\tboundary=\""+boundary+"\"")
	w.WriteString("\r\n")
}

// part writes one part; words that are not ASCII go as quoted-printable where
// the way may be 7-bit.
func (w *writer) part(boundary, kind, body string, words bool) {
	encoding := "7bit"
	if !ascii(body) {
		encoding = "8bit"
		if words && !w.wide {
			encoding = "quoted-printable"
		}
	} else if words {
		kind = strings.Replace(kind, "utf-8", "us-ascii", 1)
	}
	fmt.Fprintf(w, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", boundary, kind, encoding)
	if encoding == "quoted-printable" {
		q := quotedprintable.NewWriter(w)
		q.Write([]byte(body))
		q.Close()
	} else {
		w.WriteString(body)
	}
	w.WriteString("\r\n")
}

// field writes one field of our own words.
func (w *writer) field(name, value string) { w.WriteString(name + ": " + value + "\r\n") }

// fields is the body of message/delivery-status (RFC 3464, section 2).
func (n Notice) fields(wide bool) string {
	var b strings.Builder
	put := func(name, value string) {
		if value != "" {
			b.WriteString(fold(name+": "+tidy(value)) + "\r\n")
		}
	}
	put("Original-Envelope-Id", printed(n.EnvID))
	put("Reporting-MTA", "dns; "+host(n.Hostname))
	if !n.Arrived.IsZero() {
		put("Arrival-Date", n.Arrived.Format(time.RFC1123Z))
	}
	for _, r := range n.Recipients {
		b.WriteString("\r\n")
		put("Original-Recipient", typed(r.ORcpt, wide))
		put("Final-Recipient", typed(r.address(), wide))
		put("Action", string(r.Action))
		put("Status", r.status())
		put("Remote-MTA", r.remote())
		put("Diagnostic-Code", r.diagnostic())
		if r.Action == Delayed && !n.Until.IsZero() {
			put("Will-Retry-Until", n.Until.Format(time.RFC1123Z))
		}
	}
	return b.String()
}

// typed writes an address with its type (RFC 3464, section 2.3.1). One that is
// not ASCII is spelt out where the notice must be (RFC 6533, section 3).
func typed(address string, wide bool) string {
	switch {
	case address == "" || tidy(address) != address:
		return ""
	case ascii(address):
		return "rfc822; " + address
	case wide:
		return "utf-8; " + address
	}
	var b strings.Builder
	for _, c := range address {
		if c > '~' || c == '+' || c == '=' || c == '\\' {
			fmt.Fprintf(&b, `\x{%X}`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return "utf-8; " + b.String()
}

// address is a recipient's address in a form that holds no second line.
func (r Recipient) address() string {
	if s, ok := spell(r.Address); ok {
		return s
	}
	return "unreadable@invalid"
}

// spell writes an address that ParseAddress would take, its domain in A-labels
// when the local part is ASCII; ok is false for any other.
func spell(a mail.Address) (string, bool) {
	if ascii(a.Local) && !ascii(a.Domain) {
		if d, err := idna.Lookup.ToASCII(a.Domain); err == nil {
			a.Domain = d
		}
	}
	back, err := mail.ParseAddress(a.String())
	return a.String(), err == nil && back.Local == a.Local
}

// status is a recipient's status code (RFC 3464, section 2.3.4). The server's
// own one counts where its class fits what became of the recipient.
func (r Recipient) status() string {
	s := cmp.Or(r.Status, r.Reply.Enhanced)
	class := map[Action]string{Failed: "54", Delayed: "4"}[r.Action]
	if class == "" {
		class = "2"
	}
	if isStatus(s) && strings.Contains(class, s[:1]) {
		return s
	}
	return class[:1] + ".0.0"
}

func (r Recipient) remote() string {
	if r.Server == "" {
		return ""
	}
	return "dns; " + host(r.Server)
}

// diagnostic is what was said (RFC 3464, section 2.3.6), by the other server or,
// in a type of our own, by this one.
func (r Recipient) diagnostic() string {
	switch {
	case r.Reply.Code == 0 && r.Reply.Text == "":
		return ""
	case r.Server == "" || r.Reply.Code == 0:
		return "x-sealpost; " + r.Reply.Text
	}
	return "smtp; " + said(r)
}

// said is a reply in one line.
func said(r Recipient) string {
	return strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%d %s %s", r.Reply.Code, r.Reply.Enhanced, r.Reply.Text)), " "))
}
