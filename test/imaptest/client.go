package imaptest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// patience is how long a server may take for one group of commands.
	patience = 20 * time.Second

	// maxResponse bounds one response: what is read comes from a server under test.
	maxResponse = 16 << 20
)

// client is one connection to the server under test. It is read only while a
// group of its own runs, as a real client reads between its commands.
type client struct {
	conn    net.Conn
	in      *bufio.Reader
	number  int
	tags    int
	caps    map[string]bool
	exists  int  // messages of the selected mailbox, as told
	closed  bool // it said BYE
	mailbox []string
}

// A response is one line of the server with its literals.
type response struct {
	tag  string // "*", "+" or a command's
	args []arg
	raw  string
}

func (r *Runner) dial(ctx context.Context, number int) (*client, error) {
	conn, err := r.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, in: bufio.NewReader(conn), number: number, caps: map[string]bool{}}
	conn.SetDeadline(time.Now().Add(patience))
	greeting, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	if len(greeting.args) == 0 || !strings.EqualFold(greeting.args[0].text, "OK") {
		return nil, fmt.Errorf("greeting: %.100q", greeting.raw)
	}
	return c, nil
}

// read reads a response.
func (c *client) read() (response, error) {
	var raw strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		raw.WriteString(line)
		if err != nil {
			return response{}, err
		}
		if raw.Len() > maxResponse {
			return response{}, errors.New("a response has no end")
		}
		size, more := literalSize(strings.TrimRight(line, "\r\n"))
		if !more {
			break
		}
		if _, err := io.CopyN(&raw, c.in, int64(min(size, maxResponse))); err != nil {
			return response{}, err
		}
	}
	text, ok := strings.CutSuffix(raw.String(), "\r\n")
	if !ok {
		return response{}, fmt.Errorf("%.100q does not end in CRLF", raw.String())
	}
	tag, rest, _ := strings.Cut(text, " ")
	r := response{tag: tag, raw: text}
	if tag == "+" {
		return r, nil
	}
	var err error
	if r.args, err = parseArgs(rest); err != nil {
		if !isStatus(rest) { // text for people is not made of arguments
			return r, fmt.Errorf("%.200q: %w", text, err)
		}
		r.args = words(rest)
	}
	return r, c.track(r)
}

func isStatus(rest string) bool {
	word, _, _ := strings.Cut(rest, " ")
	switch strings.ToUpper(word) {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

func words(text string) (args []arg) {
	for _, w := range strings.Fields(text) {
		args = append(args, arg{text: w})
	}
	return args
}

// track follows the selected mailbox, and holds the server to its own numbers.
func (c *client) track(r response) error {
	if r.tag != "*" || len(r.args) == 0 {
		return nil
	}
	switch word := strings.ToUpper(r.args[0].text); {
	case word == "BYE":
		c.closed = true
	case word == "CAPABILITY":
		c.learn(strings.Fields(show(r.args[1:])))
	case word == "OK" && len(r.args) > 1 && strings.EqualFold(r.args[1].text, "[CAPABILITY"):
		inside, _, _ := strings.Cut(show(r.args[2:]), "]")
		c.learn(strings.Fields(inside))
	}
	n, err := strconv.Atoi(r.args[0].text)
	if err != nil || len(r.args) < 2 {
		return nil
	}
	switch strings.ToUpper(r.args[1].text) {
	case "EXISTS":
		if n < c.exists {
			return fmt.Errorf("%q after %d", r.raw, c.exists)
		}
		c.exists = n
	case "EXPUNGE":
		if n < 1 || n > c.exists {
			return fmt.Errorf("%q with %d messages", r.raw, c.exists)
		}
		c.exists--
	case "FETCH":
		if n < 1 || n > c.exists {
			return fmt.Errorf("%.100q with %d messages", r.raw, c.exists)
		}
	}
	return nil
}

func (c *client) learn(caps []string) {
	c.caps = map[string]bool{}
	for _, name := range caps {
		c.caps[strings.ToUpper(name)] = true
	}
}

// send sends a command and gives its tag. A literal that wants to be asked for
// waits for that; what comes instead is handed to meanwhile, and if it is the
// command's own reply the rest of the command is not sent.
func (c *client) send(command string, meanwhile func(response) error) (tag string, err error) {
	c.tags++
	tag = fmt.Sprintf("%d.%d", c.number, c.tags)
	switch word, _, _ := strings.Cut(command, " "); strings.ToUpper(word) {
	case "SELECT", "EXAMINE", "CLOSE", "UNSELECT":
		c.exists = 0
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	rest := tag + " " + command + "\r\n"
	for {
		line, after, _ := strings.Cut(rest, "\n")
		size, isLiteral := literalSize(strings.TrimRight(line, "\r"))
		if _, err := io.WriteString(c.conn, line+"\n"); err != nil || !isLiteral || after == "" {
			return tag, err
		}
		if !strings.HasSuffix(strings.TrimRight(line, "\r"), "+}") {
			for {
				r, err := c.read()
				if err != nil {
					return tag, err
				}
				if r.tag == "+" {
					break
				}
				if err := meanwhile(r); err != nil || r.tag == tag {
					return tag, err
				}
			}
		}
		if size > len(after) {
			return tag, errors.New("a literal of the script is too short")
		}
		if _, err := io.WriteString(c.conn, after[:size]); err != nil {
			return tag, err
		}
		rest = after[size:]
	}
}

// do runs one command of the preparations.
func (c *client) do(command string) (untagged []response, ok bool, err error) {
	var last response
	take := func(r response) error {
		untagged, last = append(untagged, r), r
		return nil
	}
	tag, err := c.send(command, take)
	for err == nil && last.tag != tag {
		var r response
		if r, err = c.read(); err == nil {
			take(r)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("%.60q: %w", command, err)
	}
	return untagged, strings.EqualFold(last.args[0].text, "OK"), nil
}

// must runs one command of the preparations that has to succeed.
func (c *client) must(format string, args ...any) ([]response, error) {
	command := fmt.Sprintf(format, args...)
	got, ok, err := c.do(command)
	if err == nil && !ok {
		err = fmt.Errorf("%.60q: %s", command, got[len(got)-1].raw)
	}
	return got, err
}

// quote writes a string for a command.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
