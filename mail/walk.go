package mail

import (
	"bytes"
	"context"
	"time"
)

// walker passes once over a mail, from one boundary to the next. It holds a
// window of the mail, the multiparts it stands in, and what it found.
type walker struct {
	lim   Limits
	until time.Time
	win   *window
	g     *Gist

	pos    int64 // what is before it was passed
	began  int64 // where the header of the part that is being entered begins
	frames []frame
	leaf   *leaf // the leaf being passed over
	parts  int
	room   *scratch
	root   *entity // what is displayable

	text texts
}

// frame is a multipart or an attached message the walk stands in.
type frame struct {
	boundary string  // empty for a message
	child    string  // media type of children that name none
	mixed    bool    // a multipart whose parts stand each for itself
	signed   bool    // a multipart/signed, whose signature is no attachment
	entity   *entity // nil in an attached message
	message  int     // for a message its index in Attachments plus one
	start    int64   // of the content
	parted   bool    // its boundary was seen
}

// leaf is a part without parts.
type leaf struct {
	part
	began  int64 // its header
	start  int64
	entity *entity // takes the part if it is displayable; nil in an attached message
	listed bool    // is an attachment
}

// stop ends the walk at a bound.
func (w *walker) stop() bool {
	w.g.Complete = false
	return false
}

// inTime says that the walk may go on.
func (w *walker) inTime(ctx context.Context) bool {
	return w.win.err == nil && ctx.Err() == nil && time.Now().Before(w.until) || w.stop()
}

// walk goes through all parts under the top header section h.
func (w *walker) walk(ctx context.Context, h Header) {
	for ok := w.open(h, "text/plain"); ok; {
		d, found := w.delimiter(ctx)
		if !found {
			return
		}
		w.endLeaf(ctx, d.end)
		w.leave(ctx, d.frame+1, d.end)
		if d.frame < 0 {
			return
		}
		w.pos, w.frames[d.frame].parted = d.next, true
		if d.closing {
			w.leave(ctx, d.frame, d.end)
			continue
		}
		var part Header
		w.began = w.pos
		if part, ok = w.header(w.pos); ok {
			ok = w.open(part, w.frames[d.frame].child)
		}
	}
}

// header reads the header section of a part at pos, which ends at the latest
// before the next delimiter.
func (w *walker) header(pos int64) (Header, bool) {
	for _, need := range []int{longestLine, windowSize} {
		data := w.win.at(pos, need)
		h := parseSection(data, pos, w.win.holdsEnd(), w.room.fields, w.isDelimiter)
		if w.room.fields = h.Fields; !h.Cut {
			return h, w.win.err == nil
		}
	}
	return Header{}, w.stop()
}

func (w *walker) isDelimiter(line []byte) bool {
	_, _, ok := w.match(line)
	return ok
}

// open enters the part under header section h, and the messages that part may
// begin with, down to a multipart or a leaf.
func (w *walker) open(h Header, child string) bool {
	for {
		if w.parts++; w.parts > w.lim.Parts {
			return w.stop()
		}
		p := readPart(h, child)
		w.pos = h.End
		w.g.Guarded = w.g.Guarded || p.guards()
		switch {
		case p.isMessage():
			if !w.enter(frame{message: w.attach(p), start: h.End}) {
				return false
			}
			var ok bool
			if h, ok = w.header(h.End); !ok {
				return false
			}
			w.text.message(h)
			child = "text/plain"
			continue
		case p.isMultipart():
			return w.enter(w.multipart(p))
		}
		w.openLeaf(p)
		return true
	}
}

func (w *walker) enter(f frame) bool {
	if len(w.frames) >= w.lim.Depth {
		return w.stop()
	}
	w.frames = append(w.frames, f)
	return true
}

// around is the entity of the multipart the walk stands in.
func (w *walker) around() *entity {
	if len(w.frames) == 0 {
		return w.root
	}
	return w.frames[len(w.frames)-1].entity
}

func (w *walker) multipart(p part) frame {
	f := frame{boundary: p.kind.Params["boundary"], child: "text/plain", start: w.pos, signed: p.kind.Subtype == "signed", mixed: p.kind.Subtype == "mixed"}
	if p.kind.Subtype == "digest" {
		f.child = "message/rfc822"
	}
	if parent := w.around(); parent != nil {
		f.entity = &entity{subtype: "mixed"}
		if p.kind.Subtype == "alternative" {
			f.entity.subtype = "alternative"
		}
		parent.parts = append(parent.parts, f.entity)
	}
	return f
}

// attach lists an attachment and returns its index plus one, or 0 if it is not
// listed: what is inside an attached message belongs to that message.
func (w *walker) attach(p part) int {
	w.text.words.text(p.name)
	if p.alias != p.name {
		w.text.words.text(p.alias)
	}
	if w.around() == nil || len(w.g.Attachments) >= maxAttachments {
		return 0
	}
	w.g.Attachments = append(w.g.Attachments, Attachment{Name: p.name, Type: p.kind.Media()})
	return len(w.g.Attachments)
}

func (w *walker) openLeaf(p part) {
	l := &leaf{part: p, began: w.began, start: w.pos, entity: w.around()}
	l.listed = p.name != "" || !p.displayable()
	if n := len(w.frames); n > 0 && w.frames[n-1].signed && p.isSignature() {
		l.listed = false
	}
	w.leaf = l
}

