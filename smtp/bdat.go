package smtp

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// chunk is the BDAT chunk under way.
type chunk struct {
	size, left int64
	last       bool
}

// bdat begins a mail sent in chunks (RFC 3030). go-smtp is told DATA: its own
// BDAT runs a second goroutine, takes a cut chunk for a whole mail, and after
// a malformed command runs the chunk's octets as commands.
func (g *guard) bdat(arg string) {
	c, ok := parseChunk(arg)
	if !ok {
		// How many octets follow is anyone's guess.
		g.put("501 5.5.4 expected BDAT size [LAST], closing")
		g.fail(io.EOF)
		return
	}
	g.chunk = c
	if !g.take() {
		g.put(errBusy)
		return // next skips the chunk
	}
	g.forward("DATA")
}

func parseChunk(arg string) (chunk, bool) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 {
		return chunk{}, false
	}
	n, err := strconv.ParseUint(words[0], 10, 62)
	if err != nil || words[0][0] == '+' {
		return chunk{}, false
	}
	c := chunk{size: int64(n), left: int64(n)}
	if len(words) == 2 {
		c.last = strings.EqualFold(words[1], "LAST")
		return c, c.last
	}
	return c, true
}

// skipChunk reads past what is left of a refused chunk: its octets follow the
// command whatever the answer was (RFC 3030, section 2).
func (g *guard) skipChunk() error {
	left := g.chunk.left
	g.chunk = chunk{}
	if left > g.tolerance() {
		return io.EOF
	}
	_, err := io.CopyN(io.Discard, g.in, left)
	return err
}

// tolerance is how many octets of a refused mail are read to be polite.
func (g *guard) tolerance() int64 {
	if g.server.SignIn != nil && g.user == nil {
		return maxOut
	}
	return 2*g.server.limits.Message + 1<<20
}

// chunked reads a mail sent by BDAT, over all its chunks.
type chunked struct{ g *guard }

func (c *chunked) Read(p []byte) (int, error) {
	now := &c.g.chunk
	for now.left == 0 {
		if now.last {
			return 0, io.EOF
		}
		if err := c.g.nextChunk(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > now.left {
		p = p[:now.left]
	}
	n, err := c.g.in.Read(p)
	now.left -= int64(n)
	return n, short(err)
}

// nextChunk answers the last chunk and reads the next command, which may be
// another BDAT, or one that gives the mail up. Whatever else comes between
// chunks is out of order (RFC 3030, section 2).
func (g *guard) nextChunk() error {
	g.put(fmt.Sprintf("250 2.0.0 %d octets taken", g.chunk.size))
	for g.refused < g.server.limits.Errors {
		line, err := g.readLine()
		if err != nil {
			return short(err)
		}
		text, ok := clean(line)
		verb, arg, _ := strings.Cut(text, " ")
		switch strings.ToUpper(verb) {
		case "BDAT":
			if g.chunk, ok = parseChunk(strings.TrimSpace(arg)); ok {
				return nil
			}
			g.put("501 5.5.4 expected BDAT size [LAST], closing")
			return errGone
		case "RSET", "QUIT", "EHLO", "HELO":
			g.held = append([]byte(nil), line...)
			return errGivenUp
		case "NOOP":
			g.put("250 2.0.0 ok")
		default:
			g.put("503 5.5.1 finish the mail with BDAT or give it up with RSET")
		}
	}
	return errGone
}
