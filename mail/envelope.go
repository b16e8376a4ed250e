package mail

import (
	"strings"
	"time"
)

// Envelope is the structure IMAP shows as ENVELOPE (RFC 9051, section 7.5.2),
// built from a header section once, at delivery, and kept in encoded form.
type Envelope struct {
	Date      time.Time // whole seconds, with its zone; zero when absent or unreadable
	Subject   string    // decoded
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
	Route  string // source route, "@one,@two" (RFC 5322, section 4.4), which nobody writes any more
}

// Bounds of what an envelope takes from a field.
const (
	maxSubject    = 998 // bytes, decoded
	maxMessageID  = 998 // bytes
	maxInReplyTo  = 50  // ids
	maxRoute      = 998 // bytes
	maxReferences = 50  // ids, the last ones
	maxShownTo    = 3   // of To and Cc, in a gist
)

// ReadEnvelope builds the envelope of a header section. Of fields that may
// stand once the first counts, but doubled To, Cc and Bcc are joined.
func ReadEnvelope(h Header) Envelope {
	e := Envelope{
		Date:      parseDate(h.value("Date")),
		Subject:   clip(Decode(h.value("Subject")), maxSubject),
		From:      parseMailboxes(h.value("From")),
		Sender:    parseMailboxes(h.value("Sender")),
		ReplyTo:   parseMailboxes(h.value("Reply-To")),
		To:        parseMailboxes(strings.Join(h.Values("To"), ", ")),
		Cc:        parseMailboxes(strings.Join(h.Values("Cc"), ", ")),
		Bcc:       parseMailboxes(strings.Join(h.Values("Bcc"), ", ")),
		InReplyTo: messageIDs(h.value("In-Reply-To")),
		MessageID: messageID(h.value("Message-ID")),
	}
	e.InReplyTo = e.InReplyTo[:min(len(e.InReplyTo), maxInReplyTo)]
	if len(e.Sender) == 0 {
		e.Sender = e.From
	}
	if len(e.ReplyTo) == 0 {
		e.ReplyTo = e.From
	}
	return e
}

// messageIDs lists what stands in angle brackets, with them. Ids that are too
// long to be any are left out.
func messageIDs(s string) []string {
	var ids []string
	for {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			return ids
		}
		end := strings.IndexByte(s[start:], '>')
		if end < 0 {
			return ids
		}
		if end < maxMessageID {
			ids = append(ids, plain(guess8bit(s[start:start+end+1])))
		}
		s = s[start+end+1:]
	}
}

// messageID is the first id of a Message-ID field, or what stands there instead.
func messageID(s string) string {
	if ids := messageIDs(s); len(ids) > 0 {
		return ids[0]
	}
	return clip(plain(guess8bit(s)), maxMessageID)
}
