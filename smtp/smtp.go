// Package smtp holds the protocol of mail transport: today the receiving end
// (RFC 5321), a go-smtp server behind a guard connection that mends what
// go-smtp gets wrong.
//
// It never knows accounts, keys or storage; a Handler decides who a recipient
// is and what becomes of a mail.
//
// Invariants: a mail reaches the Handler whole or not at all; the first read
// error of a connection is its last read; no bare CR, bare LF or NUL gets through.
package smtp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"sealpost/mail"
)

// Peer is what is known of the other end.
type Peer struct {
	Addr net.Addr
	Helo string
	TLS  *tls.ConnectionState // nil without TLS
}

// MailOptions and RcptOptions are the ESMTP parameters a Handler sees.
type MailOptions struct {
	Size     int64
	UTF8     bool
	EightBit bool
	EnvID    string // DSN, RFC 3461
	Ret      string
}

type RcptOptions struct {
	Notify []string // DSN
	ORcpt  string
}

// Reply is an SMTP reply; as an error it is what the client is told.
type Reply struct {
	Code     int
	Enhanced string // RFC 3463, "5.1.1"
	Text     string
}

func (r *Reply) Error() string { return r.Text }

// A Handler opens one Transaction for each MAIL FROM.
type Handler interface {
	Begin(ctx context.Context, p Peer, from *mail.Address, o MailOptions) (Transaction, error) // from is nil for <>
}

// A Transaction is one mail in the making.
type Transaction interface {
	Rcpt(ctx context.Context, to mail.Address, o RcptOptions) error
	// Data reads the whole mail (CRLF lines, dots removed) and returns when its
	// fate is durable. The returned reply, if any, is sent instead of 250.
	Data(ctx context.Context, r io.Reader) (*Reply, error)
	Close()
}

// Limits are a server's bounds; docs and config name them the same.
type Limits struct {
	Message     int64         // octets of one mail
	Recipients  int           // of one mail
	Connections int           // in all
	PerAddress  int           // connections of one IPv4 address or IPv6 /64
	Errors      int           // refused commands before the connection is closed
	Idle        time.Duration // between two reads
	Total       time.Duration // one connection, in all
}
