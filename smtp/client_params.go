package smtp

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"sealpost/mail"
)

// forWire writes an address as it goes between the brackets of a command, its
// domain in A-labels. ok is false for what ParseAddress would not take: an
// address that was never read by it may hold anything. unicode says that only
// SMTPUTF8 can carry it (RFC 6531, section 3.2).
func forWire(a mail.Address) (path string, unicode, ok bool) {
	if !ascii(a.Domain) {
		d, err := idna.Lookup.ToASCII(a.Domain)
		if err != nil {
			return "", false, false
		}
		a.Domain = d
	}
	path = a.String()
	back, err := mail.ParseAddress(path)
	return path, !ascii(a.Local), err == nil && back.Local == a.Local
}

// mailCommand writes MAIL with the parameters that the server offers to take.
func (c *Client) mailCommand(m *message) string {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + m.from + ">")
	if c.offers("SIZE") {
		fmt.Fprintf(&b, " SIZE=%d", m.text.size)
	}
	if m.text.eight && c.offers("8BITMIME") {
		b.WriteString(" BODY=8BITMIME")
	}
	if m.utf8 {
		b.WriteString(" SMTPUTF8")
	}
	if m.envelope.RequireTLS {
		b.WriteString(" REQUIRETLS")
	}
	if !c.offers("DSN") {
		return b.String()
	}
	if r := m.envelope.Ret; r == "FULL" || r == "HDRS" {
		b.WriteString(" RET=" + r)
	}
	if id := m.envelope.EnvID; id != "" && len(id) <= maxEnvID && printable(id) {
		b.WriteString(" ENVID=" + xtext(id))
	}
	return b.String()
}

// maxEnvID is RFC 3461, section 4.4; maxORcpt section 4.2.
const (
	maxEnvID = 100
	maxORcpt = 500
)

// rcptCommand writes RCPT with the recipient's wishes (RFC 3461, section 4).
func (c *Client) rcptCommand(m *message, i int) string {
	line := "RCPT TO:<" + m.to[i] + ">"
	r := m.envelope.To[i]
	if !c.offers("DSN") {
		return line
	}
	if wishes := notify(r.Notify); wishes != "" {
		line += " NOTIFY=" + wishes
	}
	switch {
	case r.ORcpt == "" || len(r.ORcpt) > maxORcpt:
	case printable(r.ORcpt):
		line += " ORCPT=rfc822;" + xtext(r.ORcpt)
	case m.utf8:
		if u, ok := unitext(r.ORcpt); ok {
			line += " ORCPT=utf-8;" + u
		}
	}
	return line
}

// notify is the value of NOTIFY, empty for one that makes no sense.
func notify(wishes []string) string {
	if len(wishes) == 1 && wishes[0] == "NEVER" {
		return "NEVER"
	}
	for i, w := range wishes {
		if w != "SUCCESS" && w != "FAILURE" && w != "DELAY" || slices.Contains(wishes[:i], w) {
			return ""
		}
	}
	return strings.Join(wishes, ",")
}

// printable says that s is printable ASCII with spaces, which is all that an
// ENVID and an rfc822 ORCPT may hold once decoded.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// xtext encodes as RFC 3461, section 4.
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unitext encodes as utf-8-addr-xtext (RFC 6533, section 3): ASCII whatever s holds.
func unitext(s string) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7f || r == '\uFFFD':
			return "", false
		case r > '~' || r == ' ' || r == '+' || r == '=' || r == '\\':
			fmt.Fprintf(&b, `\x{%X}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), true
}
