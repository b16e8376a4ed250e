package report

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// maxMail is how large a report may be, encoded. Larger ones are refused by those
// who should read them; they are not sent.
const maxMail = 10 << 20

// Author is who reports: this server. Domain must sign the mail, or its reader
// will not believe it.
type Author struct {
	Org       string       // name
	Domain    string       // the submitter
	From      mail.Address // of Domain, whom the reader may ask
	Generator string       // name and version of this software
}

// Message is a report ready to send.
type Message struct {
	From, To mail.Address
	Bytes    []byte // CRLF lines, not signed
}

// Aggregate writes a due report for one reader.
func (w Author) Aggregate(d Due, to mail.Address, now time.Time) (Message, error) {
	a := d.Report
	a.Org, a.ID = w.Org, w.id("dmarc", a.Policy.Domain, a.Begin)
	text, err := a.XML(w.From.String(), w.Generator)
	if err != nil {
		return Message{}, err
	}
	name := w.file(a.Policy.Domain, a.Begin, a.End, "", "xml.gz")
	return w.message(letter{
		domain: a.Policy.Domain, id: a.ID, to: to, now: now,
		kind: "multipart/mixed", media: "application/gzip", name: name, content: text,
		note: "This is a DMARC aggregate report (RFC 9990).",
	})
}

// id is the same for the same report, so that one sent twice is known as one.
func (w Author) id(kind, domain string, begin time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", kind, w.Domain, domain, begin.Unix()))
	return hex.EncodeToString(sum[:12]) + "@" + w.Domain
}

// file is the name of the attachment (RFC 9990, section 3.5.2; RFC 8460, section 5.1).
func (w Author) file(domain string, begin, end time.Time, unique, extension string) string {
	name := fmt.Sprintf("%s!%s!%d!%d", w.Domain, domain, begin.Unix(), end.Unix())
	if unique != "" {
		name += "!" + unique
	}
	return name + "." + extension
}

// letter is what reports of both kinds consist of.
type letter struct {
	domain, id  string
	to          mail.Address
	now         time.Time
	more        string // fields
	kind, media string
	name, note  string
	content     []byte
}

func (w Author) message(l letter) (Message, error) {
	packed, err := pack(l.content)
	if err != nil {
		return Message{}, err
	}
	boundary := "report-" + rand.Text()
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nDate: %s\r\nMessage-ID: <%s.%s>\r\n",
		spell(w.From), spell(l.to), l.now.Format(time.RFC1123Z), strings.ToLower(rand.Text()[:8]), l.id)
	fmt.Fprintf(&b, "Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>\r\n", l.domain, w.Domain, l.id)
	b.WriteString(l.more + "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n")
	fmt.Fprintf(&b, "Content-Type: %s;\r\n boundary=\"%s\"\r\n\r\n", l.kind, boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n%s\r\nIt is about %s, from %s.\r\n\r\n", boundary, l.note, l.domain, w.Domain)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n", boundary, l.media, l.name)
	lines(&b, packed)
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	if b.Len() > maxMail {
		return Message{}, fmt.Errorf("report of %d octets is too large to send", b.Len())
	}
	return Message{w.From, l.to, b.Bytes()}, nil
}

func pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that exists
	if _, err := z.Write(content); err != nil {
		return nil, fmt.Errorf("pack report: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack report: %w", err)
	}
	return b.Bytes(), nil
}

// lines writes base64 in lines of 76 octets (RFC 2045, section 6.8).
func lines(b *bytes.Buffer, content []byte) {
	text := base64.StdEncoding.EncodeToString(content)
	for len(text) > 0 {
		n := min(len(text), 76)
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
}

// spell writes an address with its domain in ASCII. A local part that is not needs
// SMTPUTF8, like its field.
func spell(a mail.Address) string {
	if ascii, err := idna.Lookup.ToASCII(a.Domain); err == nil {
		a.Domain = ascii
	}
	return a.String()
}
