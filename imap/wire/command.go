package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

const (
	// LobbyCommand and SessionCommand bound a command with its literals, before
	// and after sign-in.
	// ID may take 34 KiB (RFC 2971, section 3.3), and comes first.
	LobbyCommand   = 36 << 10
	SessionCommand = 64 << 10

	// openLobby and openSession bound a literal that comes without being asked
	// for: LITERAL- before sign-in and LITERAL+ after it (RFC 7888). A mail may
	// be as large as any.
	openLobby = 4096
)

// Command is one command as it was framed. Its literals stand in the arguments;
// only the mail of an APPEND or REPLACE is left on the wire.
type Command struct {
	Tag  string
	Name string // in capitals, without "UID "
	UID  bool   // it is a UID form
	Args Parser // what follows the name and its space
	Mail *Literal
}

// Literal is a literal that was announced and not yet read.
type Literal struct {
	Size   int64
	Open   bool // comes without "+" from us (non-synchronising)
	Binary bool // literal8, RFC 3516
}

// A Refusal is a command that is answered and forgotten.
type Refusal struct {
	Tag, Kind, Code, Text string
}

func (r *Refusal) Error() string { return r.Text }

// mails says which commands end in a mail that stays on the wire, and behind
// how many arguments.
var mails = map[string]int{"APPEND": 1, "REPLACE": 2}

// ReadCommand reads a whole command: before sign-in a short one. A *Refusal
// leaves the connection at the start of the next command; any other error is
// its end.
func (c *Conn) ReadCommand(lobby bool) (Command, error) {
	if why := c.leave.Load(); why != nil { // the next one may have been sent long ago
		return Command{}, c.Bye(*why)
	}
	f := framer{conn: c, limit: SessionCommand, open: SessionCommand}
	if lobby {
		f.limit, f.open = LobbyCommand, openLobby
	}
	for {
		more, err := f.segment()
		if err != nil {
			return Command{}, err
		}
		if !more {
			return f.command()
		}
	}
}

// framer gathers a command from lines and literals.
type framer struct {
	conn  *Conn
	limit int   // of the whole
	open  int64 // of a literal that was not asked for
	line  []byte
	mail  *Literal // of an APPEND
	bad   string   // why the command cannot be taken, once it has been read
}

// segment reads up to the end of a line, and the literal behind it if there is one.
func (f *framer) segment() (more bool, err error) {
	start := len(f.line)
	if f.line, err = f.conn.ReadLine(f.line, f.limit); err != nil {
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
	if f.awaitsMail() && (!lit.Open || f.open > openLobby || lit.Size <= f.open) {
		f.mail = lit
		return false, nil
	}
	if lit.Open && lit.Size > f.open {
		return false, f.close(ErrTooBig)
	}
	return true, f.literal(*lit)
}

// close ends a connection whose framing is lost.
func (f *framer) close(err error) error {
	if errors.Is(err, ErrTooBig) {
		return f.conn.Goodbye("command is too long")
	}
	return err
}

// literal reads a literal into the line.
func (f *framer) literal(l Literal) error {
	head := literalHead(l)
	room := int64(f.limit - len(f.line) - len(head))
	switch {
	case l.Size > room && l.Open:
		return f.close(ErrTooBig)
	case l.Size > room:
		tag, _ := f.tag()
		return &Refusal{tag, "NO", "TOOBIG", "literal is too large for this command"}
	case f.bad != "" && !l.Open: // the client waits for our word
		tag, _ := f.tag()
		return &Refusal{tag, "BAD", "", f.bad}
	case !l.Open:
		f.conn.GoOn()
	}
	f.line = append(f.line, head...)
	start := len(f.line)
	f.line = append(f.line, make([]byte, l.Size)...)
	if _, err := io.ReadFull(f.conn.reader(), f.line[start:]); err != nil {
		return f.conn.end(err)
	}
	if !l.Binary && bytes.IndexByte(f.line[start:], 0) >= 0 {
		f.bad = "a literal holds no NUL"
	}
	return nil
}

func literalHead(l Literal) string {
	head := "{" + strconv.FormatInt(l.Size, 10) + "}\r\n"
	if l.Binary {
		return "~" + head
	}
	return head
}

// GoOn asks for a literal.
func (c *Conn) GoOn() { c.Str("+ go on\r\n") }

// awaitsMail says whether the next literal is the mail of an APPEND: the
// mailbox has been named, and nothing else of it can be a literal.
func (f *framer) awaitsMail() bool {
	_, rest := f.tag()
	space := []byte{' '}
	name, args, ok := bytes.Cut(rest, space)
	if ok && bytes.EqualFold(name, []byte("UID")) {
		name, args, ok = bytes.Cut(args, space)
	}
	behind, carries := mails[string(bytes.ToUpper(name[:min(len(name), 8)]))]
	if !ok || !carries {
		return false
	}
	p := Parser{rest: string(args)}
	for range behind {
		if _, ok := p.Astring(); !ok || !p.Space() {
			return false
		}
	}
	return true
}

// tag cuts the tag from the line, or "*" when there is none that can be used.
func (f *framer) tag() (tag string, rest []byte) {
	head, more, _ := bytes.Cut(f.line, []byte{' '})
	tag = string(head[:min(len(head), 65)])
	if tag == "" || len(tag) > 64 || strings.ContainsFunc(tag, func(r rune) bool { return !isTagChar(r) }) {
		return "*", more
	}
	return tag, more
}

// isTagChar: an ASTRING-CHAR but "+" (RFC 9051, section 9).
func isTagChar(r rune) bool {
	return r == ']' || r < 0x7f && isAtomChar(byte(r)) && r != '+'
}

func isAtomChar(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(c))
}

