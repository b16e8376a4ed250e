package imap

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/filestore"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// body is a mail being served: its ranges are computed, its ciphertext is read
// only when a range is asked for that holds some.
type body struct {
	session *session
	served  pgp.Served
	parts   []pgp.Section
	blob    filestore.Blob
}

// open prepares a stored mail for what this FETCH wants of it.
func (f *fetch) open(m mailstore.Mail) (*body, error) {
	b := &body{session: f.session, served: pgp.Served{Outer: m.Outer, Form: m.Form}}
	size, ok := messageSize(m)
	if !ok {
		return nil, fmt.Errorf("%w: mail has no message letter", errRead)
	}
	b.served.RawSize = size
	b.parts = b.served.Sections()
	if !f.needsLetter(b) {
		return b, nil
	}
	blob, err := f.session.server.Store.Letter(f.session.ctx, m, pgp.KindMessage)
	if err != nil {
		return nil, fmt.Errorf("%w: open message letter: %w", errRead, err)
	}
	b.blob, b.served.Raw = blob, blob
	if blob.Size() != size {
		b.close()
		return nil, fmt.Errorf("%w: message letter has %d bytes, not %d", errRead, blob.Size(), size)
	}
	return b, nil
}

func messageSize(m mailstore.Mail) (int64, bool) {
	for _, l := range m.Letters {
		if l.Kind == pgp.KindMessage {
			return l.Size, true
		}
	}
	return 0, false
}

// needsLetter says whether anything beyond the visible header is wanted.
func (f *fetch) needsLetter(b *body) bool {
	for _, want := range f.items.BodySection {
		if part := b.section(want); part.text == nil && part.end > int64(len(b.served.Outer)) {
			return true
		}
	}
	return len(f.items.BinarySection) > 0
}

func (b *body) close() {
	if b.blob != nil {
		b.blob.Close()
	}
}

// piece is a part of a served mail: a range of it, or text made from its header.
type piece struct {
	start, end int64
	text       []byte
}

func (p piece) size() int64 {
	if p.text != nil {
		return int64(len(p.text))
	}
	return p.end - p.start
}

// cut applies a partial fetch "<offset.size>".
func (p piece) cut(by *goimap.SectionPartial) piece {
	if by == nil {
		return p
	}
	from := min(by.Offset, p.size())
	to := from + min(by.Size, p.size()-from)
	if p.text != nil {
		return piece{text: p.text[from:to]}
	}
	return piece{start: p.start + from, end: p.start + to}
}

// section finds what BODY[...] names (RFC 9051, section 6.4.5.1). What a mail
// does not have is empty.
func (b *body) section(want *goimap.FetchItemBodySection) piece {
	if len(want.Part) > 0 {
		return b.part(want).cut(want.Partial)
	}
	head := int64(len(b.served.Outer))
	switch want.Specifier {
	case goimap.PartSpecifierHeader:
		if want.HeaderFields != nil || want.HeaderFieldsNot != nil {
			return piece{text: b.fields(want)}.cut(want.Partial)
		}
		return piece{end: head}.cut(want.Partial)
	case goimap.PartSpecifierText:
		return piece{start: head, end: b.served.Size()}.cut(want.Partial)
	case goimap.PartSpecifierNone:
		return piece{end: b.served.Size()}.cut(want.Partial)
	}
	return piece{}
}

// part is BODY[n] and BODY[n.MIME]. Our parts hold no mails, so no part has a
// HEADER or TEXT, or parts of its own.
func (b *body) part(want *goimap.FetchItemBodySection) piece {
	s, ok := b.find(want.Part)
	switch {
	case !ok:
		return piece{}
	case want.Specifier == goimap.PartSpecifierNone:
		return piece{start: s.Start, end: s.End}
	case want.Specifier == goimap.PartSpecifierMIME:
		return piece{start: s.HeaderStart, end: s.Start}
	}
	return piece{}
}

func (b *body) find(path []int) (pgp.Section, bool) {
	if len(path) != 1 || path[0] < 1 || path[0] > len(b.parts) {
		return pgp.Section{}, false
	}
	return b.parts[path[0]-1], true
}

// fields is HEADER.FIELDS and HEADER.FIELDS.NOT: the lines as they stand, and
// an empty one.
func (b *body) fields(want *goimap.FetchItemBodySection) []byte {
	var out []byte
	for _, field := range visible(b.served.Outer).Fields {
		named := containsFold(want.HeaderFields, field.Name) || containsFold(want.HeaderFieldsNot, field.Name)
		if named == (want.HeaderFields != nil) {
			out = append(out, field.Raw...)
		}
	}
	return append(out, '\r', '\n')
}

// visible reads a mail's visible header.
func visible(outer []byte) mail.Header {
	h, err := mail.ReadHeader(bytes.NewReader(outer), 0, int64(len(outer)))
	if err != nil {
		return mail.Header{} // reading from memory does not fail
	}
	return h
}

// send writes a piece of the mail in pieces of memory.
func (b *body) send(w io.Writer, p piece) error {
	if p.text != nil {
		_, err := w.Write(p.text)
		return err
	}
	buf := b.session.server.pieces.Get().(*[]byte)
	defer b.session.server.pieces.Put(buf)
	for at := p.start; at < p.end; {
		n, err := b.served.ReadAt((*buf)[:min(int64(len(*buf)), p.end-at)], at)
		if n == 0 && err != nil {
			return fmt.Errorf("read message letter at %d: %w", at, err)
		}
		if _, err := w.Write((*buf)[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// binary is BINARY and BINARY.SIZE (RFC 3516). Every part of a served mail is
// 7bit, so decoding changes nothing.
func (f *fetch) binary(m *imapserver.FetchResponseWriter, b *body) error {
	for _, want := range f.items.BinarySectionSize {
		m.WriteBinarySectionSize(want, uint32(min(b.section(&goimap.FetchItemBodySection{Part: want.Part}).size(), 1<<32-1)))
	}
	for _, want := range f.items.BinarySection {
		if want.Partial != nil {
			continue
		}
		part := b.section(&goimap.FetchItemBodySection{Part: want.Part})
		out := m.WriteBinarySection(want, part.size())
		if err := b.send(out, part); err != nil {
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return nil
}

// partialBinary answers BINARY[1]<0.10> by a response of its own: imapserver
// leaves out the origin (RFC 3516, section 4.2).
func (f *fetch) partialBinary(at int, b *body) error {
	for _, want := range f.items.BinarySection {
		if want.Partial == nil {
			continue
		}
		part := b.section(&goimap.FetchItemBodySection{Part: want.Part, Partial: want.Partial})
		path := strings.Trim(strings.ReplaceAll(fmt.Sprint(want.Part), " ", "."), "[]")
		fmt.Fprintf(f.session.wire, "* %d FETCH (UID %d BINARY[%s]<%d> ~{%d}\r\n",
			at+1, f.view.rows[at].uid, path, want.Partial.Offset, part.size())
		if err := b.send(f.session.wire, part); err != nil {
			f.session.wire.fail(err)
			return err
		}
		f.session.wire.WriteString(")\r\n")
	}
	return nil
}
