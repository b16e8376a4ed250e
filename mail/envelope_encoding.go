package mail

import (
	"encoding/binary"
	"errors"
	"slices"
)

// envelopeVersion is the first byte of every encoded envelope.
const envelopeVersion = 1

// Flags in the second byte of an encoded envelope.
const (
	envelopeDate    = 1 << iota // seconds and zone follow
	envelopeSender              // Sender differs from From and is written
	envelopeReplyTo             // ReplyTo differs from From and is written
	envelopeRoutes              // mailboxes have a fourth string, their Route
	envelopeKnown   = envelopeDate | envelopeSender | envelopeReplyTo | envelopeRoutes
)

// ErrEnvelope says that bytes are no encoded envelope.
var ErrEnvelope = errors.New("not an encoded envelope")

// MarshalBinary writes e in a compact, versioned form: version, flags, then
// date (zigzag varints: seconds since 1970 and minutes east of UTC), subject,
// From, Sender, ReplyTo, To, Cc, Bcc, InReplyTo, MessageID. A string is its
// length as a varint and its bytes, a list its count and its entries, a mailbox
// its name, local part and domain, and if any in the envelope has a route that.
func (e Envelope) MarshalBinary() ([]byte, error) {
	var flags byte
	if !e.Date.IsZero() {
		flags |= envelopeDate
	}
	if !slices.Equal(e.Sender, e.From) {
		flags |= envelopeSender
	}
	if !slices.Equal(e.ReplyTo, e.From) {
		flags |= envelopeReplyTo
	}
	if e.routed() {
		flags |= envelopeRoutes
	}
	b := append(make([]byte, 0, 512), envelopeVersion, flags)
	if flags&envelopeDate != 0 {
		_, zone := e.Date.Zone()
		b = binary.AppendVarint(b, e.Date.Unix())
		b = binary.AppendVarint(b, int64(zone/60))
	}
	b = appendString(b, e.Subject)
	b = appendMailboxes(b, e.From, flags)
	if flags&envelopeSender != 0 {
		b = appendMailboxes(b, e.Sender, flags)
	}
	if flags&envelopeReplyTo != 0 {
		b = appendMailboxes(b, e.ReplyTo, flags)
	}
	for _, list := range [][]Mailbox{e.To, e.Cc, e.Bcc} {
		b = appendMailboxes(b, list, flags)
	}
	b = binary.AppendUvarint(b, uint64(len(e.InReplyTo)))
	for _, id := range e.InReplyTo {
		b = appendString(b, id)
	}
	return appendString(b, e.MessageID), nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendMailboxes(b []byte, list []Mailbox, flags byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		b = appendString(appendString(appendString(b, m.Name), m.Local), m.Domain)
		if flags&envelopeRoutes != 0 {
			b = appendString(b, m.Route)
		}
	}
	return b
}

// routed says whether a mailbox of e has a source route.
func (e *Envelope) routed() bool {
	for _, list := range [][]Mailbox{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		if slices.ContainsFunc(list, func(m Mailbox) bool { return m.Route != "" }) {
			return true
		}
	}
	return false
}

// UnmarshalBinary reads what MarshalBinary wrote. On an error e is unchanged.
// It allocates no more than a small multiple of b, whatever b says.
func (e *Envelope) UnmarshalBinary(b []byte) error {
	x, err := ParseEnvelope(b)
	if err != nil {
		return err
	}
	*e = Envelope{
		Date: x.date(), Subject: string(x.Subject), MessageID: string(x.MessageID),
		From: x.From.list(), To: x.To.list(), Cc: x.Cc.list(), Bcc: x.Bcc.list(),
	}
	e.Sender, e.ReplyTo = e.From, e.From
	if x.flags&envelopeSender != 0 {
		e.Sender = x.Sender.list()
	}
	if x.flags&envelopeReplyTo != 0 {
		e.ReplyTo = x.ReplyTo.list()
	}
	for id, ok := x.InReplyTo.Next(); ok; id, ok = x.InReplyTo.Next() {
		e.InReplyTo = append(e.InReplyTo, string(id))
	}
	return nil
}
