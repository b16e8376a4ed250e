// Package screen decides what becomes of a mail that arrives: taken, taken as
// junk, refused now, or refused for ever. It asks mailauth, DNS lists, greylisting
// and, where the operator wants it, rspamd or a milter, which see plaintext.
//
// It never stores or changes a mail: a Decision comes back. No decision is ever
// made twice for one mail.
//
// Invariants: a mail is refused in the dialogue or not at all, so nobody gets a
// bounce for what they did not send; what cannot be asked, a list, a filter or the
// DNS, never costs a mail, though what DMARC could not judge has to come again; mail for postmaster and abuse alone is never refused;
// memory is bounded, and holds marks under a key of this process, or of all nodes where they
// share it, no addresses.
package screen

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sealpost/account/limit"
	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
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

	// Sealers are domains whose ARC seal is believed when it says that a mail
	// passed DMARC before they forwarded it.
	Sealers []string
	Client  *http.Client  // for rspamd; nil: one without proxies and redirects
	Filter  time.Duration // for one question to a filter; 0: 15 s
	Log     *slog.Logger  // nil: nothing is said

	// Shared has other nodes count what comes here, and know who has waited; nil: none.
	Shared *limit.Ledger

	once sync.Once
	state
}

// Rates bound what one sender may send.
type Rates struct{ PerAddress, PerDomain int } // mails an hour; 0: no bound

// Arrival is one mail at the door.
type Arrival struct {
	ID     string // of ours, for filters and logs
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
	// Verified says that the domain of From was proved to have sent it.
	Verified bool
	// Observed is what a DMARC report counts; Observed.DMARC.Domain is empty where
	// there is no policy to report on.
	Observed report.Observation
}

// Refusal is a reply to the sender.
type Refusal struct {
	Code           int
	Enhanced, Text string
}

// start makes the memory, once.
func (s *Screen) start() { s.once.Do(s.open) }

func (s *Screen) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Screen) note(msg string, args ...any) {
	if s.Log != nil {
		s.Log.Warn(msg, args...)
	}
}

// Sender is asked at each RCPT TO, with the recipient in question as the last of
// a.To and those that were taken before it: for rates, once a mail, and for
// greylisting. It does not know whether a recipient exists, so that it answers for
// all alike.
func (s *Screen) Sender(ctx context.Context, a Arrival) *Refusal {
	s.start()
	if len(a.To) == 0 || Exempt(a.To[len(a.To)-1]) {
		return nil
	}
	if len(a.To) == 1 && !s.rate(a) {
		return &Refusal{451, "4.7.1", "too much mail from you, try again later"}
	}
	if s.Greylist && !s.greylisted(ctx, a) {
		return &Refusal{451, "4.7.1", "greylisted, try again in five minutes"}
	}
	return nil
}
