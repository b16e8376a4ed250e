package submission

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
	"sealpost/smtp"
)

// off are fields that never leave: who is blind copied, where the mail was before,
// which program on which machine wrote it, and verdicts that only a receiver gives.
var off = map[string]bool{
	"bcc": true, "resent-bcc": true,
	"return-path": true, "received": true, "received-spf": true, "delivered-to": true,
	"authentication-results": true,
	"user-agent":             true, "status": true,
	"x-mailer": true, "x-mailer-version": true, "x-mailer-info": true, "x-newsreader": true, "x-mimeole": true,
	"x-sender": true, "x-sender-ip": true, "x-client-ip": true, "x-real-ip": true, "x-remote-ip": true,
	"x-originating-ip": true, "x-originating-email": true, "x-originating-client": true, "x-origin": true,
	"x-original-to": true, "x-envelope-to": true, "x-envelope-from": true, "x-received": true,
	"x-identity-key": true, "x-account-key": true, "x-uid": true, "x-uidl": true, "x-status": true, "x-keywords": true,
	"x-uniform-type-identifier": true, "x-universally-unique-identifier": true,
	"x-authenticated-sender": true, "x-authenticated-user": true, "x-auth-user": true, "x-authuser": true,
	"x-get-message-sender-via": true, "x-antiabuse": true, "x-php-script": true, "x-php-originating-script": true,
	"x-forwarded-for": true, "x-forwarded-encrypted": true,
}

// offPrefixes are beginnings of such names.
var offPrefixes = []string{
	"sealpost-", "arc-", "x-ms", "x-mozilla-", "x-evolution-", "x-kmail-", "x-apple-", "x-outlook-",
	"x-source", "x-spam", "x-gm-", "x-google-", "x-client-", "x-sender-", "x-originating-",
}

func leaves(name string) bool {
	name = strings.ToLower(name)
	if off[name] {
		return false
	}
	for _, p := range offPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}

// leaving is the part of a header that others may see, without its empty line.
func leaving(h mail.Header) []byte {
	var b bytes.Buffer
	for _, f := range h.Fields {
		switch {
		case !leaves(f.Name):
		case strings.EqualFold(f.Name, "MIME-Version"):
			b.WriteString("MIME-Version: 1.0\r\n") // some put their program into a comment
		default:
			writeField(&b, f)
		}
	}
	return b.Bytes()
}

// keeping is the header that its sender keeps: all but what was said to us alone.
func keeping(h mail.Header) []byte {
	var b bytes.Buffer
	for _, f := range h.Fields {
		if !strings.HasPrefix(strings.ToLower(f.Name), "sealpost-") {
			writeField(&b, f)
		}
	}
	return b.Bytes()
}

// anyTLS says that a mail's author would rather have it go without TLS than not at
// all (RFC 8689, section 5). Anything else in the field means nothing.
func anyTLS(h mail.Header) bool {
	f, has := h.Get("TLS-Required")
	return has && strings.EqualFold(strings.TrimSpace(f.Value()), "No")
}

// writeField writes a field as it is. The last one of a mail without a body may
// lack its line end.
func writeField(b *bytes.Buffer, f mail.Field) {
	b.Write(f.Raw)
	if !bytes.HasSuffix(f.Raw, []byte("\r\n")) {
		b.WriteString("\r\n")
	}
}

// missing are the fields a mail must have and this one has not (RFC 6409, section 8).
// A Message-ID that is there stays, whatever it tells: the client's own copy has it.
func missing(h mail.Header, from mail.Address, now time.Time) []byte {
	var b bytes.Buffer
	if _, has := h.Get("Date"); !has {
		b.WriteString("Date: " + now.UTC().Format(time.RFC1123Z) + "\r\n")
	}
	if _, has := h.Get("Message-ID"); !has {
		b.WriteString("Message-ID: <" + newID() + "@" + asciiDomain(from.Domain) + ">\r\n")
	}
	return b.Bytes()
}

// received is our trace (RFC 5321, section 4.4): when and under which name this
// server took the mail, and nothing of where it came from.
func (h *Handler) received(id string, with string, now time.Time) []byte {
	if with != "" {
		with = " with " + with
	}
	return []byte("Received: by " + h.Hostname + with + " id " + id + ";\r\n\t" + now.UTC().Format(time.RFC1123Z) + "\r\n")
}

// protocol is the "with" word (RFC 3848; RFC 6531, section 4.3); empty when the
// mail did not come by SMTP.
func protocol(p smtp.Peer, utf8 bool) string {
	switch {
	case p.Addr == nil:
		return ""
	case utf8:
		return "UTF8SMTPSA"
	}
	return "ESMTPSA"
}

// asciiDomain writes a domain as DNS does.
func asciiDomain(d string) string {
	if a, err := idna.Lookup.ToASCII(d); err == nil {
		return a
	}
	return d
}

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID names one mail in Received, the reply and the logs.
func newID() string {
	var b [10]byte
	rand.Read(b[:])
	return encoding.EncodeToString(b[:])
}

// hops counts the servers a mail has passed.
func hops(h mail.Header) int { return len(h.Values("Received")) }
