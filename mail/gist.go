package mail

import (
	"context"
	"slices"
	"time"
)

// Limits bounds Look. A bound that is met never stops the mail: the Gist then
// holds the top header and what was found so far, and says so in Complete.
// Header, Parts, Depth and Time end the walk; Bytes and Terms only end the
// collecting of words.
type Limits struct {
	Header int64         // bytes of the top header section that are parsed; of a part's at most 64 KiB
	Parts  int           // MIME parts visited
	Depth  int           // nesting of multiparts and message/rfc822
	Bytes  int64         // decoded bytes of text read for Terms and Snippet
	Terms  int           // distinct words kept, next to a mebibyte in all
	Time   time.Duration // wall clock for the whole look
}

// DefaultLimits keep a look at the worst mail under 16 MiB and a second of
// processor time; on a busy machine that may take three by the clock.
var DefaultLimits = Limits{Header: 256 << 10, Parts: 1000, Depth: 32, Bytes: 4 << 20, Terms: 50_000, Time: 3 * time.Second}

// Attachment is what a list shows of an attached part.
type Attachment struct {
	Name string // decoded file name, at most 255 bytes of UTF-8, may be empty
	Type string // media type in lower case
	Size int64  // bytes as transferred, before decoding
}

// Bounds of a Gist.
const (
	maxAttachments = 100
	maxFileName    = 255 // bytes
	maxSnippet     = 200 // bytes
)

// Gist is what one bounded look at a mail found. It is made once a mail and
// serves the sealing to every recipient.
type Gist struct {
	Header      Header       // the top header section
	Subject     string       // decoded, at most 998 bytes
	FromName    string       // decoded display name of the first From
	From        string       // addr-spec of the first From
	To          []Mailbox    // the first of To and Cc, at most 3
	Date        time.Time    // zero when absent or unreadable
	MessageID   string       // with its angle brackets, as written
	InReplyTo   []string     // message ids
	References  []string     // message ids, at most the last 50
	Snippet     string       // first words of the displayable text, at most 200 bytes
	Attachments []Attachment // at most 100
	Terms       []string     // words, folded (see Fold), sorted, distinct
	Complete    bool         // false when a bound was met

	Pieces  []Piece // attachments that could be taken out, in their order
	Guarded bool    // a part is signed or encrypted: nothing may be taken out

	body *entity // what WriteBody writes; nil without displayable text
}

// Look walks m once, within lim. It decodes only text: attachments are passed
// over. Terms are runs of letters and digits of 2 to 40 characters, folded,
// from the subjects, names, addresses, file names and texts; scripts written
// without spaces are kept as pairs of characters. Addresses and their domains
// are terms as a whole too.
func Look(ctx context.Context, m Bytes, lim Limits) *Gist {
	room := scratches.Get().(*scratch)
	defer func() {
		room.wipe(m.Size())
		scratches.Put(room)
	}()
	return lookIn(ctx, m, lim, room)
}

// lookIn is Look in room that is empty.
func lookIn(ctx context.Context, m Bytes, lim Limits, room *scratch) *Gist {
	win := newWindow(m, room.window[:])
	h, err := room.header(m, lim.Header)
	g := &Gist{Complete: err == nil && !h.Cut}
	w := &walker{lim: lim, until: time.Now().Add(lim.Time), win: win, g: g, room: room, root: &entity{subtype: "mixed"}}
	room.set.max = lim.Terms
	w.text.words.set, w.text.room, w.text.left = room.set, room, lim.Bytes
	g.readTop(h, &w.text.words)
	if g.Complete {
		w.walk(ctx, h)
	}
	if w.text.words.set.full || w.win.err != nil {
		g.Complete = false
	}
	g.Terms, g.Snippet, g.body = w.text.words.set.sorted(), w.text.snippet.String(), w.root.prune()
	return g
}

// readTop fills in what the top header section shows.
func (g *Gist) readTop(h Header, words *wordSplitter) {
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
	for _, m := range slices.Concat(e.To, e.Cc) {
		if m.Local != "" && m.Domain != "" && m.Domain != MissingDomain && len(g.To) < maxShownTo {
			g.To = append(g.To, m)
		}
	}
	words.envelope(e)
}
