package imap

import (
	"bytes"
	"fmt"

	"sealpost/filestore"
	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// body is a mail being served: its ranges are computed, its ciphertext is read
// only when a range is asked for that holds some.
type body struct {
	served  pgp.Served
	parts   []pgp.Section
	blob    filestore.Blob
	reading Reading // of a mail that is not sealed (keeping.go), or nil
	err     error   // why it cannot be served
}

// prepare makes b the body of a stored mail, without its letter.
func (f *fetch) prepare(b *body, m *mailstore.Mail) {
	*b = body{served: pgp.Served{Outer: m.Outer, Form: m.Form}}
	if k := f.session.server.Keeping; k != nil {
		b.reading, b.err = k.Open(f.session.ctx, *m)
		return
	}
	letter := messageLetter(m)
	if letter == nil {
		b.err = fmt.Errorf("%w: mail has no message letter", errRead)
		return
	}
	b.served.RawSize = letter.Size
}

// take is handed the message letter.
func (b *body) take(o filestore.Opened) {
	if o.Err != nil {
		b.err = fmt.Errorf("%w: open message letter: %w", errRead, o.Err)
		return
	}
	b.blob, b.served.Raw = o.Blob, o.Blob
	if size := o.Blob.Size(); size != b.served.RawSize {
		b.err = fmt.Errorf("%w: message letter has %d bytes, not %d", errRead, size, b.served.RawSize)
		return
	}
	if whole, ok := o.Blob.(filestore.Held); ok {
		b.served.Held = whole.Held()
	}
}

func (b *body) close() {
	if b.blob != nil {
		b.blob.Close()
	}
}

// sections are the parts of a sealed mail.
func (b *body) sections() []pgp.Section {
	if b.parts == nil {
		b.parts = b.served.Sections()
	}
	return b.parts
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
func (p piece) cut(by *section) piece {
	if !by.partial {
		return p
	}
	from := min(by.offset, p.size())
	to := from + min(by.size, p.size()-from)
	if p.text != nil {
		return piece{text: p.text[from:to]}
	}
	return piece{start: p.start + from, end: p.start + to}
}

// section finds what BODY[...] names (RFC 9051, section 6.4.5.1). What a mail
// does not have is empty.
func (b *body) section(want *section) piece {
	if b.reading != nil {
		return readSection(b.reading, want)
	}
	head, whole := int64(len(b.served.Outer)), b.served.Size()
	if len(want.path) > 0 {
		return b.part(want).cut(want)
	}
	switch want.what {
	case "":
		return piece{end: whole}.cut(want)
	case "HEADER":
		return piece{end: head}.cut(want)
	case "TEXT":
		return piece{start: head, end: whole}.cut(want)
	}
	return piece{text: b.fields(want)}.cut(want)
}

// part is BODY[n] and BODY[n.MIME]. Our parts hold no mails, so no part has a
// HEADER or TEXT, or parts of its own.
func (b *body) part(want *section) piece {
	s, ok := b.find(want.path)
	switch {
	case !ok:
		return piece{}
	case want.what == "":
		return piece{start: s.Start, end: s.End}
	case want.what == "MIME":
		return piece{start: s.HeaderStart, end: s.Start}
	}
	return piece{}
}

func (b *body) find(path []int) (pgp.Section, bool) {
	parts := b.sections()
	if len(path) != 1 || path[0] < 1 || path[0] > len(parts) {
		return pgp.Section{}, false
	}
	return parts[path[0]-1], true
}

// fields is HEADER.FIELDS and HEADER.FIELDS.NOT: the lines as they stand, and
// an empty one.
func (b *body) fields(want *section) []byte {
	return headerFields(b.served.Outer, want)
}

// binary is BINARY[...]. Every part of a sealed mail is 7bit, so decoding changes
// nothing.
func (b *body) binary(want *section) piece {
	if b.reading == nil {
		return b.section(want)
	}
	text, err := b.reading.Decoded(want.path)
	if err != nil {
		text = nil
	}
	return whole(text).cut(want)
}

// visible reads a mail's visible header.
func visible(outer []byte) mail.Header {
	h, err := mail.ReadHeader(bytes.NewReader(outer), 0, int64(len(outer)))
	if err != nil {
		return mail.Header{} // reading from memory does not fail
	}
	return h
}

// send writes a piece of the mail.
func (b *body) send(w *wire.Conn, p piece) error {
	if p.text != nil {
		_, err := w.Write(p.text)
		return err
	}
	if err := w.Range(&b.served, p.start, p.end); err != nil {
		return fmt.Errorf("read message letter: %w", err)
	}
	return nil
}
