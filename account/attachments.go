package account

import (
	"crypto/ecdh"
	"errors"
)

// Attachments says what becomes of an account's large ones. The zero value is what
// holds for who never chose.
type Attachments struct {
	Over     int64          // bytes that make one large; 0: UsualOver
	Outgoing OutgoingPolicy // empty: OutgoingPlain
	Incoming IncomingPolicy // empty: IncomingOff
	// Drops is the owner's X25519 public key to which the server seals how files open
	// that it made for them (sealed.SealDrop), or nil: then it makes none of what they send.
	Drops []byte
}

const (
	// UsualOver is what most servers still take, once it is base64.
	UsualOver = 10_000_000
	// LeastOver and MostOver bound the choice: smaller files are no burden, and of larger
	// ones nobody hears by mail.
	LeastOver = 100_000
	MostOver  = 1_000_000_000
)

// OutgoingPolicy says what happens to a large attachment of a mail that a program
// submitted and that leaves readable.
type OutgoingPolicy string

const (
	OutgoingPlain OutgoingPolicy = "plain" // it leaves as it is
	OutgoingLink  OutgoingPolicy = "link"  // a link stands in its place
)

// IncomingPolicy says what happens to a large attachment of a mail that arrives unsigned.
type IncomingPolicy string

const (
	IncomingOff   IncomingPolicy = "off"   // it stays where it is
	IncomingStub  IncomingPolicy = "stub"  // it is cut out: IMAP serves what stands in its place
	IncomingWhole IncomingPolicy = "whole" // it is cut out for quick readers, and IMAP serves the whole mail
)

// ErrAttachments says that a choice is none.
var ErrAttachments = errors.New("not a choice for attachments: expected a size from 100 kB to 1 GB, plain or link, and off, stub or whole")

// Limit is how many bytes make an attachment large.
func (a Attachments) Limit() int64 {
	if a.Over == 0 {
		return UsualOver
	}
	return a.Over
}

func (a Attachments) valid() bool {
	switch a.Outgoing {
	case "", OutgoingPlain, OutgoingLink:
	default:
		return false
	}
	switch a.Incoming {
	case "", IncomingOff, IncomingStub, IncomingWhole:
	default:
		return false
	}
	if len(a.Drops) > 0 {
		if _, err := ecdh.X25519().NewPublicKey(a.Drops); err != nil {
			return false
		}
	}
	return a.Over == 0 || a.Over >= LeastOver && a.Over <= MostOver
}
