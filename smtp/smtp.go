// Package smtp holds the protocol of mail transport: today the receiving end
// (RFC 5321), a go-smtp server behind a guard connection that mends what
// go-smtp gets wrong.
//
// It never knows accounts, keys or storage; a Handler decides who a recipient
// is and what becomes of a mail.
//
// Invariants: a mail reaches the Handler whole or not at all; the first read
// error of a connection is its last read; no bare CR, bare LF or NUL gets through:
// what other servers send so is refused, what people submit is made CRLF.
package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"sealpost/mail"
)

// Peer is what is known of the other end.
type Peer struct {
	Addr     net.Addr
	Helo     string
	Extended bool                 // greeted with EHLO, not HELO
	TLS      *tls.ConnectionState // nil without TLS
	User     *Identity            // who signed in; nil: nobody
}

// MailOptions and RcptOptions are the ESMTP parameters a Handler sees.
type MailOptions struct {
	Size       int64 // as announced, 0: not
	UTF8       bool
	EightBit   bool
	EnvID      string    // DSN, RFC 3461, decoded
	Ret        string    // FULL, HDRS or empty
	RequireTLS bool      // REQUIRETLS, RFC 8689: came over TLS and may go on so only
	Hold       time.Time // FUTURERELEASE, RFC 4865, on submission only; zero: send now
}

type RcptOptions struct {
	Notify []string // DSN, in capitals
	ORcpt  string   // decoded, without its address type
}

// Reply is an SMTP reply; as an error it is what the client is told.
type Reply struct {
	Code     int
	Enhanced string // RFC 3463, "5.1.1"
	Text     string // one line of printable ASCII
}

func (r *Reply) Error() string { return r.Text }

// A Handler opens one Transaction for each MAIL FROM.
type Handler interface {
	Begin(ctx context.Context, p Peer, from *mail.Address, o MailOptions) (Transaction, error) // from is nil for <>
}

// A Transaction is one mail in the making. An error that holds a *Reply is told
// to the client as it is; any other is logged and told as 451 4.3.0.
type Transaction interface {
	// Rcpt adds a recipient. RCPT TO:<postmaster> comes with an empty Domain.
	Rcpt(ctx context.Context, to mail.Address, o RcptOptions) error
	// Data reads the whole mail (CRLF lines, dots removed) and returns when its
	// fate is durable. The returned reply, if any, is sent instead of 250.
	Data(ctx context.Context, r io.Reader) (*Reply, error)
	// Close ends the transaction, whatever became of it. It is called once.
	Close()
}

// Limits are a server's bounds; docs and config name them the same. A field
// that is zero takes its value from DefaultLimits.
type Limits struct {
	Message     int64         // octets of one mail
	Recipients  int           // of one mail
	Connections int           // in all
	PerAddress  int           // connections of one IPv4 address or IPv6 /64
	PerAccount  int           // connections that are signed in to one account
	Transfers   int           // mails being received and stored at the same time
	Errors      int           // refused commands before the connection is closed
	Idle        time.Duration // between two reads
	Total       time.Duration // one connection, from its start or its last accepted mail
	Login       time.Duration // on submission: from connecting to having signed in, in all
}

// DefaultLimits follow RFC 5321, section 4.5.3: 100 recipients and five
// minutes between commands.
var DefaultLimits = Limits{
	Message:     50 << 20,
	Recipients:  100,
	Connections: 1000,
	PerAddress:  50,
	PerAccount:  20,
	Transfers:   100,
	Errors:      10,
	Idle:        5 * time.Minute,
	Total:       time.Hour,
	Login:       time.Minute,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	return Limits{
		Message:     cmp.Or(l.Message, d.Message),
		Recipients:  cmp.Or(l.Recipients, d.Recipients),
		Connections: cmp.Or(l.Connections, d.Connections),
		PerAddress:  cmp.Or(l.PerAddress, d.PerAddress),
		PerAccount:  cmp.Or(l.PerAccount, d.PerAccount),
		Transfers:   cmp.Or(l.Transfers, d.Transfers),
		Errors:      cmp.Or(l.Errors, d.Errors),
		Idle:        cmp.Or(l.Idle, d.Idle),
		Total:       cmp.Or(l.Total, d.Total),
		Login:       cmp.Or(l.Login, d.Login),
	}
}
