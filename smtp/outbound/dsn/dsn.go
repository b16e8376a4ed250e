// Package dsn writes delivery status notifications (RFC 3461, 3464, 6522) and reads
// those of others. Ours carry no subject and no body of the original: the original
// is named by its Message-ID and ENVID only.
//
// It never sends anything.
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
	Server  string     // who said it
}

// Write makes the mail, CRLF lines: multipart/report with a text that a person
// understands.
func (n Notice) Write() ([]byte, error) { return nil, errors.New("dsn: not built yet") }
