package imap

import (
	"bytes"
	"mime"

	"sealpost/mail"
)

// envelope writes ENVELOPE (RFC 9051, section 7.5.2). Names and the subject go
// out as encoded words, as they would stand in a mail.
func (f *fetch) envelope(m *message) {
	w, e := f.wire, &m.env
	w.Mark('(')
	if e.HasDate() {
		f.scratch = e.AppendDate(f.scratch[:0])
		w.TextBytes(f.scratch)
	} else {
		w.Str("NIL")
	}
	w.Mark(' ')
	f.words(e.Subject)
	f.addresses(e.From)
	f.addresses(orFrom(e.Sender, e))
	f.addresses(orFrom(e.ReplyTo, e))
	f.addresses(e.To)
	f.addresses(e.Cc)
	f.addresses(e.Bcc)
	w.Mark(' ')
	w.MaybeBytes(joined(e.InReplyTo))
	w.Mark(' ')
	w.MaybeBytes(e.MessageID)
	w.Mark(')')
}

func orFrom(list mail.EncodedMailboxes, e *mail.EncodedEnvelope) mail.EncodedMailboxes {
	if list.Len() == 0 {
		return e.From
	}
	return list
}

func (f *fetch) addresses(list mail.EncodedMailboxes) {
	w := f.wire
	if list.Len() == 0 {
		w.Str(" NIL")
		return
	}
	w.Str(" (")
	for a, ok := list.Next(); ok; a, ok = list.Next() {
		w.Mark('(')
		f.words(a.Name)
		w.Mark(' ')
		w.MaybeBytes(a.Route)
		w.Mark(' ')
		w.MaybeBytes(a.Local)
		w.Mark(' ')
		w.MaybeBytes(a.Domain)
		w.Mark(')')
	}
	w.Mark(')')
}

// words writes what was decoded as it would stand in a mail.
func (f *fetch) words(s []byte) {
	for _, b := range s {
		if b < ' ' && b != '\t' || b > '~' {
			f.wire.Text(mime.QEncoding.Encode("utf-8", string(s)))
			return
		}
	}
	f.wire.MaybeBytes(s)
}

// joined are ids with a space between them.
func joined(ids mail.EncodedStrings) []byte {
	first, _ := ids.Next()
	if ids.Len() == 0 {
		return first
	}
	all := bytes.Clone(first)
	for id, ok := ids.Next(); ok; id, ok = ids.Next() {
		all = append(append(all, ' '), id...)
	}
	return all
}
