package imap

import (
	"strconv"
	"strings"

	"sealpost/imap/wire"
)

// item is one thing a FETCH asks for of each message.
type item struct {
	name     string
	mail     bool // it needs the whole unchanging half
	envelope bool // it needs the envelope
	marks    bool // it sets \Seen
	want     *section

	write func(*fetch, *message)       // what is told in a word, or nil
	send  func(*fetch, *message) error // what is sent behind these: it names itself and may fail
}

// spelled is what it is asked by, with all that makes it another.
func (i *item) spelled() string {
	s := i.name
	if i.want != nil {
		s += "[" + i.want.spelled + "]" + i.want.origin()
		if i.want.partial {
			s += "." + strconv.FormatInt(i.want.size, 10)
		}
	}
	if i.marks {
		s += " \\Seen" // BODY, and not BODY.PEEK
	}
	return s
}

// items is what FETCH knows (RFC 9051, section 6.4.5). Each reads what follows
// its name.
var items = map[string]func(*fetch, *wire.Parser) (item, bool){
	"FLAGS":         rowItem(func(f *fetch, m *message) { f.wire.Str(f.view.flagText(m.row)) }),
	"INTERNALDATE":  rowItem(func(f *fetch, m *message) { f.wire.Time(f.session.server.clock(m.row.received)) }),
	"RFC822.SIZE":   rowItem(func(f *fetch, m *message) { f.wire.Num(uint64(m.row.size)) }),
	"MODSEQ":        modseqItem,
	"EMAILID":       mailItem(item{write: func(f *fetch, m *message) { f.wire.Str("(" + emailID(*m.stored) + ")") }}),
	"THREADID":      rowItem(func(f *fetch, _ *message) { f.wire.Str("NIL") }), // RFC 8474, section 5.2
	"SAVEDATE":      rowItem(func(f *fetch, m *message) { f.wire.Time(f.session.server.clock(m.row.saved)) }),
	"PREVIEW":       preview,
	"ENVELOPE":      listItem(item{envelope: true, write: (*fetch).envelope}),
	"BODYSTRUCTURE": mailItem(item{write: func(f *fetch, m *message) { f.structure(m.body, true) }}),
	"BODY":          bodyItem(true),
	"BODY.PEEK":     bodyItem(false),
	"BINARY":        binaryItem(true),
	"BINARY.PEEK":   binaryItem(false),
	"BINARY.SIZE":   binarySize,
	"RFC822":        oldItem(section{}, true),
	"RFC822.HEADER": oldItem(section{what: "HEADER"}, false),
	"RFC822.TEXT":   oldItem(section{what: "TEXT"}, true),
}

// macros stand alone (RFC 9051, section 6.4.5).
var macros = map[string]string{
	"ALL":  "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
	"FAST": "(FLAGS INTERNALDATE RFC822.SIZE)",
	"FULL": "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)",
}

func rowItem(write func(*fetch, *message)) func(*fetch, *wire.Parser) (item, bool) {
	return listItem(item{write: write})
}

// modseqItem is MODSEQ (RFC 7162, section 3.1.5).
func modseqItem(f *fetch, _ *wire.Parser) (item, bool) {
	f.session.followModseqs()
	return item{write: func(f *fetch, m *message) {
		f.view.shown = max(f.view.shown, m.row.modseq)
		f.wire.Mark('(')
		f.wire.Num(uint64(m.row.modseq))
		f.wire.Mark(')')
	}}, true
}

// preview is PREVIEW (RFC 8970). It is always NIL: what a mail says was sealed
// when it came, and this server cannot look.
func preview(_ *fetch, p *wire.Parser) (item, bool) {
	ok := true
	if p.Special(" (") {
		ok = p.Fold("LAZY") && p.Special(")")
	}
	return item{write: func(f *fetch, _ *message) { f.wire.Str("NIL") }}, ok
}

func mailItem(i item) func(*fetch, *wire.Parser) (item, bool) {
	i.mail = true
	return listItem(i)
}

func listItem(i item) func(*fetch, *wire.Parser) (item, bool) {
	return func(*fetch, *wire.Parser) (item, bool) { return i, true }
}

