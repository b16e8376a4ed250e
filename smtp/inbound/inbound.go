// Package inbound is the way of a mail from the wire into its owners'
// mailboxes: who is each recipient, what is in front of the mail, seal, store.
//
// It never keeps a mail: what it read is gone when Data returns, and until then
// it stands in memory or in a spool under a key that is nowhere else.
//
// What the screen decides is obeyed before anything is stored: a mail is refused
// in the dialogue, put into INBOX or put into Junk, and its sender is not written to
// but by its recipient's own rules.
//
// Invariants: 250 is said only after every recipient's copy is durable; nothing
// reaches the store but what pgp.Seal made; a fault of ours is a temporary
// reply; no log line names a person or quotes a mail.
package inbound

import (
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
	"sealpost/smtp"
	"sealpost/smtp/copies"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/inbound/screen"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
)

const (
	inMemory = 1 << 20 // see Handler.Memory
	atOnce   = 8       // copies of one mail sealed and stored at the same time
	maxHops  = 100     // Received lines that mean a loop (RFC 5321, section 6.3)
)

// Handler takes mail for the accounts of a book into a store. Its fields are
// set once, before use.
type Handler struct {
	Book     *account.Book
	Store    *mailstore.Store
	Hostname string        // who we say we are in Received
	Domain   string        // whose postmaster the bare <postmaster> is
	Spool    string        // folder for mails over Memory, encrypted there
	Memory   int64         // octets of a mail that stay in memory while it is handled; 0: 1 MiB (DESIGN 1, rule 1)
	Message  int64         // octets of one mail
	Look     mail.Limits   // bounds of what is read of a mail for card and terms
	Time     time.Duration // for looking, sealing and storing, once a mail has come
	Log      *slog.Logger
	Mark     smtp.Marker // of people, at level debug
	Now      func() time.Time

	Screen *screen.Screen // judges mail of strangers; nil: nobody is judged
	// Report is told of each mail that was judged, for DMARC reports; nil: nobody.
	Report func(report.Observation)
	// Learn is told of mail that was stored for an account and came from where it
	// says: not junk, not through a list, DMARC passed. Whether there is one
	// Autocrypt field in it is for who learns to see. nil: nobody learns.
	Learn func(ctx context.Context, account string, from mail.Address, h mail.Header, date time.Time)
	// Received is shown a report of another server (RFC 9990, 9991, 8460) to one of
	// our addresses before it is sealed; only numbers and domains of it may be kept.
	// nil: nobody.
	Received func(ctx context.Context, to []mail.Address, v mailauth.Verdict, h mail.Header, m mail.Bytes)

	// Cutter takes large attachments out for those who want that; nil: nobody does.
	Cutter *cut.Cutter

	// Rules does what people asked for with their mail; nil: nobody asked.
	Rules *rules.Room
	// Stored is told of each mail that reached an account's INBOX. It does not wait.
	// nil: nobody wants to know.
	Stored func(account string)

	stored  copies.Made
	counted counters
}

// Begin opens a transaction for one mail.
func (h *Handler) Begin(ctx context.Context, p smtp.Peer, from *mail.Address, o smtp.MailOptions) (smtp.Transaction, error) {
	t := &transaction{h: h, peer: p, from: from, opts: o}
	if t.screened() {
		h.Screen.Connect(ctx, t.ip())
	}
	return t, nil
}

var errRelay = errors.New("recipient is not of this server")

// replyFor turns an error into what the sender is told. What nobody classified
// is temporary: a fault of ours may delay mail, never bounce it.
func replyFor(err error) *smtp.Reply {
	var r *smtp.Reply
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, account.ErrUnknown):
		return &smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such mailbox here"}
	case errors.Is(err, errRelay):
		return &smtp.Reply{Code: 550, Enhanced: "5.7.1", Text: "this server does not relay"}
	case errors.Is(err, mailstore.ErrOverQuota):
		return &smtp.Reply{Code: 452, Enhanced: "4.2.2", Text: "mailbox is full"}
	case errors.Is(err, pgp.ErrNoKey), errors.Is(err, pgp.ErrRevoked):
		return &smtp.Reply{Code: 451, Enhanced: "4.7.5", Text: "the recipient's key cannot be used now"}
	case errors.Is(err, spool.ErrTooLarge):
		return &smtp.Reply{Code: 552, Enhanced: "5.3.4", Text: "message is larger than this server takes"}
	case errors.Is(err, filestore.ErrFull):
		return &smtp.Reply{Code: 452, Enhanced: "4.3.1", Text: "no space here now, try again later"}
	default: // logged in full, told in short
		return &smtp.Reply{Code: 451, Enhanced: "4.3.0", Text: "try again later"}
	}
}
