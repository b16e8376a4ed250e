package mail

import (
	"context"
	"errors"
	"io"
	"time"
)

// Limits bounds Look. A bound that is met ends the walk, never the mail: the
// Gist then holds what the top header showed and says so in Complete.
type Limits struct {
	Header int64         // bytes of one header section that are parsed
	Parts  int           // MIME parts visited
	Depth  int           // nesting of multiparts and message/rfc822
	Bytes  int64         // decoded bytes of text read for Terms and Snippet
	Terms  int           // distinct words kept
	Time   time.Duration // wall clock for the whole look
}

// DefaultLimits keep a look at the worst mail under 64 MiB and a second.
var DefaultLimits = Limits{Header: 256 << 10, Parts: 1000, Depth: 32, Bytes: 8 << 20, Terms: 50_000, Time: time.Second}

// Attachment is what a list shows of an attached part.
type Attachment struct {
	Name string // decoded file name, at most 255 bytes of UTF-8, may be empty
	Type string // media type in lower case
	Size int64  // bytes as transferred, before decoding
}

// Gist is what one bounded look at a mail found. It is made once a mail and
// serves the sealing to every recipient.
type Gist struct {
	Header      Header       // the top header section
	Subject     string       // decoded, at most 998 bytes
	FromName    string       // decoded display name of the first From
	From        string       // addr-spec of the first From
	Date        time.Time    // zero when absent or unreadable
	MessageID   string       // with its angle brackets, as written
	InReplyTo   []string     // message ids
	References  []string     // message ids, at most the last 50
	Snippet     string       // first words of the displayable text, at most 200 bytes
	Attachments []Attachment // at most 100
	Terms       []string     // words, folded (see Fold), sorted, distinct
	Complete    bool         // false when a bound was met

	body []section // displayable leaves for WriteBody
}

type section struct {
	header     []byte // the leaf's MIME fields
	start, end int64  // its body in the mail
}

// Look walks m once, within lim.
func Look(ctx context.Context, m Bytes, lim Limits) *Gist {
	g := &Gist{Complete: true}
	h, err := ReadHeader(m, 0, lim.Header)
	if err != nil {
		g.Complete = false
		return g
	}
	g.readTop(h)
	return g
}

// readTop fills in what the top header section shows.
func (g *Gist) readTop(h Header) {
	e := ReadEnvelope(h)
	g.Header, g.Subject, g.Date = h, e.Subject, e.Date
	g.MessageID, g.InReplyTo = e.MessageID, e.InReplyTo
	refs := messageIDs(h.value("References"))
	g.References = refs[max(0, len(refs)-maxReferences):]
	for _, m := range e.From {
		if m.Local != "" && m.Domain != "" && m.Domain != MissingDomain {
			g.FromName, g.From = m.Name, Address{Local: m.Local, Domain: m.Domain}.String()
			break
		}
	}
}

// WriteBody writes the displayable parts of m, without attachments, as a MIME
// entity of its own (header section and body, CRLF lines).
func (g *Gist) WriteBody(w io.Writer, m Bytes) error { return errors.New("mail: not written yet") }
