package inbound

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// trace is what this server adds in front of a mail, inside one recipient's
// seal: Return-Path (RFC 5321, section 4.4), what the screen found out, and
// Received with that recipient alone, so that no copy tells of the others.
func (t *transaction) trace(a *arrival, to recipient) []byte {
	var b strings.Builder
	b.WriteString("Return-Path: <")
	if t.from != nil {
		b.WriteString(t.spell(*t.from))
	}
	b.WriteString(">\r\n")
	b.Write(a.judge.Trace)
	b.WriteString("Received: ")
	t.hop(&b)
	b.WriteString("\r\n\tid " + a.id + " for <" + t.spell(to.address) + ">;\r\n\t")
	b.WriteString(a.time.UTC().Format(time.RFC1123Z) + "\r\n")
	return []byte(b.String())
}

// hop says where the mail came from. Of who signed in nothing is told, neither
// their address nor what their device calls itself.
func (t *transaction) hop(b *strings.Builder) {
	if t.peer.User != nil {
		b.WriteString("by " + t.h.Hostname)
		return
	}
	b.WriteString("from " + t.spellHelo() + " (" + literal(t.peer.Addr) + ")\r\n\tby " + t.h.Hostname)
	b.WriteString(" with " + t.protocol())
	if s := t.peer.TLS; s != nil {
		b.WriteString(" (" + strings.ReplaceAll(tls.VersionName(s.Version), " ", "") + " " + tls.CipherSuiteName(s.CipherSuite) + ")")
	}
}

// protocol is the "with" word: RFC 3848 and RFC 6531, section 4.3.
func (t *transaction) protocol() string {
	word := "SMTP"
	switch {
	case t.opts.UTF8:
		word = "UTF8SMTP"
	case t.peer.Extended:
		word = "ESMTP"
	}
	if t.peer.TLS != nil {
		if word == "SMTP" {
			word = "ESMTP" // there is no word for HELO over TLS
		}
		word += "S"
	}
	return word
}

// spell writes an address with its domain in ASCII unless the mail is one of
// SMTPUTF8, whose header may hold UTF-8 (RFC 6532).
func (t *transaction) spell(a mail.Address) string {
	if !t.opts.UTF8 {
		a.Domain = asciiDomain(a.Domain)
	}
	return a.String()
}

func (t *transaction) spellHelo() string {
	if t.opts.UTF8 {
		return t.peer.Helo
	}
	return asciiDomain(t.peer.Helo)
}

func asciiDomain(d string) string {
	if isASCII(d) {
		return d
	}
	if a, err := idna.Lookup.ToASCII(d); err == nil && isASCII(a) {
		return a
	}
	return "unknown"
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c > '~' }) < 0
}

// literal is an address literal (RFC 5321, section 4.1.3).
func literal(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "unknown"
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}
