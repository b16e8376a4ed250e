package smtp

import (
	"errors"
	"fmt"
	"strings"

	gosmtp "github.com/emersion/go-smtp"
)

// better holds what is said instead of go-smtp's replies, by the command and
// the beginning of the reply: its texts are fixed, some codes are not the ones
// RFC 5321 and RFC 3463 give, and it repeats addresses we rewrote.
var better = map[string][][2]string{
	"MAIL": {
		{"250", "250 2.1.0 sender accepted"},
		{"500 5.5.4", "555 5.5.4 MAIL parameter not recognised"},
		{"504 5.5.4", "555 5.5.4 MAIL parameter not offered"},
		{"502 5.5.1", "503 5.5.1 say EHLO first"},
	},
	"RCPT": {
		{"250", "250 2.1.5 recipient accepted"},
		{"500 5.5.4", "555 5.5.4 RCPT parameter not recognised"},
		{"504 5.5.4", "555 5.5.4 RCPT parameter not offered"},
		{"502 5.5.1", "503 5.5.1 say MAIL first"},
		{"452 4.5.3", "452 4.5.3 too many recipients, send the rest in another mail"},
	},
	"DATA": {
		{"354", "354 go ahead, end with <CR><LF>.<CR><LF>"},
		{"502 5.5.1", "503 5.5.1 no recipient was accepted"},
	},
	"BDAT": {
		{"502 5.5.1", "503 5.5.1 no recipient was accepted"},
	},
	"RSET": {{"250", "250 2.0.0 forgotten"}},
	"VRFY": {{"252", "252 2.5.0 send a mail and see"}},
	"QUIT": {{"221", "221 2.0.0 goodbye"}},
}

// mend is what the client gets for one line of go-smtp's.
func (g *guard) mend(line string, final bool) []string {
	switch {
	case g.verb == "" && strings.HasPrefix(line, "220"):
		return nil // arrive says it, when it is time
	case g.verb == "EHLO" && strings.HasPrefix(line, "250"):
		if !final {
			return nil
		}
		return g.greeting()
	case g.verb == "HELO" && strings.HasPrefix(line, "250"):
		return []string{"250 " + g.server.Hostname}
	case g.verb == "BDAT" && strings.HasPrefix(line, "354"):
		return nil // go-smtp was told DATA
	}
	for _, b := range better[g.verb] {
		if strings.HasPrefix(line, b[0]) {
			return []string{b[1]}
		}
	}
	return []string{line}
}

var errLater = &Reply{451, "4.3.0", "try again later"}

// told turns a Handler's error into what go-smtp sends. What nobody classified
// is temporary: a fault of ours may delay mail, never bounce it.
func (g *guard) told(err error) error {
	if err == nil {
		return nil
	}
	var r *Reply
	if !errors.As(err, &r) {
		g.server.Log.Error("mail was put off by a fault of ours", "err", Trouble(err))
		r = errLater
	}
	return r.wire()
}

// wire is r as go-smtp takes it.
func (r *Reply) wire() error {
	e := &gosmtp.SMTPError{Code: r.Code, Message: oneLine(r.Text)}
	if n, _ := fmt.Sscanf(r.Enhanced, "%d.%d.%d", &e.EnhancedCode[0], &e.EnhancedCode[1], &e.EnhancedCode[2]); n != 3 {
		e.EnhancedCode = gosmtp.EnhancedCodeNotSet
	}
	return e
}

// line is r as the guard says it.
func (r *Reply) line() string {
	return fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, oneLine(r.Text))
}

// refuse says what a Reply says, in place of go-smtp.
func (g *guard) refuse(err error) {
	r := errLater
	errors.As(err, &r)
	g.put(r.line())
}

// oneLine keeps a reply one reply, whatever a text was made from.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
