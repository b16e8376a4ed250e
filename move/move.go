// Package move carries mail in and out: from mbox, Maildir and other IMAP servers
// into mailboxes, sealed on the way, and out again as its owner holds it.
//
// It never keeps what it reads, and never needs a private key to bring mail in.
// Plaintext stands in memory, or in a spool under a key that is nowhere else.
//
// Invariants: messages arrive in the order of their source; what was told as done
// is durable; a journal holds positions only, and one that is behind costs a
// double, never a loss.
package move

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Limits of what is read.
const (
	MaxMessage = 256 << 20 // octets of one message
	MaxSealed  = 384 << 20 // octets of its sealed form: base64 and line ends add 3/8
	maxLine    = 1 << 20   // octets of a line that is looked at as a whole
	maxFlags   = 64        // of one message
)

var (
	// ErrTooLarge says that one message is over MaxMessage.
	ErrTooLarge = errors.New("message is too large")
	// ErrSource says that a source is not what it was said to be.
	ErrSource = errors.New("cannot be read as mail")
)

// Message is one mail on its way. Open may be called once.
type Message struct {
	Mailbox  string // UTF-8, "/" between levels
	Flags    []string
	Received time.Time // zero: not known
	Position Position
	Size     int64 // octets in the source, for progress; 0: not known
	Open     func(ctx context.Context) (io.ReadCloser, error)
}

// Position says where in a source a message is: a part (a file, a mailbox with
// its UIDVALIDITY) and a place in it that only grows (offset, UID), or the name of
// a message there when places have no order.
type Position struct {
	Part  string `json:"part"`
	Place int64  `json:"place,omitempty"`
	Name  string `json:"name,omitempty"`
}

// A Source lists messages in the order they are to arrive in, without those that
// the journal has. An error ends it, unless it is a *Bad.
type Source interface {
	Messages(ctx context.Context, j *Journal) iter.Seq2[Message, error]
	// Total is how many messages or octets there are in all, for progress; 0: not known.
	Total(ctx context.Context) (n int64, unit string)
}

// Bad is one message that cannot be had; the others can.
type Bad struct {
	Position Position
	Err      error
}

func (b *Bad) Error() string { return b.Err.Error() }
func (b *Bad) Unwrap() error { return b.Err }
