// Package outbox holds mail that its sender may still take back, or wants to leave
// at a later time: sealed under the node key and durable, until it is submitted as if
// its sender had done so at that moment.
//
// It never opens a mail but to hand it to submission, and never files a Sent copy:
// who put it here has one.
//
// Invariants: what Take back removed never leaves, and what began to leave is never
// said to be taken back, across crashes too; a mail is gone only when it left, was
// taken back, or its sender has a notice of what refused it; a sending with a name
// leaves once, however often it is asked for (docs/decisions/0028); where readable text
// may not touch a disk, none is held (docs/decisions/0022).
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

var (
	// ErrNoSuch says that an account has no such mail here (any more).
	ErrNoSuch = errors.New("no such mail in the outbox")
	// ErrGone says that a mail is leaving, or has begun to: it cannot be taken back.
	ErrGone = errors.New("the mail is on its way already")
	// ErrReadable says that a mail was to be encrypted by its client, and is not.
	ErrReadable = errors.New("the mail is not encrypted")
	// ErrStrict says that readable mail cannot be held back here, see Box.Strict.
	ErrStrict = errors.New("this server holds back no mail that it could read")
	// ErrTime says that a time is too far away.
	ErrTime = errors.New("not a time to send at: expected one within a year")
	// ErrFull says that an account holds as much back as it may, or the server does.
	ErrFull = errors.New("too much is held back already")
)

const (
	farthest = 366 * 24 * time.Hour
	perMail  = 6 * time.Minute // to be handed on, which submission does within five
	workers  = 4
	// Patience is how long a mail is tried that others put off, after its time.
	Patience = 48 * time.Hour
)

// Submitter is submission.Handler.
type Submitter interface {
	Submit(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes) (*smtp.Reply, error)
	Check(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes) error
	Depart(ctx context.Context, p smtp.Peer, e smtp.Envelope, content mail.Bytes, leaving func(context.Context) error) (*smtp.Reply, error)
}

// Box is the outbox of one process. Its fields are set once, before use.
type Box struct {
	// Queue is one of its own, with its own store and blobs, never Strict.
	Queue    *queue.Queue
	Submit   Submitter
	Strict   bool         // readable text must not be on a disk: only mail that is encrypted waits
	Local    smtp.Handler // the way in for notices
	Hostname string
	Changed  func(account string) // something of theirs changed; nil: nobody wants to know
	Names    Names                // of sendings; nil: none are remembered
	Log      *slog.Logger
	Now      func() time.Time

	going going
}

// Order is a mail that its sender wants to leave.
type Order struct {
	By        smtp.Identity
	Envelope  smtp.Envelope // Hold and To are set
	Encrypted bool          // its client encrypted it: nothing leaves if it did not
	Name      string        // of this sending, as its client calls it; empty: none
}

// Item is what waits, without what it says and whom it is for.
type Item struct {
	ID         queue.ID
	At         time.Time
	Created    time.Time
	Recipients int
	Size       int64
	Sending    bool   // it is leaving, or has begun to
	Attempts   int    // that were put off
	Reply      string // what was said then
}

func (b *Box) changed(account string) {
	if b.Changed != nil {
		b.Changed(account)
	}
}
