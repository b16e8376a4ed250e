package mailstore

import (
	"errors"

	"sealpost/filestore"
	"sealpost/pgp"
)

// resealed says whether a letter of a kind may be another one in a mail sealed anew.
// Bodies stand under the session key of the message, which stays.
func resealed(k pgp.Kind) bool { return k != pgp.KindBody }

func (d *desk) reseal(c Reseal) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	kinds, err := kindsOf(c.Letters, resealed)
	if err != nil {
		return Event{}, err
	}
	if !kinds[pgp.KindMessage] || c.Size < 0 {
		return Event{}, errors.Join(ErrLetter, errors.New("mail has no message letter or no size"))
	}
	e := Event{Box: b.ID, Valid: b.UIDValidity}
	m, err := d.message(b, c.UID)
	if err != nil {
		return Event{}, err
	}
	if m == nil {
		for _, l := range c.Letters {
			e.Freed = append(e.Freed, l.ID)
		}
		return e, nil
	}
	old, err := d.letters(Place{b.ID, c.UID})
	if err != nil {
		return Event{}, err
	}
	kept, gone := parted(old, kinds)
	if e.Freed, err = d.swap(gone, c.Letters); err != nil {
		return Event{}, err
	}
	e.Modseq = d.next()
	uid, err := d.renew(b, m, append(kept, c.Letters...), c.Size, e.Modseq)
	if err != nil {
		return Event{}, err
	}
	e.UIDs, e.Sources = []UID{uid}, []UID{c.UID}
	return e, nil
}

// swap accounts for letters that take the place of others.
func (d *desk) swap(gone, fresh []Stored) (freed []filestore.ID, err error) {
	d.books.Bytes -= weight(gone)
	if err := d.afford(fresh); err != nil {
		return nil, err
	}
	d.books.Bytes += weight(fresh)
	d.touched = true
	return d.release(gone)
}

// renew enters a message with these letters in the place of m.
func (d *desk) renew(b *box, m *Message, letters []Stored, size int64, modseq Modseq) (UID, error) {
	twin := &Message{Entry: m.Entry, Mail: m.twinMail(b), From: m.twinFrom(), Letters: letters}
	if twin.Mail != nil { // appended in this very call
		twin.Mail.Letters, twin.Letters = letters, nil
	}
	twin.Entry.Size = size
	if err := d.leave(b, m); err != nil {
		return 0, err
	}
	return d.enter(b, twin, modseq)
}
