// Package screen decides what becomes of a mail that arrives: taken, taken as
// junk, refused now, or refused for ever. It asks mailauth, DNS lists, greylisting
// and, where the operator wants it, rspamd or a milter, which see plaintext.
//
// It never stores or changes a mail: a Decision comes back. No decision is ever
// made twice for one mail.
package screen

import (
	"context"
	"net/netip"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth"
)

// Screen is the judge at the door. Its fields are set once, before use; what is
// nil or empty is not asked.
type Screen struct {
	Auth     *mailauth.Checker
	DNS      *dns.Resolver
	Block    []string // DNSBL zones (RFC 5782)
	Allow    []string // DNSWL zones
	Greylist bool
	Rspamd   string // URL of /checkv2, empty: none
	Milter   string // "unix:/path" or "inet:host:port", empty: none
	Rates    Rates
	Authserv string // our authserv-id
	Now      func() time.Time
}

// Rates bound what one sender may send.
type Rates struct{ PerAddress, PerDomain int } // mails an hour; 0: no bound

// Arrival is one mail at the door.
type Arrival struct {
	IP     netip.Addr
	Helo   string
	TLS    bool
	From   *mail.Address
	To     []mail.Address
	Header mail.Header
	Mail   mail.Bytes
}

// Decision is what becomes of it.
type Decision struct {
	// Reply refuses it, for now (4xx) or for ever (5xx); nil: taken.
	Reply *Refusal
	Junk  string // why it goes to Junk, in plain words; empty: it does not
	// Trace are header lines to put in front of it inside the seal:
	// Authentication-Results, and X-Spam-like ones of ours. CRLF.
	Trace   []byte
	Verdict mailauth.Verdict
}

// Refusal is a reply to the sender.
type Refusal struct {
	Code           int
	Enhanced, Text string
}

// Connect is asked when a client connects, before the banner: early talkers are the
// listener's business, DNS lists are asked here. Sender is asked at RCPT TO, for
// greylisting and rates. Judge is asked once the mail has come.
func (s *Screen) Connect(ctx context.Context, ip netip.Addr) *Refusal { return nil }
func (s *Screen) Sender(ctx context.Context, a Arrival) *Refusal      { return nil }
func (s *Screen) Judge(ctx context.Context, a Arrival) Decision       { return Decision{} }
