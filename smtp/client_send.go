package smtp

import (
	"context"
	"errors"

	"sealpost/mail"
)

// Outcome is what became of one mail at one server: a reply for each recipient,
// in the order of the envelope. A recipient with code 0 was not tried; the
// session then ended with the error that came along.
type Outcome struct {
	Recipients []Reply
	Own        []bool // the reply is ours: the other server was not asked, or said nothing
	Relayed    bool   // the server promised to send DSNs itself (it offers DSN)
	// Unsure says that the last octet went out and no reply came: the recipients
	// have a temporary reply, and may get the mail twice.
	Unsure bool
}

// maxRecipients is how many recipients one transaction has (RFC 5321, section
// 4.5.3.1.8: every server takes as many).
const maxRecipients = 100

// What a Client decides without asking.
var (
	replyBroken   = Reply{554, "5.6.0", "the mail holds a NUL octet"}
	replyUnread   = Reply{451, "4.3.0", "the mail could not be read from the queue"}
	replyEight    = Reply{554, "5.6.3", "the other server takes no 8-bit mail"}
	replyUTF8     = Reply{553, "5.6.7", "the other server takes no internationalised mail (SMTPUTF8)"}
	replyTooBig   = Reply{552, "5.3.4", "the mail is larger than the other server takes"}
	replyTLS      = Reply{451, "4.7.30", "the other server does not promise to keep the mail under TLS (REQUIRETLS)"}
	replySender   = Reply{553, "5.1.7", "the sender's address cannot be sent"}
	replyAddress  = Reply{553, "5.1.3", "the recipient's address cannot be sent"}
	replyNoAnswer = Reply{451, "4.4.2", "the connection ended before the other server said whether it took the mail"}
)

// message is one mail on its way over one session.
type message struct {
	envelope Envelope
	content  mail.Bytes
	text     text
	utf8     bool
	from     string
	to       []string // by recipient
	out      Outcome
}

// Send hands over one mail to all recipients of e, in as many transactions as
// their number and the server's limits ask for. Content is CRLF lines; anything
// else is brought to that on the way, and NUL is refused. It returns an error
// only when the session is over; what the server said stands in the outcome.
// Ambiguous ends (no reply after the last byte) are temporary.
func (c *Client) Send(ctx context.Context, e Envelope, content mail.Bytes) (Outcome, error) {
	m := &message{envelope: e, content: content, out: Outcome{
		Recipients: make([]Reply, len(e.To)), Own: make([]bool, len(e.To)), Relayed: c.offers("DSN")}}
	if c.err != nil {
		return m.out, c.err
	}
	defer c.during(ctx)()
	if r := c.prepare(m); r != nil {
		for i := range e.To {
			m.decide(i, *r)
		}
		return m.out, nil
	}
	defer c.wipe()
	if err := c.sendAll(m, c.addresses(m)); err != nil {
		return m.out, c.end(ctx, err)
	}
	return m.out, nil
}

// decide gives a recipient a reply of ours.
func (m *message) decide(i int, r Reply) { m.out.Recipients[i], m.out.Own[i] = r, true }

// prepare looks at the mail, and returns what is wrong with it for this server.
func (c *Client) prepare(m *message) *Reply {
	var err error
	if m.text, err = inspect(m.content); err != nil {
		return &replyUnread
	}
	m.utf8 = m.envelope.UTF8
	if m.envelope.From != nil {
		path, unicode, ok := forWire(*m.envelope.From)
		if !ok {
			return &replySender
		}
		m.from, m.utf8 = path, m.utf8 || unicode
	}
	switch {
	case m.text.null:
		return &replyBroken
	case m.utf8 && !c.offers("SMTPUTF8"):
		return &replyUTF8
	// RFC 6531, section 3.1: who offers SMTPUTF8 takes 8-bit mail.
	case m.text.eight && !c.offers("8BITMIME") && !m.utf8:
		return &replyEight
	case c.tooBig(m.text.size):
		return &replyTooBig
	case m.envelope.RequireTLS && (c.TLS == nil || !c.offers("REQUIRETLS")):
		return &replyTLS
	}
	return nil
}

func (c *Client) tooBig(size int64) bool {
	n := c.Extensions["SIZE"]
	if n == "" || len(n) > 18 || !digits(n) {
		return false
	}
	var most int64
	for i := range len(n) {
		most = most*10 + int64(n[i]-'0')
	}
	return most > 0 && size > most
}

// addresses makes the forward-paths and returns the recipients that have one.
func (c *Client) addresses(m *message) (todo []int) {
	m.to = make([]string, len(m.envelope.To))
	unicode := false
	for i, r := range m.envelope.To {
		path, needs, ok := forWire(r.Address)
		switch {
		case !ok:
			m.decide(i, replyAddress)
			continue
		case needs && !c.offers("SMTPUTF8"):
			m.decide(i, replyUTF8)
			continue
		}
		unicode = unicode || needs
		m.to[i] = path
		todo = append(todo, i)
	}
	m.utf8 = m.utf8 || unicode
	return todo
}

// sendAll makes transactions until every recipient in todo has a reply.
func (c *Client) sendAll(m *message, todo []int) error {
	most := maxRecipients
	if n := c.limit("RCPTMAX"); n > 0 {
		most = min(most, n)
	}
	for len(todo) > 0 {
		if c.Spent() {
			return ErrSpent
		}
		n := c.batch(m, todo, most)
		d := delivery{client: c, message: m, who: todo[:n]}
		if err := d.run(); err != nil {
			return err
		}
		if d.refused != nil {
			d.giveAll(todo, *d.refused)
			return nil
		}
		if todo = append(d.crowded, todo[n:]...); len(d.crowded) > 0 {
			most = len(d.accepted)
		}
	}
	return nil
}

// batch is how many of todo go together: at most most of them, and no more
// domains than the server wants at once (RCPTDOMAINMAX).
func (c *Client) batch(m *message, todo []int, most int) int {
	most = min(most, len(todo))
	domains := c.limit("RCPTDOMAINMAX")
	if domains == 0 {
		return most
	}
	seen := map[string]bool{}
	for n, i := range todo[:most] {
		if seen[m.envelope.To[i].Address.Domain] = true; len(seen) > domains {
			return n
		}
	}
	return most
}

// ErrSpent says that the server takes no more mail in this session, while there
// were recipients left; they go over another.
var ErrSpent = errors.New("the session has carried all the mail that the server allows")
