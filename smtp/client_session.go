package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// window is how many octets of commands go out before their replies are read.
// A server that cannot write its replies stops reading, and both would wait
// (RFC 2920, section 3.1).
const window = 8 << 10

// outBuffer is how much of a text goes out at once.
const outBuffer = 32 << 10

// use makes conn the one to talk over.
func (c *Client) use(conn net.Conn) {
	c.conn = conn
	c.in = bufio.NewReaderSize(conn, maxReplyLine)
	c.out = bufio.NewWriterSize(unhurried{c}, outBuffer)
}

// unhurried writes to the connection and gives each block its own time.
type unhurried struct{ c *Client }

func (w unhurried) Write(p []byte) (int, error) {
	if err := w.c.conn.SetWriteDeadline(time.Now().Add(w.c.options.Data)); err != nil {
		return 0, err
	}
	return w.c.conn.Write(p)
}

// wipe clears what is left of a mail in the buffer of a session that is kept.
func (c *Client) wipe() {
	if c.out.Buffered() == 0 {
		rest := c.out.AvailableBuffer()
		clear(rest[:cap(rest)])
	}
}

// during closes the connection when ctx ends before the call that asked.
func (c *Client) during(ctx context.Context) (stop func() bool) {
	conn := c.conn
	return context.AfterFunc(ctx, func() {
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = t.NetConn() // a TLS connection would first say goodbye
		}
		conn.Close()
	})
}

// end closes the session for good.
func (c *Client) end(ctx context.Context, err error) error {
	if ended := context.Cause(ctx); ended != nil {
		err = errors.Join(ended, err)
	}
	if c.err == nil {
		c.err = err
		c.conn.SetDeadline(time.Now()) // TLS says goodbye on closing, and must not wait
		c.conn.Close()
	}
	return err
}

// say puts one command into the buffer. What could be read as two never leaves.
func (c *Client) say(line string) error {
	if strings.ContainsAny(line, "\r\n\x00") {
		return errCommand
	}
	c.out.WriteString(line)
	_, err := c.out.WriteString("\r\n")
	return err
}

// one says one command and reads its reply.
func (c *Client) one(step, line string, wait time.Duration) (Reply, []string, error) {
	if c.in.Buffered() > 0 {
		return Reply{}, nil, errUnasked
	}
	if err := c.say(line); err != nil {
		return Reply{}, nil, fmt.Errorf("say %s: %w", step, err)
	}
	if err := c.out.Flush(); err != nil {
		return Reply{}, nil, fmt.Errorf("say %s: %w", step, err)
	}
	r, texts, err := c.reply(wait)
	if err != nil {
		return Reply{}, nil, fmt.Errorf("read the reply to %s: %w", step, err)
	}
	if r.Code == 421 {
		return r, nil, &Refused{step, r}
	}
	return r, texts, nil
}

// ask says commands, many at a time where the server takes that, and returns
// the replies that came. It stops early when enough says so.
func (c *Client) ask(commands []string, enough func(replies []Reply) bool) ([]Reply, error) {
	if c.in.Buffered() > 0 {
		return nil, errUnasked
	}
	replies := make([]Reply, 0, len(commands))
	for len(replies) < len(commands) && !enough(replies) {
		n, err := c.sayMany(commands[len(replies):])
		if err != nil {
			return replies, err
		}
		for range n {
			r, _, err := c.reply(c.options.Command)
			if err != nil {
				return replies, fmt.Errorf("read a reply: %w", err)
			}
			replies = append(replies, r)
			if r.Code == 421 {
				return replies, &Refused{"a command", r}
			}
		}
	}
	return replies, nil
}

// sayMany sends the first of commands, or as many as fit the window.
func (c *Client) sayMany(commands []string) (n int, err error) {
	room := window
	for _, line := range commands {
		if room -= len(line) + 2; n > 0 && (room < 0 || !c.offers("PIPELINING")) {
			break
		}
		if err := c.say(line); err != nil {
			return 0, err
		}
		n++
	}
	if err := c.out.Flush(); err != nil {
		return 0, fmt.Errorf("say commands: %w", err)
	}
	return n, nil
}
