// Package submission takes mail from this server's own people (RFC 6409): may they
// use this From, what must be taken off and put on, encrypt to those who have keys,
// sign, and hand each copy on: to local people through their seal, to others through
// the queue, to the sender as the Sent copy.
//
// It never opens a stored mail and never signs in anybody's name but the domain's.
//
// Invariants: 250 is said only after every copy is durable or queued; plaintext goes
// to nobody when the account demands encryption; mail between local people is never
// in the queue; no line that leaves tells the client's address or program.
package submission

import (
	"context"
	"log/slog"
	"time"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound/queue"
)

// Handler takes mail from people who signed in: Peer.User is set. Its fields are
// set once, before use.
type Handler struct {
	Book     *account.Book
	Store    *mailstore.Store
	Queue    *queue.Queue
	Keys     *discover.Finder
	Local    smtp.Handler // the way in for people of this server, with nobody screened
	Signer   func(domain string) *mailauth.Signer
	Hostname string
	Spool    string // folder, as in inbound
	Memory   int64
	Message  int64
	Limits   Limits
	Log      *slog.Logger
	Now      func() time.Time
}

// Limits are outbound limits, in recipients.
type Limits struct {
	Hour, Day    int           // of one account
	PasswordHour int           // of one app password
	WarmUp       time.Duration // an account younger than this has a tenth
}

// Begin opens a transaction.
func (h *Handler) Begin(ctx context.Context, p smtp.Peer, from *mailAddress, o smtp.MailOptions) (smtp.Transaction, error) {
	return nil, errNotBuilt
}