// bodyItem is BODY[...], or BODY alone, which is a short BODYSTRUCTURE.
func bodyItem(marks bool) func(*fetch, *wire.Parser) (item, bool) {
	return func(_ *fetch, p *wire.Parser) (item, bool) {
		if !p.Next("[") {
			return item{mail: true, write: func(f *fetch, m *message) { f.structure(m.body, false) }}, marks
		}
		want, ok := parseSection(p)
		name := "BODY[" + want.spelled + "]" + want.origin()
		return item{mail: true, marks: marks, want: &want, send: func(f *fetch, m *message) error {
			return f.section(m, name, "{", m.body.section(&want))
		}}, ok
	}
}

// binaryItem is BINARY[...] (RFC 3516). Every part of a served mail is 7bit, so
// decoding changes nothing.
func binaryItem(marks bool) func(*fetch, *wire.Parser) (item, bool) {
	return func(_ *fetch, p *wire.Parser) (item, bool) {
		want, ok := parseSection(p)
		return item{mail: true, marks: marks, want: &want, send: func(f *fetch, m *message) error {
			return f.section(m, "BINARY["+want.spelled+"]"+want.origin(), "~{", m.body.binary(&want))
		}}, ok && want.what == ""
	}
}

func binarySize(_ *fetch, p *wire.Parser) (item, bool) {
	want, ok := parseSection(p)
	return item{mail: true, name: "BINARY.SIZE[" + want.spelled + "]", write: func(f *fetch, m *message) {
		f.wire.Num(uint64(m.body.binary(&want).size()))
	}}, ok && want.what == "" && !want.partial
}

// oldItem is RFC822 and its kin (RFC 3501, section 6.4.5), by their old names.
func oldItem(want section, marks bool) func(*fetch, *wire.Parser) (item, bool) {
	name := strings.TrimSuffix("RFC822."+want.what, ".")
	return func(*fetch, *wire.Parser) (item, bool) {
		return item{mail: true, marks: marks, want: &want, send: func(f *fetch, m *message) error {
			return f.section(m, name, "{", m.body.section(&want))
		}}, true
	}
}

// parse reads what stands behind the set: SP item, or items in parentheses, and
// the modifiers.
func (f *fetch) parse(p *wire.Parser, uid bool) error {
	if !p.Space() || !f.parseItems(p) {
		return bad("expected items of FETCH that this server knows")
	}
	if !p.End() {
		if err := f.modifiers(p, uid); err != nil {
			return err
		}
	}
	return f.bounded()
}

func (f *fetch) parseItems(p *wire.Parser) bool {
	one := func() bool { return f.item(p) }
	if p.Next("(") {
		return !p.Next("()") && p.List(one)
	}
	for name, all := range macros {
		if p.Fold(name) {
			macro := wire.Parse(all)
			return macro.List(func() bool { return f.item(&macro) })
		}
	}
	return one()
}

func (f *fetch) bounded() error {
	if len(f.items) > maxItems {
		return no("LIMIT", "too many items at once")
	}
	return nil
}

// item reads one item.
func (f *fetch) item(p *wire.Parser) bool {
	name, ok := p.Letters()
	if !ok {
		return false
	}
	if name == "UID" {
		f.uid, f.asked[name] = true, true
		return true
	}
	read := items[name]
	if read == nil || len(f.items) > maxItems {
		return false
	}
	i, ok := read(f, p)
	if i.name == "" {
		i.name = name
	}
	f.asked[name] = true
	f.items = append(f.items, i)
	return ok
}

// section writes a body section: its name, its size and its octets.
func (f *fetch) section(m *message, name, brace string, part piece) error {
	w := f.wire
	w.Str(name)
	w.Mark(' ')
	w.Str(brace)
	w.Num(uint64(part.size()))
	w.Str("}\r\n")
	return m.body.send(w, part)
}

// needsLetter says whether anything beyond the visible header is wanted.
func (f *fetch) needsLetter(b *body) bool {
	return f.needs(func(i item) bool {
		if i.want == nil || i.want.visible() {
			return false
		}
		part := b.section(i.want)
		return part.text == nil && part.end > int64(len(b.served.Outer)) && part.end > part.start
	})
}
