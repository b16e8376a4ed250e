package smtp

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client is one session with another server, in which many mails may follow
// each other (RFC 5321). It pipelines (RFC 2920), sends by BDAT where that is
// offered (RFC 3030), and never sends a bare CR or LF. It is used by one
// goroutine at a time. When the context of a call ends during it, the
// connection is closed.
type Client struct {
	Greeting   Reply
	Extensions map[string]string // EHLO keywords in capitals, with what follows them
	TLS        *tls.ConnectionState
	Sent       int // mails that were taken

	conn    net.Conn
	options ClientOptions
	in      *bufio.Reader
	out     *bufio.Writer
	open    bool  // MAIL was said and nothing ended that mail yet
	begun   int   // MAIL commands so far, see MAILMAX
	err     error // why the session is over
}

// ClientOptions are what Greet needs. A time that is zero takes RFC 5321, section 4.5.3.2.
type ClientOptions struct {
	Hostname string // ours, for EHLO
	// Greeting is waited for the first reply, Command for one of any command, Data
	// for 354 and for each block of text to go out, Final for what becomes of a mail.
	Greeting, Command, Data, Final time.Duration
}

func (o ClientOptions) orDefault() ClientOptions {
	return ClientOptions{
		Hostname: cmp.Or(o.Hostname, "localhost"),
		Greeting: cmp.Or(o.Greeting, 5*time.Minute),
		Command:  cmp.Or(o.Command, 5*time.Minute),
		Data:     cmp.Or(o.Data, 3*time.Minute),
		Final:    cmp.Or(o.Final, 10*time.Minute),
	}
}

// Greet takes the greeting and says EHLO, or HELO to who knows no better. On an
// error it closes conn; a server that said no is told by *Refused. A *tls.Conn
// is TLS from the first byte.
func Greet(ctx context.Context, conn net.Conn, o ClientOptions) (*Client, error) {
	c := &Client{options: o.orDefault()}
	c.use(conn)
	defer c.during(ctx)()
	if err := c.welcome(ctx); err != nil {
		return nil, c.end(ctx, err)
	}
	return c, nil
}

func (c *Client) welcome(ctx context.Context) error {
	if t, ok := c.conn.(*tls.Conn); ok {
		if err := c.handshake(ctx, t); err != nil {
			return err
		}
	}
	r, _, err := c.reply(c.options.Greeting)
	if err != nil {
		return fmt.Errorf("read the greeting: %w", err)
	}
	if c.Greeting = r; r.Code != 220 {
		return &Refused{"greeting", r}
	}
	return c.hello()
}

// hello introduces us (RFC 5321, section 4.1.1.1).
func (c *Client) hello() error {
	c.Extensions = map[string]string{}
	r, lines, err := c.one("EHLO", "EHLO "+c.options.Hostname, c.options.Command)
	if err != nil {
		return err
	}
	if r.Code/100 == 2 {
		c.Extensions = extensions(lines)
		return nil
	}
	if r.Code/100 != 5 {
		return &Refused{"EHLO", r}
	}
	if r, _, err = c.one("HELO", "HELO "+c.options.Hostname, c.options.Command); err != nil {
		return err
	}
	if r.Code/100 != 2 {
		return &Refused{"HELO", r}
	}
	return nil
}

// extensions reads an answer to EHLO; its first line is the server's name.
func extensions(lines []string) map[string]string {
	all := map[string]string{}
	for _, l := range lines[1:] {
		if keyword, rest, _ := strings.Cut(strings.TrimSpace(l), " "); keyword != "" {
			all[strings.ToUpper(keyword)] = strings.TrimSpace(rest)
		}
	}
	return all
}

// offers says whether the server named an extension.
func (c *Client) offers(keyword string) bool {
	_, ok := c.Extensions[keyword]
	return ok
}

// limit is a number the server gave under LIMITS (RFC 9422); 0: none.
func (c *Client) limit(name string) int {
	for f := range strings.FieldsSeq(c.Extensions["LIMITS"]) {
		if k, v, _ := strings.Cut(f, "="); strings.EqualFold(k, name) && len(v) <= 6 {
			n, _ := strconv.Atoi(v)
			return max(n, 0)
		}
	}
	return 0
}

// Spent says that the server takes no further mail in this session: it is over,
// or what the server allows (MAILMAX, RFC 9422) has been sent.
func (c *Client) Spent() bool {
	most := c.limit("MAILMAX")
	return c.err != nil || most > 0 && c.begun >= most
}

// longestCheck is how long Reset waits: who asks has a mail to send.
const longestCheck = 30 * time.Second

// Reset says RSET, to find out whether a kept session is alive.
func (c *Client) Reset(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	defer c.during(ctx)()
	r, _, err := c.one("RSET", "RSET", min(longestCheck, c.options.Command))
	if err == nil && r.Code/100 != 2 {
		err = &Refused{"RSET", r}
	}
	if err != nil {
		return c.end(ctx, err)
	}
	c.open = false
	return nil
}

// goodbye is how long Close waits for an answer.
const goodbye = time.Second

// Close says QUIT, without waiting long, and closes.
func (c *Client) Close() error {
	if c.err != nil {
		return nil // closed when the session ended
	}
	c.err = errClosed
	c.conn.SetDeadline(time.Now().Add(goodbye))
	if _, err := c.conn.Write([]byte("QUIT\r\n")); err == nil {
		readReply(c.in)
	}
	return c.conn.Close()
}
