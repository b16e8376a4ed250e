package smtp

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A command looks at one command line before go-smtp does. arg is what follows
// the verb, without white space around it.
type command struct {
	greeted bool // only after EHLO or HELO
	leads   bool // somewhere: not counted against maxIdle
	do      func(g *guard, arg string)
}

var commands = map[string]command{
	"EHLO":     {false, false, (*guard).hello},
	"HELO":     {false, false, (*guard).hello},
	"STARTTLS": {true, false, (*guard).startTLS},
	"MAIL":     {true, false, (*guard).mailFrom},
	"RCPT":     {true, true, (*guard).rcptTo},
	"DATA":     {true, true, (*guard).data},
	"BDAT":     {true, true, (*guard).bdat},
	"RSET":     {false, false, (*guard).pass},
	"NOOP":     {false, false, (*guard).noop},
	"VRFY":     {false, false, (*guard).pass},
	"HELP":     {false, false, (*guard).help},
	"QUIT":     {false, true, (*guard).pass},
	"EXPN":     {false, false, (*guard).absent},
	"AUTH":     {false, false, (*guard).auth},
}

// dispatch runs the command of one line.
func (g *guard) dispatch(line []byte) {
	text, ok := clean(line)
	if !ok {
		g.put("500 5.5.2 a command is printable and ends with CR LF")
		return
	}
	verb, arg, _ := strings.Cut(text, " ")
	g.verb = strings.ToUpper(verb)
	c, known := commands[g.verb]
	switch {
	case !known:
		g.put("500 5.5.2 command not recognised")
	case c.greeted && !g.greeted:
		g.put("503 5.5.1 say EHLO first")
	default:
		if !c.leads {
			g.idle++
		}
		c.do(g, strings.TrimSpace(arg))
	}
}

// clean is a command line without its CRLF, if it has one and nothing in it
// could end a line, hide or be read in two ways.
func clean(line []byte) (string, bool) {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || !utf8.Valid(text) {
		return "", false
	}
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", false
		}
	}
	return string(text), true
}

// forward hands a line to go-smtp.
func (g *guard) forward(line string) { g.toRead = append(g.toRead, line+"\r\n"...) }

// pass hands a command without arguments that matter to go-smtp.
func (g *guard) pass(string) { g.forward(g.verb) }

func (g *guard) noop(string) { g.put("250 2.0.0 ok") }

func (g *guard) help(string) { g.put("214 2.0.0 see RFC 5321") }

func (g *guard) absent(string) { g.put("502 5.5.1 command not offered here") }
