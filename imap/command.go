package imap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxLobbyCommand and maxCommand bound a command with its literals;
	// imapserver reads at most 50 KiB.
	maxLobbyCommand = 8 << 10
	maxCommand      = 48 << 10

	// maxOpenLiteral bounds a literal that comes without being asked for
	// (LITERAL-, RFC 7888).
	maxOpenLiteral = 4096
)

// A command is one command as it was framed: tag, name and arguments, with
// every literal turned into a quoted string, so that it is one line. Only the
// mail of an APPEND is left on the wire.
type command struct {
	tag  string
	name string // in capitals, "UID " in front of the UID forms
	args string // what follows the name and its space
	mail *literal
}

// literal is a literal that was announced and not yet read.
type literal struct {
	size   int64
	open   bool // comes without "+" from us (non-synchronising)
	binary bool // literal8, RFC 3516
}

// A refusal is a command that is answered and forgotten.
type refusal struct {
	tag, text string
}

func (r *refusal) Error() string { return r.text }

// readCommand reads a whole command of at most limit bytes. A *refusal leaves
// the connection at the start of the next command; any other error is its end.
func (w *wire) readCommand(limit int) (command, error) {
	if w.server.closing.Load() { // the next one may have been sent long ago
		return command{}, w.bye("server is shutting down")
	}
	f := framer{wire: w, limit: limit}
	for {
		more, err := f.segment()
		if err != nil {
			return command{}, err
		}
		if !more {
			return f.command()
		}
	}
}

// framer gathers a command from lines and literals.
type framer struct {
	wire  *wire
	limit int
	line  []byte   // the command so far
	mail  *literal // of an APPEND
	bad   string   // why the command cannot be taken, once it has been read
}

// segment reads up to the end of a line, and the literal behind it if there is one.
func (f *framer) segment() (more bool, err error) {
	start := len(f.line)
	if f.line, err = f.wire.readLine(f.line, f.limit); err != nil {
		return false, f.close(err)
	}
	if bytes.ContainsAny(f.line[start:], "\x00\r") {
		f.bad = "a command holds no NUL and no bare CR"
	}
	at, lit, open := trailingLiteral(f.line[start:])
	if open {
		f.bad = "a quoted string has no end"
	}
	if lit == nil {
		return false, nil
	}
	f.line = f.line[:start+at]
	if lit.open && lit.size > maxOpenLiteral {
		return false, f.close(errTooBig)
	}
	if f.awaitsMail() {
		f.mail = lit
		return false, nil
	}
	return true, f.literal(*lit)
}

// close ends a connection whose framing is lost.
func (f *framer) close(err error) error {
	if errors.Is(err, errTooBig) {
		f.wire.linger = true
		return f.wire.bye("command is too long")
	}
	return err
}

// literal reads a literal and writes it as a quoted string.
func (f *framer) literal(l literal) error {
	room := int64(f.limit - len(f.line) - 2)
	switch {
	case l.size > room && l.open:
		return f.close(errTooBig)
	case l.size > room:
		tag, _ := f.tag()
		return &refusal{tag, "NO [TOOBIG] literal is too large for this command"}
	case f.bad != "" && !l.open: // the client waits for our word
		tag, _ := f.tag()
		return &refusal{tag, "BAD " + f.bad}
	case !l.open:
		f.wire.WriteString("+ go on\r\n")
	}
	text := make([]byte, l.size)
	if _, err := io.ReadFull(f.wire.in, text); err != nil {
		return f.wire.end(err)
	}
	if bytes.ContainsAny(text, "\x00\r\n") {
		f.bad = "a literal here holds no line end and no NUL"
	}
	f.line = appendQuoted(f.line, text)
	if len(f.line) > f.limit {
		return f.close(errTooBig)
	}
	return nil
}

func appendQuoted(line, text []byte) []byte {
	line = append(line, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			line = append(line, '\\')
		}
		line = append(line, c)
	}
	return append(line, '"')
}

// awaitsMail says whether the next literal is the mail of an APPEND: the
// mailbox has been named, and nothing else of it can be a literal.
func (f *framer) awaitsMail() bool {
	_, rest := f.tag()
	name, args, ok := strings.Cut(rest, " ")
	return ok && strings.EqualFold(name, "APPEND") && strings.TrimSpace(args) != ""
}

