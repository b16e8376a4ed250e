// Package dsn writes delivery status notifications (RFC 3461, 3464, 6522) and reads
// those of others. Ours carry no subject and no body of the original: the original
// is named by its Message-ID and ENVID only.
//
// It never sends anything, and is never shown the original: a Notice has no field
// that could hold a subject or a body.
//
// Invariants: what Write makes is CRLF lines that a strict parser takes, whatever
// another server said; what Parse returns is bounded and free of control characters.
package dsn

import (
	"errors"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
)

// Action is what became of a recipient (RFC 3464, section 2.3.3).
type Action string

const (
	Failed    Action = "failed"
	Delayed   Action = "delayed"
	Delivered Action = "delivered"
	Relayed   Action = "relayed"
	Expanded  Action = "expanded"
)

// Notice is one notification in the making.
type Notice struct {
	Hostname   string       // ours
	From       mail.Address // MAILER-DAEMON
	To         mail.Address // the original sender
	EnvID      string
	MessageID  string // of the original
	Arrived    time.Time
	Until      time.Time // Delayed: when it will be given up
	Recipients []Recipient
	Now        time.Time
}

// Recipient is one recipient's status.
type Recipient struct {
	Address mail.Address
	ORcpt   string
	Action  Action
	Reply   smtp.Reply // Code 0: none was given; Text says why in our words
	Server  string     // who said it; empty: this server decided
	Status  string     // RFC 3463, "4.4.7"; empty: as Reply says
}

// errNobody says that a notice names no sender or no recipient.
var errNobody = errors.New("a notice needs somebody to go to and somebody to speak of")

// UTF8 says that the notice itself can only be sent with SMTPUTF8: its own
// recipient's address is not ASCII. What it says of others fits ASCII mail too.
func (n Notice) UTF8() bool { return !ascii(n.To.Local) }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] > '~' {
			return false
		}
	}
	return true
}