// command takes the finished line apart.
func (f *framer) command() (Command, error) {
	tag, rest := f.tag()
	c := Command{Tag: tag, Mail: f.mail}
	name, args, _ := strings.Cut(string(rest), " ")
	if strings.EqualFold(name, "UID") {
		c.UID = true
		name, args, _ = strings.Cut(args, " ")
	}
	c.Name = strings.ToUpper(name)
	c.Args = Parser{rest: args}
	switch {
	case f.bad == "" && (tag == "*" || name == ""):
		f.bad = "expected a tag and a command"
	case f.bad == "" && strings.ContainsFunc(name, func(r rune) bool { return r >= 0x7f || !isAtomChar(byte(r)) }):
		f.bad = "expected the name of a command"
	}
	if f.bad == "" {
		return c, nil
	}
	if f.mail != nil && f.mail.Open { // on its way already
		if err := f.conn.Skip(f.mail.Size); err != nil {
			return c, err
		}
		if _, err := f.conn.ReadLine(nil, f.limit); err != nil {
			return c, f.close(err)
		}
	}
	return c, &Refusal{tag, "BAD", "", f.bad}
}

// Skip reads and forgets n octets.
func (c *Conn) Skip(n int64) error {
	if _, err := io.CopyN(io.Discard, c.reader(), n); err != nil {
		return c.end(err)
	}
	return nil
}

// Read gives the octets of a literal that was left on the wire.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.reader().Read(p)
	if err != nil {
		err = c.end(err)
	}
	return n, err
}

// Broken is the end of a connection in the midst of a literal.
func (c *Conn) Broken() error { return c.end(io.ErrUnexpectedEOF) }

// ReadMore reads what follows a mail of a command: a line, with a literal left
// on the wire if it announces one.
func (c *Conn) ReadMore() (Parser, *Literal, error) {
	line, err := c.ReadLine(nil, LobbyCommand)
	if err != nil {
		if errors.Is(err, ErrTooBig) {
			err = c.Goodbye("command is too long")
		}
		return Parser{}, nil, err
	}
	at, lit, _ := trailingLiteral(line)
	if lit != nil {
		line = line[:at]
	}
	return Parser{rest: string(line)}, lit, nil
}

// ReadLine appends a line to buf, without its end (CRLF, or a lone LF, which
// old clients send), and fails with ErrTooBig when buf would pass limit.
func (c *Conn) ReadLine(buf []byte, limit int) ([]byte, error) {
	start := len(buf) // a CR before it is a literal's
	for {
		piece, err := c.reader().ReadSlice('\n')
		if len(buf)+len(piece) > limit+2 {
			return buf, ErrTooBig
		}
		buf = append(buf, piece...)
		switch {
		case err == nil:
			line := bytes.TrimSuffix(buf[start:len(buf)-1], []byte{'\r'})
			return buf[:start+len(line)], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return buf, c.end(err)
		}
	}
}
