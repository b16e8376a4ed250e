// Package dns asks name servers, and says what kind of answer came: records,
// nothing, or a failure that may pass.
//
// It never knows what a record is for. It decides nothing about mail.
//
// Invariants: a failure is never taken for absence; Authentic is true only when
// a resolver that the operator trusts validated the answer (RFC 4035, section
// 3.2.3); every question is bounded in time, and every answer in size and in
// the number of its records.
package dns

import (
	"errors"
	"sync"
	"time"
)

var (
	// ErrNotFound says that there is no such name or no such record (NXDOMAIN, NODATA).
	ErrNotFound = errors.New("no such record in the DNS")
	// ErrTemporary says that nobody could tell: time-out, SERVFAIL, a bogus signature.
	ErrTemporary = errors.New("the DNS did not answer")
)

// Answer is what was found under one name. With ErrNotFound, Authentic says
// whether the absence itself was validated.
type Answer[R any] struct {
	Records   []R
	Authentic bool
	TTL       time.Duration
	Name      string // the name that holds the records, after CNAMEs
}

// MX is one mail exchanger (RFC 5321, section 5). Host "." is the null MX (RFC 7505).
type MX struct {
	Preference uint16
	Host       string
}

// TLSA is one TLSA record (RFC 6698).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// SRV is one SRV record (RFC 2782), CAA one CAA record (RFC 8659).
type (
	SRV struct {
		Priority, Weight, Port uint16
		Target                 string
	}
	CAA struct {
		Flag       uint8
		Tag, Value string
	}
)

// Resolver asks recursive resolvers. Its fields are set once, before use; it is
// safe for concurrent use and remembers answers within their TTL, in bounded memory.
//
// Names are taken in any spelling, U-labels too, and returned in lower case, as
// A-labels and without the last dot. A name that cannot exist is ErrNotFound.
type Resolver struct {
	Servers []string      // "127.0.0.1:53"; empty: those of /etc/resolv.conf
	Trust   bool          // believe their AD bit: all of them validate and the way to them is safe
	Timeout time.Duration // of one question with its retries; 0: 10 s
	Now     func() time.Time

	start sync.Once
	known cache
	conf  resolvConf
}
