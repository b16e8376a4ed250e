// Package submission takes mail from this server's own people (RFC 6409): may they
// use this From, what must be taken off and put on, encrypt to those who have keys,
// and hand each copy on: to local people through their seal, to others through the
// queue, to the sender as the Sent copy.
//
// It never opens a stored mail and never signs in anybody's name.
//
// Invariants: 250 is said only after every copy is durable or queued; plaintext goes
// to nobody when the account demands encryption; mail between local people is never
// in the queue; no line that leaves tells the client's address or program.
package submission

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/sealed/cut"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/copies"
	"sealpost/smtp/outbound/queue"
)

const (
	inMemory = 1 << 20          // see Handler.Memory
	atOnce   = 8                // copies made and keys looked for at the same time
	maxHops  = 100              // Received lines that mean a loop (RFC 5321, section 6.3)
	keyTime  = 15 * time.Second // see Handler.KeyTime
	allTime  = 5 * time.Minute  // see Handler.Time
)

// Handler takes mail from people who signed in: Peer.User is set. Its fields are
// set once, before use.
type Handler struct {
	Book       *account.Book
	Account    func(ctx context.Context, id account.ID) (account.Account, error)
	Store      *mailstore.Store
	Queue      *queue.Queue
	Keys       *discover.Finder // nil: nobody has a key
	Local      smtp.Handler     // the way in for people of this server, with nobody screened
	Hostname   string
	Spool      string // folder, as in inbound
	Memory     int64  // octets of a mail that stay in memory; 0: 1 MiB
	Message    int64  // octets of one mail; 0: smtp.DefaultLimits
	Recipients int    // of one mail; 0: smtp.DefaultLimits
	Limits     Limits
	Look       mail.Limits   // bounds of what is read of a Sent copy; zero: mail.DefaultLimits
	KeyTime    time.Duration // for finding the keys of one mail; 0: 15 s
	Time       time.Duration // for all that is done with a mail once it has come; 0: 5 min
	Cutter     *cut.Cutter   // makes links of large attachments; nil: nobody does
	Log        *slog.Logger
	Mark       smtp.Marker // of people, at level debug
	Now        func() time.Time

	sending  rates
	finished copies.Made
	shown    shown
	counted  counters
}

// Begin opens a transaction for one mail of somebody who signed in.
func (h *Handler) Begin(ctx context.Context, p smtp.Peer, from *mail.Address, o smtp.MailOptions) (smtp.Transaction, error) {
	t, err := h.begin(ctx, p, from, o)
	if err != nil {
		return nil, h.tell("sender refused", err)
	}
	return t, nil
}

func (h *Handler) begin(ctx context.Context, p smtp.Peer, from *mail.Address, o smtp.MailOptions) (*transaction, error) {
	if p.User == nil {
		return nil, errSignIn
	}
	who, err := h.person(ctx, *p.User)
	switch {
	case err != nil:
		return nil, err
	case from == nil: // nobody's own mail comes from <>
		return nil, errOwner
	case !o.Hold.IsZero() && h.Queue.Strict:
		return nil, errHold
	}
	if err := h.mayWriteAs(ctx, who, *from); err != nil {
		return nil, err
	}
	t, err := h.open(p, who, from, o)
	if err != nil {
		return nil, err
	}
	return t, t.room(1)
}

// open makes a transaction of what was found to be allowed.
func (h *Handler) open(p smtp.Peer, who person, from *mail.Address, o smtp.MailOptions) (*transaction, error) {
	if err := printed(o.EnvID, o.Ret); err != nil {
		return nil, err
	}
	if from != nil {
		if err := proper(*from); err != nil {
			return nil, err
		}
	}
	return &transaction{h: h, peer: p, who: who, from: from, opts: o, seen: make(map[string]bool)}, nil
}

var (
	errSignIn = &smtp.Reply{Code: 530, Enhanced: "5.7.0", Text: "sign in first"}
	errHold   = &smtp.Reply{Code: 550, Enhanced: "5.7.0", Text: "this server keeps unsent mail in memory only and cannot hold it back"}
)

// replyFor turns an error into what the sender is told. What nobody classified is
// temporary: a fault of ours may delay mail, never bounce it.
func replyFor(err error) *smtp.Reply {
	var r *smtp.Reply
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, account.ErrUnknown):
		return errSignIn
	case errors.Is(err, mailstore.ErrOverQuota):
		return &smtp.Reply{Code: 452, Enhanced: "4.2.2", Text: "your mailbox is full, so no copy of this mail can be kept"}
	case errors.Is(err, queue.ErrLater):
		return errHold
	case errors.Is(err, queue.ErrFull):
		return &smtp.Reply{Code: 452, Enhanced: "4.3.1", Text: "too much waits to be sent already, try again later"}
	case errors.Is(err, spool.ErrTooLarge):
		return &smtp.Reply{Code: 552, Enhanced: "5.3.4", Text: "message is larger than this server takes"}
	case errors.Is(err, filestore.ErrFull):
		return &smtp.Reply{Code: 452, Enhanced: "4.3.1", Text: "no space here now, try again later"}
	case errors.Is(err, errOwnKey):
		return &smtp.Reply{Code: 451, Enhanced: "4.7.5", Text: "your own key cannot be used now, so no copy of this mail can be kept"}
	case errors.Is(err, pgp.ErrHeader):
		return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "this mail cannot be encrypted, because its header is damaged"}
	default: // logged in full, told in short
		return &smtp.Reply{Code: 451, Enhanced: "4.3.0", Text: "try again later"}
	}
}

// tell logs an error that is our fault and returns what the sender hears.
func (h *Handler) tell(what string, err error) *smtp.Reply {
	r := replyFor(err)
	if r.Code/100 == 4 {
		h.counted.putOff.Add(1)
	} else {
		h.counted.refused.Add(1)
	}
	if r.Code/100 == 4 && error(r) != err {
		h.Log.Warn(what, "reply", r.Enhanced, "err", smtp.Trouble(err))
	}
	return r
}

func (h *Handler) newSpool(max int64) *spool.Spool {
	return spool.New(h.Spool, cmp.Or(h.Memory, inMemory), max)
}

func (h *Handler) message() int64 { return cmp.Or(h.Message, smtp.DefaultLimits.Message) }

func (h *Handler) look() mail.Limits {
	if h.Look == (mail.Limits{}) {
		return mail.DefaultLimits
	}
	return h.Look
}