// tag cuts the tag from the line, or "*" when there is none that can be used.
func (f *framer) tag() (tag, rest string) {
	tag, rest, _ = strings.Cut(string(f.line), " ")
	if tag == "" || len(tag) > 64 || strings.ContainsFunc(tag, func(r rune) bool { return !isTagChar(r) }) {
		return "*", rest
	}
	return tag, rest
}

// isTagChar: an ASTRING-CHAR but "+" (RFC 9051, section 9).
func isTagChar(r rune) bool {
	return r == ']' || r < 0x7f && isAtomChar(byte(r)) && r != '+'
}

func isAtomChar(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(c))
}

// command takes the finished line apart.
func (f *framer) command() (command, error) {
	tag, rest := f.tag()
	c := command{tag: tag, mail: f.mail}
	name, args, _ := strings.Cut(rest, " ")
	c.name = strings.ToUpper(name)
	if c.name == "UID" {
		name, args, _ = strings.Cut(args, " ")
		c.name += " " + strings.ToUpper(name)
	}
	c.args = args
	switch {
	case f.bad == "" && (tag == "*" || name == ""):
		f.bad = "expected a tag and a command"
	case f.bad == "" && strings.ContainsFunc(c.name, func(r rune) bool { return r >= 0x7f || r != ' ' && !isAtomChar(byte(r)) }):
		f.bad = "expected the name of a command"
	}
	if f.bad == "" {
		return c, nil
	}
	if f.mail != nil && f.mail.open { // on its way already
		if err := f.wire.skip(f.mail.size); err != nil {
			return c, err
		}
		if _, err := f.wire.readLine(nil, f.limit); err != nil {
			return c, f.close(err)
		}
	}
	return c, &refusal{tag, "BAD " + f.bad}
}

// skip reads and forgets n octets.
func (w *wire) skip(n int64) error {
	if _, err := io.CopyN(io.Discard, w.in, n); err != nil {
		return w.end(err)
	}
	return nil
}

// line is the command as imapserver reads it.
func (c command) line() string {
	if c.args == "" {
		return c.tag + " " + c.name + "\r\n"
	}
	return c.tag + " " + c.name + " " + c.args + "\r\n"
}

// readLine appends a line to buf, without its end (CRLF, or a lone LF, which
// old clients send), and fails with errTooBig when buf would pass limit.
func (w *wire) readLine(buf []byte, limit int) ([]byte, error) {
	for {
		piece, err := w.in.ReadSlice('\n')
		if len(buf)+len(piece) > limit+2 {
			return buf, errTooBig
		}
		buf = append(buf, piece...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(buf[:len(buf)-1], []byte{'\r'}), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return buf, w.end(err)
		}
	}
}

// trailingLiteral finds the announcement of a literal ("{5}", "{5+}", "~{5}")
// at the end of a line, outside of quoted strings. open says that a quoted
// string does not end on the line.
func trailingLiteral(line []byte) (at int, l *literal, open bool) {
	if open = openQuote(line); open {
		return 0, nil, true
	}
	body, ok := bytes.CutSuffix(line, []byte{'}'})
	if !ok {
		return 0, nil, false
	}
	at = bytes.LastIndexByte(body, '{')
	if at < 0 {
		return 0, nil, false
	}
	digits, plus := bytes.CutSuffix(body[at+1:], []byte{'+'})
	size, ok := parseSize(digits)
	if !ok {
		return 0, nil, false
	}
	l = &literal{size: size, open: plus}
	if at > 0 && line[at-1] == '~' {
		l.binary = true
		at--
	}
	return at, l, false
}

// openQuote says whether a quoted string is open at the end of the line.
func openQuote(line []byte) bool {
	open := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			open = !open
		case line[i] == '\\' && open:
			i++
		}
	}
	return open
}

// parseSize reads a number of octets; an absurd one stays absurd, without overflow.
func parseSize(digits []byte) (int64, bool) {
	if len(digits) == 0 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = min(n, 1<<59)*10 + int64(d-'0')
	}
	return n, true
}

// reply writes a tagged status response.
func (w *wire) reply(tag, format string, args ...any) {
	fmt.Fprintf(w, tag+" "+format+"\r\n", args...)
}
