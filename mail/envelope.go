package mail

import "time"

// Envelope is the structure IMAP shows as ENVELOPE (RFC 9051, section 7.5.2),
// built from a header section once, at delivery, and kept in encoded form.
type Envelope struct {
	Date      time.Time
	Subject   string // decoded
	From      []Mailbox
	Sender    []Mailbox // From when the field is absent
	ReplyTo   []Mailbox // From when the field is absent
	To        []Mailbox
	Cc        []Mailbox
	Bcc       []Mailbox
	InReplyTo []string
	MessageID string
}

// Mailbox is one entry of an address list. Group syntax is kept as RFC 9051
// asks: a start with an empty Domain and the group's name in Local, an end
// with both empty.
type Mailbox struct {
	Name   string // decoded display name
	Local  string
	Domain string
}

// ReadEnvelope builds the envelope of a header section.
func ReadEnvelope(h Header) Envelope { return Envelope{} }

// MarshalBinary writes e in a compact, versioned form; docs/formats.md gives it.
func (e Envelope) MarshalBinary() ([]byte, error) { return nil, nil }

// UnmarshalBinary reads what MarshalBinary wrote.
func (e *Envelope) UnmarshalBinary(b []byte) error { return nil }
