package imap

import (
	"maps"
	"mime"
	"slices"
	"strings"

	"sealpost/pgp"
)

// structure writes BODYSTRUCTURE, or BODY without what extends it (RFC 9051,
// section 7.5.2), computed from how a mail is served.
func (f *fetch) structure(b *body, extended bool) {
	if b.reading != nil {
		f.wire.Str(b.reading.Structure(extended))
		return
	}
	m := b.served
	w, parts := f.wire, b.sections()
	if m.Form == pgp.FormInline {
		f.leaf(parts[0], extended)
		return
	}
	w.Mark('(')
	for _, p := range parts { // without spaces, for Outlook for iOS
		f.leaf(p, extended)
	}
	w.Str(` "encrypted"`)
	if extended {
		w.Mark(' ')
		f.params(outerParams(m))
		w.Str(" NIL NIL NIL")
	}
	w.Mark(')')
}

func outerParams(m pgp.Served) map[string]string {
	field, ok := visible(m.Outer).Get("Content-Type")
	if !ok {
		return nil
	}
	_, params, err := mime.ParseMediaType(field.Value())
	if err != nil {
		return nil
	}
	return params
}

func (f *fetch) leaf(p pgp.Section, extended bool) {
	w := f.wire
	w.Mark('(')
	w.Text(p.Type)
	w.Mark(' ')
	w.Text(p.Subtype)
	w.Mark(' ')
	f.params(p.Params)
	w.Str(" NIL ")
	w.Maybe(p.Description)
	w.Mark(' ')
	w.Text(transferEncoding(p))
	w.Mark(' ')
	w.Num(uint64(p.End - p.Start))
	if strings.EqualFold(p.Type, "text") {
		w.Mark(' ')
		w.Num(uint64(p.Lines))
	}
	if extended {
		w.Str(" NIL ")
		if p.Disposition == "" {
			w.Str("NIL")
		} else {
			w.Mark('(')
			w.Text(p.Disposition)
			w.Mark(' ')
			f.params(p.DispositionParams)
			w.Mark(')')
		}
		w.Str(" NIL NIL")
	}
	w.Mark(')')
}

// transferEncoding is in small letters, for Outlook for iOS.
func transferEncoding(p pgp.Section) string {
	if p.Encoding == "" {
		return "7bit"
	}
	return strings.ToLower(p.Encoding)
}

func (f *fetch) params(params map[string]string) {
	w := f.wire
	if len(params) == 0 {
		w.Str("NIL")
		return
	}
	next := "("
	for _, k := range slices.Sorted(maps.Keys(params)) {
		w.Str(next)
		w.Text(k)
		w.Mark(' ')
		w.Text(params[k])
		next = " "
	}
	w.Mark(')')
}
