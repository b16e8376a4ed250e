package dsn

import (
	"fmt"
	"strings"
)

// subject names the worst that is told.
func (n Notice) subject() string {
	failed, others := len(n.of(Failed)) > 0, false
	for _, r := range n.Recipients {
		others = others || r.Action != Failed
	}
	switch {
	case failed && others:
		return "Your mail did not reach everybody"
	case failed:
		return "Your mail could not be delivered"
	case len(n.of(Delayed)) > 0:
		return "Your mail is late, and will be tried again"
	}
	return "Your mail has arrived"
}

func (n Notice) of(a Action) []Recipient {
	var some []Recipient
	for _, r := range n.Recipients {
		if r.Action == a {
			some = append(some, r)
		}
	}
	return some
}

// chapters are the texts by action: what happened, and what happens next.
var chapters = []struct {
	action     Action
	what, next string
}{
	{Failed, "could not be delivered to:", "It will not be tried again for the addresses above. Once the cause is\r\nmended, please send it again.\r\n"},
	{Delayed, "has not been delivered yet to:", ""},
	{Delivered, "was delivered to:", "There is nothing you need to do.\r\n"},
	{Relayed, "was handed to another server,\r\nwhich does not tell what becomes of it, for:", "If it fails later, that server should let you know.\r\n"},
	{Expanded, "was handed on to several others in place of:", "There is nothing you need to do.\r\n"},
}

// text is what a person reads first.
func (n Notice) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Hello, this is the mail server %s.\r\n", host(n.Hostname))
	for _, c := range chapters {
		some := n.of(c.action)
		if len(some) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\r\nYour mail%s %s\r\n", n.when(), c.what)
		for _, r := range some {
			r.tell(&b)
		}
		next := c.next
		if c.action == Delayed {
			next = n.patience()
		}
		b.WriteString("\r\n" + next)
	}
	if id := messageID(n.MessageID); id != "" {
		fmt.Fprintf(&b, "\r\nThe mail is the one with this Message-ID:\r\n\r\n  %s\r\n", id)
	}
	b.WriteString("\r\nThis notice repeats neither the subject nor the text of your mail, because\r\nnotices travel less protected than mails may.\r\n")
	return b.String()
}

// dateForPeople is a day and a minute with its zone.
const dateForPeople = "2 January 2006, 15:04 -0700"

func (n Notice) when() string {
	if n.Arrived.IsZero() {
		return ""
	}
	return " of " + n.Arrived.Format(dateForPeople)
}

// patience says how long a late mail will be tried.
func (n Notice) patience() string {
	if n.Until.IsZero() {
		return "It will be tried again. You need not send it again.\r\n"
	}
	return fmt.Sprintf("It will be tried again until %s.\r\nYou need not send it again.\r\n", n.Until.Format(dateForPeople))
}

// tell says what is known of one recipient.
func (r Recipient) tell(b *strings.Builder) {
	fmt.Fprintf(b, "\r\n  %s\r\n", tidy(r.readable()))
	if why := meaning(r.status()); why != "" && (r.Action == Failed || r.Action == Delayed) {
		b.WriteString(indent(why))
	}
	switch {
	case r.Reply.Code != 0 && r.Server != "":
		b.WriteString(indent(fmt.Sprintf("The server %s said: %s", host(r.Server), tidy(said(r)))))
	case r.Reply.Text != "":
		b.WriteString(indent("The reason: " + tidy(r.Reply.Text)))
	}
}

// readable is the address as its owner writes it, U-labels and all.
func (r Recipient) readable() string {
	if _, ok := spell(r.Address); !ok {
		return "(an address that cannot be shown)"
	}
	return r.Address.String()
}

// indent sets a sentence under an address, in lines of at most 76 characters.
func indent(s string) string {
	return "    " + strings.ReplaceAll(foldAt(s, 72), "\n", "\r\n    ") + "\r\n"
}

// foldAt breaks a text into lines of at most width characters where it has spaces.
func foldAt(s string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(s) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// meanings say in plain words what a status code means (RFC 3463), without its class.
var meanings = map[string]string{
	"1.1":  "There is no mailbox with this address. Please check how it is spelt.",
	"1.2":  "The part after the @ does not exist. Please check how it is spelt.",
	"1.3":  "The address is not written as addresses are.",
	"1.6":  "The person has moved and left no new address.",
	"1.10": "The part after the @ does not exist, or takes no mail at all.",
	"2.1":  "The mailbox is switched off.",
	"2.2":  "The mailbox is full.",
	"2.3":  "The mail is larger than this mailbox takes.",
	"3.4":  "The mail is larger than the other server takes.",
	"4.1":  "The other server did not answer.",
	"4.2":  "The connection to the other server broke.",
	"4.3":  "The name of the other server could not be looked up.",
	"4.4":  "No server could be found for this address.",
	"4.6":  "The mail would go round in a circle.",
	"4.7":  "It was tried for as long as mail is kept, without success.",
	"5.3":  "The mail has more recipients than the other server takes at once.",
	"6.3":  "The other server cannot take mail of this form.",
	"6.7":  "The other server cannot take international addresses.",
	"7.1":  "The other server does not want this mail.",
	"7.10": "The connection could not be encrypted as the other side demands.",
	"7.26": "The other server doubts that the mail is from who it says.",
	"7.30": "The mail may only travel encrypted, and the other server does not promise that.",
}

func meaning(status string) string {
	_, detail, _ := strings.Cut(status, ".")
	return meanings[detail]
}
