package smtp

import (
	"errors"
	"fmt"
	"time"
)

// delivery is one MAIL, its RCPTs and its text (RFC 5321, section 3.3).
type delivery struct {
	client  *Client
	message *message
	who     []int // recipients, by their index

	mail     Reply
	rcpt     []Reply // of who
	data     Reply   // code 0: DATA was not said
	accepted []int
	crowded  []int  // may be asked for again in another transaction
	refused  *Reply // of MAIL: holds for everybody
}

// run makes the transaction and gives each of who a reply. After an error those
// that have none were not tried.
func (d *delivery) run() error {
	err := d.envelope()
	d.sort(err)
	if err != nil {
		return err
	}
	if len(d.accepted) == 0 {
		return d.nobody()
	}
	if d.client.offers("CHUNKING") {
		return d.chunk()
	}
	return d.lines()
}

// envelope says RSET if need be, MAIL, RCPTs and, when it may go out with them
// (RFC 2920), DATA.
func (d *delivery) envelope() error {
	c := d.client
	var commands []string
	if c.open {
		commands = append(commands, "RSET")
	}
	first := len(commands)
	commands = append(commands, c.mailCommand(d.message))
	for _, i := range d.who {
		commands = append(commands, c.rcptCommand(d.message, i))
	}
	if c.offers("PIPELINING") && !c.offers("CHUNKING") {
		commands = append(commands, "DATA")
	}
	c.open, c.begun = true, c.begun+1
	replies, err := c.ask(commands, func(r []Reply) bool { return len(r) > first && r[first].Code/100 != 2 })
	if len(replies) > first {
		d.mail = replies[first]
		d.rcpt = replies[first+1:]
	}
	if len(d.rcpt) > len(d.who) {
		d.rcpt, d.data = d.rcpt[:len(d.who)], d.rcpt[len(d.who)]
	}
	if err == nil {
		err = d.sensible(replies, first)
	}
	return err
}

// sensible checks the replies' classes: 3 belongs to DATA, and 2 to all others.
// A server that refuses RSET would take the next mail for the one before.
func (d *delivery) sensible(replies []Reply, resets int) error {
	if resets > 0 && replies[0].Code/100 != 2 {
		return errSequence
	}
	if d.data.Code != 0 {
		replies = replies[:len(replies)-1]
	}
	for _, r := range replies {
		if r.Code/100 == 3 {
			return errSequence
		}
	}
	if d.data.Code/100 == 2 {
		return errSequence
	}
	return nil
}

// sort gives replies to those whose fate is known. When the server ended the
// session with 421, that is everybody's.
func (d *delivery) sort(ended error) {
	var last *Refused
	if errors.As(ended, &last) {
		d.giveAll(d.who, last.Reply)
	}
	if d.mail.Code >= 400 {
		d.giveAll(d.who, d.mail)
		d.refused = &d.mail
		return
	}
	for n, r := range d.rcpt {
		switch {
		case r.Code/100 == 2:
			d.accepted = append(d.accepted, d.who[n])
		case r.Code >= 400:
			d.message.out.Recipients[d.who[n]] = r
		}
	}
	d.crowd()
}

// crowd finds those who were one too many, if others were not: they come next.
func (d *delivery) crowd() {
	if len(d.accepted) == 0 {
		return
	}
	for n, r := range d.rcpt {
		if r.Code == 452 && (r.Enhanced == "" || r.Enhanced == "4.5.3") || r.Code == 552 && r.Enhanced == "5.5.3" {
			d.crowded = append(d.crowded, d.who[n])
		}
	}
}

func (d *delivery) giveAll(who []int, r Reply) {
	for _, i := range who {
		d.message.out.Recipients[i] = r
	}
}

// nobody ends a transaction without recipients. A server that said 354 all the
// same gets an empty mail for nobody (RFC 2920, section 3.1).
func (d *delivery) nobody() error {
	if d.data.Code != 354 {
		return nil
	}
	_, _, err := d.client.one("the end of an empty mail", ".", d.client.options.Final)
	d.client.open = false
	return err
}

// lines sends the text by DATA (RFC 5321, section 4.1.1.4).
func (d *delivery) lines() error {
	c := d.client
	if d.data.Code == 0 {
		r, _, err := c.one("DATA", "DATA", c.options.Data)
		if err != nil {
			return d.broken(err)
		}
		d.data = r
	}
	if d.data.Code >= 400 {
		d.giveAll(d.accepted, d.data)
		return nil
	}
	if d.data.Code != 354 {
		return fmt.Errorf("DATA: %w", errSequence)
	}
	if err := d.message.text.send(c.out, d.message.content, true); err != nil {
		return d.broken(err)
	}
	return d.final(".\r\n")
}

// chunk sends the text by one BDAT (RFC 3030). It goes out after the replies to
// RCPT: a server that refuses it and reads on would take the text for commands.
func (d *delivery) chunk() error {
	c := d.client
	if err := c.say(fmt.Sprintf("BDAT %d LAST", d.message.text.size)); err != nil {
		return d.broken(&writeError{err})
	}
	if err := d.message.text.send(c.out, d.message.content, false); err != nil {
		return d.broken(err)
	}
	return d.final("")
}

// final sends the last octets and reads what became of the mail. From here on
// no reply means that nobody knows.
func (d *delivery) final(end string) error {
	c := d.client
	c.out.WriteString(end)
	if err := c.out.Flush(); err != nil {
		return d.broken(&writeError{err})
	}
	r, _, err := c.reply(c.options.Final)
	if err == nil && r.Code/100 == 3 {
		err = errSequence
	}
	if err != nil {
		d.message.out.Unsure = true
		for _, i := range d.accepted {
			d.message.decide(i, replyNoAnswer)
		}
		return fmt.Errorf("read the reply to a mail: %w", err)
	}
	return d.fate(r)
}

// fate gives the final reply to all who were accepted.
func (d *delivery) fate(r Reply) error {
	d.giveAll(d.accepted, r)
	d.client.open = false
	if r.Code/100 == 2 {
		d.client.Sent++
	}
	if r.Code == 421 {
		return &Refused{"a mail", r}
	}
	return nil
}

// lastWords is how long a reply is waited for that may stand behind a
// connection which takes no more.
const lastWords = 2 * time.Second

// broken is an end before the mail was out whole: nobody got it. A server that
// closes while a mail comes in has often said why.
func (d *delivery) broken(err error) error {
	var w *writeError
	var last *Refused
	if errors.As(err, &last) {
		d.giveAll(d.accepted, last.Reply)
	} else if errors.As(err, &w) {
		if r, _, rerr := d.client.reply(lastWords); rerr == nil && r.Code >= 400 {
			d.giveAll(d.accepted, r)
		}
	}
	return fmt.Errorf("send the text of a mail: %w", err)
}
