package mail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// envelopeVersion is the first byte of every encoded envelope.
const envelopeVersion = 1

// Flags in the second byte of an encoded envelope.
const (
	envelopeDate    = 1 << iota // seconds and zone follow
	envelopeSender              // Sender differs from From and is written
	envelopeReplyTo             // ReplyTo differs from From and is written
	envelopeKnown   = envelopeDate | envelopeSender | envelopeReplyTo
)

// ErrEnvelope says that bytes are no encoded envelope.
var ErrEnvelope = errors.New("not an encoded envelope")

// MarshalBinary writes e in a compact, versioned form: version, flags, then
// date (zigzag varints: seconds since 1970 and minutes east of UTC), subject,
// From, Sender, ReplyTo, To, Cc, Bcc, InReplyTo, MessageID. A string is its
// length as a varint and its bytes, a list its count and its entries, a mailbox
// its three strings.
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
	b := append(make([]byte, 0, 512), envelopeVersion, flags)
	if flags&envelopeDate != 0 {
		_, zone := e.Date.Zone()
		b = binary.AppendVarint(b, e.Date.Unix())
		b = binary.AppendVarint(b, int64(zone/60))
	}
	b = appendString(b, e.Subject)
	b = appendMailboxes(b, e.From)
	if flags&envelopeSender != 0 {
		b = appendMailboxes(b, e.Sender)
	}
	if flags&envelopeReplyTo != 0 {
		b = appendMailboxes(b, e.ReplyTo)
	}
	for _, list := range [][]Mailbox{e.To, e.Cc, e.Bcc} {
		b = appendMailboxes(b, list)
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

func appendMailboxes(b []byte, list []Mailbox) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		b = appendString(appendString(appendString(b, m.Name), m.Local), m.Domain)
	}
	return b
}

// UnmarshalBinary reads what MarshalBinary wrote. On an error e is unchanged.
// It allocates no more than a small multiple of b, whatever b says.
func (e *Envelope) UnmarshalBinary(b []byte) error {
	d := envelopeDecoder{b: b}
	version, flags := d.byte(), d.byte()
	if version != envelopeVersion || flags&^envelopeKnown != 0 {
		return fmt.Errorf("%w: version %d, flags %#x", ErrEnvelope, version, flags)
	}
	var out Envelope
	if flags&envelopeDate != 0 {
		out.Date = d.date()
	}
	out.Subject = d.string()
	out.From = d.mailboxes()
	out.Sender, out.ReplyTo = out.From, out.From
	if flags&envelopeSender != 0 {
		out.Sender = d.mailboxes()
	}
	if flags&envelopeReplyTo != 0 {
		out.ReplyTo = d.mailboxes()
	}
	out.To, out.Cc, out.Bcc = d.mailboxes(), d.mailboxes(), d.mailboxes()
	for range d.count(1) {
		out.InReplyTo = append(out.InReplyTo, d.string())
	}
	out.MessageID = d.string()
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("%w: damaged", ErrEnvelope)
	}
	*e = out
	return nil
}

// envelopeDecoder takes values from the front of b; after the first fault all
// values are empty.
type envelopeDecoder struct {
	b   []byte
	bad bool
}

func (d *envelopeDecoder) fail() {
	d.b, d.bad = nil, true
}

func (d *envelopeDecoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *envelopeDecoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the length of a list whose entries take at least size bytes each.
func (d *envelopeDecoder) count(size int) int {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > uint64(len(d.b)-n)/uint64(size) {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return int(v)
}

func (d *envelopeDecoder) string() string {
	n := d.count(1)
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *envelopeDecoder) date() time.Time {
	seconds, minutes := d.varint(), d.varint()
	if minutes <= -24*60 || minutes >= 24*60 {
		d.fail()
		return time.Time{}
	}
	t := time.Unix(seconds, 0).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		d.fail()
		return time.Time{}
	}
	if minutes == 0 {
		return t
	}
	return t.In(time.FixedZone("", int(minutes)*60))
}

func (d *envelopeDecoder) mailboxes() []Mailbox {
	n := d.count(3)
	if n == 0 {
		return nil
	}
	list := make([]Mailbox, 0, n)
	for range n {
		list = append(list, Mailbox{Name: d.string(), Local: d.string(), Domain: d.string()})
	}
	return list
}
