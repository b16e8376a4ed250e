package mailstore

import (
	"slices"

	"sealpost/pgp"
)

// mayChange says whether a client of the owner may put and shed letters of a kind.
func mayChange(k pgp.Kind) bool { return k == pgp.KindCard || k == pgp.KindTerms }

// kindsOf are the kinds of letters that may all come, one of each.
func kindsOf(letters []Stored, may func(pgp.Kind) bool) (map[pgp.Kind]bool, error) {
	kinds := map[pgp.Kind]bool{}
	for _, l := range letters {
		if !may(l.Kind) || kinds[l.Kind] {
			return nil, ErrLetter
		}
		kinds[l.Kind] = true
	}
	return kinds, nil
}

func (d *desk) putLetters(c PutLetters) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	if len(c.Letters) == 0 {
		return Event{}, ErrLetter
	}
	kinds, err := kindsOf(c.Letters, mayChange)
	if err != nil {
		return Event{}, err
	}
	m, err := d.message(b, c.UID)
	switch {
	case err != nil:
		return Event{}, err
	case m == nil:
		return Event{}, ErrNoMail
	}
	old, err := d.letters(Place{b.ID, c.UID})
	if err != nil {
		return Event{}, err
	}
	kept, gone := parted(old, kinds)
	freed, err := d.swap(gone, c.Letters)
	if err != nil {
		return Event{}, err
	}
	d.rewrite(b, m, append(kept, c.Letters...), d.next()) // so that the owner's other clients look again
	return Event{Box: b.ID, UIDs: []UID{c.UID}, Valid: b.UIDValidity, Modseq: m.Entry.Modseq, Freed: freed}, nil
}

// rewrite gives a message these letters.
func (d *desk) rewrite(b *box, m *Message, letters []Stored, modseq Modseq) {
	if m.Mail != nil { // appended in this very call
		mail := *m.Mail
		mail.Letters = letters
		m.Mail = &mail
	} else {
		m.Letters = letters
	}
	d.touch(b, m, modseq)
}

func (d *desk) shed(c Shed) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	kinds := map[pgp.Kind]bool{}
	for _, k := range c.Kinds {
		if !mayChange(k) {
			return Event{}, ErrLetter
		}
		kinds[k] = true
	}
	messages, err := d.chosen(b, c.UIDs)
	if err != nil {
		return Event{}, err
	}
	e := Event{Box: b.ID, Valid: b.UIDValidity}
	for _, m := range messages {
		old, err := d.letters(Place{b.ID, m.Entry.UID})
		if err != nil {
			return Event{}, err
		}
		kept, gone := parted(old, kinds)
		if len(gone) == 0 || len(kept) == 0 {
			continue
		}
		freed, err := d.release(gone)
		if err != nil {
			return Event{}, err
		}
		d.books.Bytes -= weight(gone)
		if e.Modseq == 0 {
			e.Modseq = d.next()
		}
		d.rewrite(b, m, kept, e.Modseq)
		e.UIDs, e.Freed = append(e.UIDs, m.Entry.UID), append(e.Freed, freed...)
	}
	return e, nil
}

// parted are the letters of other kinds, and those of these.
func parted(letters []Stored, kinds map[pgp.Kind]bool) (others, these []Stored) {
	these = slices.DeleteFunc(slices.Clone(letters), func(l Stored) bool { return !kinds[l.Kind] })
	return slices.DeleteFunc(slices.Clone(letters), func(l Stored) bool { return kinds[l.Kind] }), these
}