// endLeaf uses the leaf that was passed over, whose body ends at end.
func (w *walker) endLeaf(ctx context.Context, end int64) {
	l := w.leaf
	if w.leaf = nil; l == nil {
		return
	}
	end = max(l.start, end)
	if l.listed {
		if n := w.attach(l.part); n > 0 {
			w.g.Attachments[n-1].Size = end - l.start
			w.piece(l, end)
		}
	}
	if !l.displayable() || end == l.start {
		return
	}
	if l.entity != nil {
		l.entity.parts = append(l.entity.parts, &entity{header: l.header, start: l.start, end: end})
	}
	w.readText(ctx, l, end)
}

// leave pops frames down to n of them. A multipart whose boundary never came is
// text, for what may be in it.
func (w *walker) leave(ctx context.Context, n int, end int64) {
	for len(w.frames) > n {
		f := w.frames[len(w.frames)-1]
		w.frames = w.frames[:len(w.frames)-1]
		if f.message > 0 {
			w.g.Attachments[f.message-1].Size = max(0, end-f.start)
		}
		if f.boundary != "" && !f.parted {
			w.leaf = &leaf{part: plainPart, start: f.start, entity: w.around()}
			w.endLeaf(ctx, end)
		}
	}
}

// delimiter is a line that parts or ends a multipart (RFC 2046, section 5.1.1),
// or the end of the mail, with frame -1.
type delimiter struct {
	frame   int
	closing bool
	end     int64 // of the content before it, without the line end that belongs to it
	next    int64 // offset of the line after it
}

// delimiter finds the next one from w.pos, which is the start of a line.
func (w *walker) delimiter(ctx context.Context) (delimiter, bool) {
	size := w.win.m.Size()
	last := delimiter{frame: -1, end: size, next: size}
	if !w.bounded() {
		return last, w.inTime(ctx)
	}
	if d, ok := w.delimiterAt(w.pos); ok {
		return d, w.inTime(ctx)
	}
	for pos := w.pos; w.inTime(ctx); {
		data := w.win.at(pos, longestLine+1) // the line end before a line, and the line
		at, d, ok := w.scan(data, pos)
		switch {
		case ok:
			return d, true
		case w.win.err != nil:
		case at == pos && w.win.holdsEnd():
			return last, true
		default:
			pos = at
		}
	}
	return last, false
}

// scan looks for a delimiter in data, which stands at pos; without one it says
// where to go on, which is pos when the mail has no more.
func (w *walker) scan(data []byte, pos int64) (int64, delimiter, bool) {
	for i := 0; ; {
		n := bytes.Index(data[i:], []byte("\n--"))
		if n < 0 {
			if w.win.holdsEnd() {
				return pos, delimiter{}, false
			}
			return pos + int64(max(len(data)-2, i)), delimiter{}, false
		}
		i += n + 1
		if len(data)-i < longestLine && !w.win.holdsEnd() {
			return pos + int64(i-1), delimiter{}, false
		}
		if d, ok := w.delimiterIn(data[i:], pos+int64(i)); ok {
			return pos, d, true
		}
	}
}

// bounded says that there is a boundary to look for.
func (w *walker) bounded() bool {
	for _, f := range w.frames {
		if f.boundary != "" {
			return true
		}
	}
	return false
}

func (w *walker) delimiterAt(pos int64) (delimiter, bool) {
	return w.delimiterIn(w.win.at(pos, longestLine), pos)
}

// delimiterIn judges the line at the start of data, which stands at pos.
func (w *walker) delimiterIn(data []byte, pos int64) (delimiter, bool) {
	line, whole := nextLine(data[:min(len(data), longestLine)])
	if !whole && len(data) >= longestLine {
		return delimiter{}, false
	}
	frame, closing, ok := w.match(line)
	if !ok {
		return delimiter{}, false
	}
	return delimiter{frame: frame, closing: closing, end: w.contentEnd(pos), next: pos + int64(len(line))}, true
}

// contentEnd is where the content before the delimiter at pos ends: the line
// end between them belongs to the delimiter.
func (w *walker) contentEnd(pos int64) int64 {
	var before [2]byte
	n := min(2, pos)
	if w.leaf != nil { // an empty leaf has no line end to give
		n = min(n, pos-w.leaf.start)
	}
	if n <= 0 {
		return pos
	}
	if _, err := w.win.m.ReadAt(before[2-n:], pos-n); err != nil {
		return pos
	}
	switch {
	case before == [2]byte{'\r', '\n'}:
		return pos - 2
	case before[1] == '\n':
		return pos - 1
	}
	return pos
}

// match compares a line with the open boundaries, the innermost first. The
// whole line must be the delimiter, so a boundary that begins like another is
// not taken for it.
func (w *walker) match(line []byte) (frame int, closing, ok bool) {
	if !bytes.HasPrefix(line, []byte("--")) {
		return 0, false, false
	}
	mark := bytes.TrimRight(line[2:], " \t\r\n")
	for i := len(w.frames) - 1; i >= 0; i-- {
		b := w.frames[i].boundary
		if b == "" || len(mark) < len(b) || string(mark[:len(b)]) != b {
			continue
		}
		if rest := mark[len(b):]; len(rest) == 0 || string(rest) == "--" {
			return i, len(rest) > 0, true
		}
	}
	return 0, false, false
}
