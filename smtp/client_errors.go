package smtp

import (
	"errors"
	"fmt"
)

// ErrNoTLS says that the other server does not offer STARTTLS.
var ErrNoTLS = errors.New("the server does not offer STARTTLS")

var (
	errClosed   = errors.New("the session was closed")
	errUnasked  = errors.New("the server said more than it was asked")
	errReply    = errors.New("the server sent no SMTP reply")
	errTooLong  = errors.New("the server's reply is too long")
	errCommand  = errors.New("a command with a control character was not sent")
	errNoAuth   = errors.New("the server does not offer AUTH PLAIN")
	errSecret   = errors.New("a user name or password holds NUL or is too long")
	errSecure   = errors.New("the session is encrypted already")
	errChanged  = errors.New("the mail's text changed while it was sent")
	errSequence = errors.New("the server's reply does not fit the command")
)

// Refused is a reply that said no to the whole session. Its text is for people
// only: it may name addresses, so Error leaves it out.
type Refused struct {
	Step  string // the command
	Reply Reply
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the server answered %s with %d %s", r.Step, r.Reply.Code, r.Reply.Enhanced)
}
