package storagetest

import (
	"errors"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

func small(kinds ...pgp.Kind) bool {
	return !slices.ContainsFunc(kinds, func(k pgp.Kind) bool { return k != pgp.KindCard && k != pgp.KindTerms })
}

func (o *modelOwner) putLetters(c mailstore.PutLetters) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	if len(c.Letters) == 0 {
		return mailstore.Event{}, mailstore.ErrLetter
	}
	var kinds []pgp.Kind
	for _, l := range c.Letters {
		if !small(l.Kind) || slices.Contains(kinds, l.Kind) {
			return mailstore.Event{}, mailstore.ErrLetter
		}
		kinds = append(kinds, l.Kind)
	}
	i := b.at(c.UID)
	if i < 0 {
		return mailstore.Event{}, mailstore.ErrNoMail
	}
	if slices.ContainsFunc(c.Letters, func(l mailstore.Stored) bool { return l.Size < 0 }) {
		return mailstore.Event{}, errors.New("no size")
	}
	before := o.points()
	var letters []mailstore.Stored
	for _, l := range b.messages[i].mail.Letters {
		if !slices.Contains(kinds, l.Kind) {
			letters = append(letters, l)
		}
	}
	b.messages[i].mail.Letters = append(letters, c.Letters...)
	o.modseq++
	b.messages[i].Modseq, b.modseq = o.modseq, o.modseq
	if o.quota > 0 && o.usage().Bytes > o.quota {
		return mailstore.Event{}, mailstore.ErrOverQuota
	}
	return mailstore.Event{Box: b.id, UIDs: []mailstore.UID{c.UID}, Valid: b.valid, Modseq: o.modseq, Freed: o.freed(before)}, nil
}

func (o *modelOwner) shed(c mailstore.Shed) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	if !small(c.Kinds...) {
		return mailstore.Event{}, mailstore.ErrLetter
	}
	e := mailstore.Event{Box: b.id, Valid: b.valid}
	before := o.points()
	for _, uid := range b.existing(c.UIDs) {
		m := &b.messages[b.at(uid)]
		var letters []mailstore.Stored
		for _, l := range m.mail.Letters {
			if !slices.Contains(c.Kinds, l.Kind) {
				letters = append(letters, l)
			}
		}
		if len(letters) == len(m.mail.Letters) || len(letters) == 0 {
			continue
		}
		if e.Modseq == 0 {
			o.modseq++
			e.Modseq = o.modseq
		}
		m.mail.Letters = letters
		m.Modseq, b.modseq = o.modseq, o.modseq
		e.UIDs = append(e.UIDs, uid)
	}
	e.Freed = o.freed(before)
	return e, nil
}

func (m *Model) reseal(o *modelOwner, c mailstore.Reseal) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	var kinds []pgp.Kind
	var fresh []filestore.ID
	for _, l := range c.Letters {
		if l.Kind == pgp.KindBody || slices.Contains(kinds, l.Kind) {
			return mailstore.Event{}, mailstore.ErrLetter
		}
		kinds, fresh = append(kinds, l.Kind), append(fresh, l.ID)
	}
	if !slices.Contains(kinds, pgp.KindMessage) || c.Size < 0 {
		return mailstore.Event{}, mailstore.ErrLetter
	}
	i := b.at(c.UID)
	if i < 0 {
		return mailstore.Event{Box: b.id, Valid: b.valid, Freed: fresh}, nil
	}
	before := o.points()
	x := b.messages[i]
	o.modseq++
	o.take(b, c.UID)
	x.Saved, x.Size = m.now().Truncate(time.Second), c.Size
	x.mail.Letters = append(slices.DeleteFunc(slices.Clone(x.mail.Letters), func(l mailstore.Stored) bool { return slices.Contains(kinds, l.Kind) }), c.Letters...)
	uid := o.enter(b, x)
	if o.quota > 0 && o.usage().Bytes > o.quota {
		return mailstore.Event{}, mailstore.ErrOverQuota
	}
	return mailstore.Event{Box: b.id, UIDs: []mailstore.UID{uid}, Sources: []mailstore.UID{c.UID}, Valid: b.valid, Modseq: o.modseq, Freed: o.freed(before)}, nil
}
