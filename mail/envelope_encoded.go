package mail

import (
	"encoding/binary"
	"fmt"
	"time"
)

// EncodedEnvelope is an encoded envelope read in place: what is in it shares the
// octets it was read from, and reading it allocates nothing. Mailboxes and ids were
// checked, so that going through them cannot fail.
type EncodedEnvelope struct {
	Subject   []byte
	From      EncodedMailboxes
	Sender    EncodedMailboxes // From when the field is absent
	ReplyTo   EncodedMailboxes // likewise
	To        EncodedMailboxes
	Cc        EncodedMailboxes
	Bcc       EncodedMailboxes
	InReplyTo EncodedStrings
	MessageID []byte

	flags byte
	dated bool
	local time.Time // the date's digits in its own zone, as if they were UTC's
	zone  int       // minutes east of UTC
}

// EncodedStrings are strings that Next takes one after the other.
type EncodedStrings struct {
	n int
	b []byte
}

// EncodedMailboxes are mailboxes that Next takes one after the other.
type EncodedMailboxes struct {
	EncodedStrings
	routed bool // each has a route
}

// EncodedMailbox is a Mailbox whose strings share the envelope's octets.
type EncodedMailbox struct{ Name, Local, Domain, Route []byte }

// Len is how many are left.
func (l *EncodedStrings) Len() int { return l.n }

// Next takes the first one away, if there is one.
func (l *EncodedStrings) Next() (s []byte, ok bool) {
	if l.n == 0 {
		return nil, false
	}
	l.n--
	return l.take(), true
}

func (l *EncodedStrings) take() []byte {
	size, n := binary.Uvarint(l.b)
	end := n + int(size)
	s := l.b[n:end:end]
	l.b = l.b[end:]
	return s
}

// Next takes the first one away, if there is one.
func (l *EncodedMailboxes) Next() (m EncodedMailbox, ok bool) {
	if l.n == 0 {
		return m, false
	}
	l.n--
	m = EncodedMailbox{Name: l.take(), Local: l.take(), Domain: l.take()}
	if l.routed {
		m.Route = l.take()
	}
	return m, true
}

func (l EncodedMailboxes) list() []Mailbox {
	if l.n == 0 {
		return nil
	}
	list := make([]Mailbox, 0, l.n)
	for m, ok := l.Next(); ok; m, ok = l.Next() {
		list = append(list, Mailbox{Name: string(m.Name), Local: string(m.Local), Domain: string(m.Domain), Route: string(m.Route)})
	}
	return list
}

// HasDate says whether there is a date.
func (e *EncodedEnvelope) HasDate() bool { return e.dated }

// AppendDate appends the date as it stands in mails (RFC 5322, section 3.3).
func (e *EncodedEnvelope) AppendDate(b []byte) []byte {
	b = e.local.AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 ")
	zone, sign := e.zone, byte('+')
	if zone < 0 {
		zone, sign = -zone, '-'
	}
	hours, minutes := zone/60, zone%60
	return append(b, sign, byte('0'+hours/10), byte('0'+hours%10), byte('0'+minutes/10), byte('0'+minutes%10))
}

// date is in the zone that was written.
func (e *EncodedEnvelope) date() time.Time {
	if e.zone == 0 {
		return e.local
	}
	return e.instant().In(time.FixedZone("", e.zone*60))
}

func (e *EncodedEnvelope) instant() time.Time {
	return e.local.Add(-time.Duration(e.zone) * time.Minute)
}

// ParseEnvelope reads in place what MarshalBinary wrote.
func ParseEnvelope(b []byte) (e EncodedEnvelope, err error) {
	d := envelopeDecoder{b: b}
	version, flags := d.byte(), d.byte()
	if version != envelopeVersion || flags&^envelopeKnown != 0 {
		return e, fmt.Errorf("%w: version %d, flags %#x", ErrEnvelope, version, flags)
	}
	e.flags = flags
	if flags&envelopeDate != 0 {
		e.local, e.zone = d.date()
		e.dated = !e.instant().IsZero()
	}
	e.Subject = d.string()
	d.routed = flags&envelopeRoutes != 0
	e.From = d.mailboxes()
	e.Sender, e.ReplyTo = e.From, e.From
	if flags&envelopeSender != 0 {
		e.Sender = d.mailboxes()
	}
	if flags&envelopeReplyTo != 0 {
		e.ReplyTo = d.mailboxes()
	}
	e.To, e.Cc, e.Bcc = d.mailboxes(), d.mailboxes(), d.mailboxes()
	e.InReplyTo = d.strings(1)
	e.MessageID = d.string()
	if d.bad || len(d.b) != 0 {
		return EncodedEnvelope{}, fmt.Errorf("%w: damaged", ErrEnvelope)
	}
	return e, nil
}

// envelopeDecoder takes values from the front of b; after the first fault all
// values are empty.
type envelopeDecoder struct {
	b      []byte
	bad    bool
	routed bool // mailboxes have routes
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

func (d *envelopeDecoder) string() []byte {
	n := d.count(1)
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}

// strings reads a list of which each entry is so many strings.
func (d *envelopeDecoder) strings(each int) EncodedStrings {
	n := d.count(each)
	start := d.b
	for range n * each {
		d.string()
	}
	if d.bad {
		return EncodedStrings{}
	}
	size := len(start) - len(d.b)
	return EncodedStrings{n, start[:size:size]}
}

func (d *envelopeDecoder) mailboxes() EncodedMailboxes {
	if d.routed {
		return EncodedMailboxes{d.strings(4), true}
	}
	return EncodedMailboxes{d.strings(3), false}
}

// date reads the digits a date has in its zone, and that.
func (d *envelopeDecoder) date() (local time.Time, zone int) {
	seconds, minutes := d.varint(), d.varint()
	if minutes <= -24*60 || minutes >= 24*60 {
		d.fail()
		return time.Time{}, 0
	}
	t := time.Unix(seconds, 0).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		d.fail()
		return time.Time{}, 0
	}
	return t.Add(time.Duration(minutes) * time.Minute), int(minutes)
}
