package mailstore

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"sealpost/filestore"
)

func (d *desk) append(c Append) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	flags, err := CleanFlags(c.Flags)
	if err != nil {
		return Event{}, err
	}
	if len(c.Mail.Letters) == 0 || c.Size < 0 {
		return Event{}, errors.New("mail has no letters or no size")
	}
	if err := d.afford(c.Mail.Letters); err != nil {
		return Event{}, err
	}
	if c.Received.IsZero() {
		c.Received = d.clerk.Now
	}
	mail := c.Mail
	m := &Message{Mail: &mail, Entry: Entry{Received: c.Received, Size: c.Size, Flags: flags}}
	modseq := d.next()
	if mail.UID, err = d.enter(b, m, modseq); err != nil {
		return Event{}, err
	}
	d.spend(mail.Letters, 1)
	return Event{Box: b.ID, UIDs: []UID{mail.UID}, Valid: b.UIDValidity, Modseq: modseq}, nil
}

// enter gives a message its UID in b and puts it on the desk.
func (d *desk) enter(b *box, m *Message, modseq Modseq) (UID, error) {
	if b.UIDNext == math.MaxUint32 {
		return 0, fmt.Errorf("mailbox %d has no UIDs left", b.ID)
	}
	m.Box, m.Born = b.ID, modseq
	m.Entry.UID, m.Entry.Modseq = b.UIDNext, modseq
	m.Entry.Saved = d.clerk.Now.Truncate(time.Second)
	m.Entry.Received = m.Entry.Received.Truncate(time.Second)
	b.UIDNext++
	b.Modseq, b.dirty = modseq, true
	b.count(m.Entry, 1)
	d.place(m)
	return m.Entry.UID, nil
}

// count keeps the counters of a mailbox for one entry more (1) or less (-1).
func (b *box) count(e Entry, n int) {
	b.Messages += uint32(n)
	b.Bytes += int64(n) * e.Size
	if !hasFlag(e.Flags, Seen) {
		b.Unseen += uint32(n)
	}
	if hasFlag(e.Flags, Deleted) {
		b.Deleted += uint32(n)
	}
	b.dirty = true
}

func (d *desk) place(m *Message) {
	if d.messages == nil {
		d.messages = make(map[Place]*Message)
	}
	d.messages[Place{m.Box, m.Entry.UID}] = m
	d.order = append(d.order, m)
}

// message brings one message to the desk's notice; nil when it does not exist.
// It is put on the desk by whoever changes it.
func (d *desk) message(b *box, uid UID) (*Message, error) {
	if m := d.messages[Place{b.ID, uid}]; m != nil {
		if m.Entry.Gone {
			return nil, nil
		}
		return m, nil
	}
	if b.made || d.wiped {
		return nil, nil
	}
	e, err := d.rows.Entry(b.ID, uid)
	if errors.Is(err, ErrNoMail) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read entry %d of mailbox %d: %w", uid, b.ID, err)
	}
	return &Message{Box: b.ID, Was: e.Modseq, Stored: e, Entry: e}, nil
}

// chosen are those of the messages that exist, each once, in that order. They
// are chosen before anything is done to one, or a mailbox copied into itself
// would find its new messages.
func (d *desk) chosen(b *box, uids []UID) ([]*Message, error) {
	found := make([]*Message, 0, len(uids))
	seen := make(map[UID]struct{}, len(uids))
	for _, uid := range uids {
		if _, twice := seen[uid]; twice {
			continue
		}
		seen[uid] = struct{}{}
		m, err := d.message(b, uid)
		if err != nil {
			return nil, err
		}
		if m != nil {
			found = append(found, m)
		}
	}
	return found, nil
}

// entries yields the entries of a mailbox as the desk sees them: the stored
// ones, then those made in this call.
func (d *desk) entries(b *box) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		stored := d.rows.Entries(b.ID)
		if b.made || d.wiped {
			stored = func(func(Entry, error) bool) {}
		}
		for e, err := range stored {
			if m := d.messages[Place{b.ID, e.UID}]; m != nil && err == nil {
				e = m.Entry
			}
			if e.Gone {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		for _, m := range d.order {
			if m.Box == b.ID && m.Was == 0 && !m.Entry.Gone && !yield(m.Entry, nil) {
				return
			}
		}
	}
}

// uids are those of a mailbox as the desk sees it, and maybe some that are gone;
// with onlyDeleted those of them that may have \Deleted.
func (d *desk) uids(b *box, onlyDeleted bool) (uids UIDSet, err error) {
	switch {
	case b.made || d.wiped:
	case onlyDeleted:
		uids, err = d.rows.Marked(b.ID, MarkDeleted)
	default:
		uids, err = d.rows.UIDs(b.ID)
	}
	if err != nil {
		return UIDSet{}, fmt.Errorf("read UIDs of mailbox %d: %w", b.ID, err)
	}
	var here UIDSetBuilder
	for _, m := range d.order {
		if m.Box == b.ID && !m.Entry.Gone {
			here.Add(m.Entry.UID)
		}
	}
	return uids.Union(here.Set()), nil
}

// letters finds a mail's letters wherever the mail stands now.
func (d *desk) letters(p Place) ([]Stored, error) {
	if m := d.messages[p]; m != nil {
		if m.Mail != nil {
			return m.Mail.Letters, nil
		}
		if m.Letters != nil {
			return m.Letters, nil
		}
		p = m.origin()
	}
	letters, err := d.rows.Letters(p.Box, p.UID)
	if err != nil {
		return nil, fmt.Errorf("read letters of message %d of mailbox %d: %w", p.UID, p.Box, err)
	}
	return letters, nil
}

// origin is where a message's stored mail is to be found.
func (m *Message) origin() Place {
	if m.From != (Place{}) {
		return m.From
	}
	return Place{m.Box, m.Entry.UID}
}

func (d *desk) setFlags(c SetFlags) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	e := Event{Box: b.ID, Valid: b.UIDValidity}
	if _, err := mergeFlags(nil, c.Op, c.Flags); err != nil {
		return Event{}, err
	}
	messages, err := d.chosen(b, c.UIDs)
	if err != nil {
		return Event{}, err
	}
	for _, m := range messages {
		if c.Unless != 0 && m.Entry.Modseq > c.Unless {
			e.Failed = append(e.Failed, m.Entry.UID)
			continue
		}
		flags, err := mergeFlags(m.Entry.Flags, c.Op, c.Flags)
		if err != nil {
			return Event{}, err
		}
		if slices.Equal(flags, m.Entry.Flags) {
			continue
		}
		if e.Modseq == 0 {
			e.Modseq = d.next()
		}
		d.reflag(b, m, flags, e.Modseq)
		e.UIDs = append(e.UIDs, m.Entry.UID)
	}
	return e, nil
}

func (d *desk) reflag(b *box, m *Message, flags []string, modseq Modseq) {
	b.count(m.Entry, -1)
	m.Entry.Flags = flags
	b.count(m.Entry, 1)
	d.touch(b, m, modseq)
}

// touch puts a changed message on the desk with the MODSEQ of this change.
func (d *desk) touch(b *box, m *Message, modseq Modseq) {
	if d.messages[Place{b.ID, m.Entry.UID}] == nil {
		d.place(m)
	}
	m.Entry.Modseq, b.Modseq, b.dirty = modseq, modseq, true
}

func (d *desk) copy(c Copy) (Event, error) {
	return d.transfer(c.From, c.To, c.UIDs, func(_ *box, m *Message) error {
		letters, err := d.letters(Place{m.Box, m.Entry.UID})
		if err != nil {
			return err
		}
		if err := d.afford(letters); err != nil {
			return err
		}
		d.spend(letters, 1)
		return d.share(letters)
	})
}

// move keeps the blobs: only the entry and the mail change their place.
func (d *desk) move(c Move) (Event, error) {
	return d.transfer(c.From, c.To, c.UIDs, d.leave)
}

// transfer enters messages into another mailbox, and lets settle account for
// what stays behind.
func (d *desk) transfer(from, to MailboxID, uids []UID, settle func(*box, *Message) error) (Event, error) {
	source, err := d.box(from)
	if err != nil {
		return Event{}, err
	}
	target, err := d.box(to)
	if err != nil {
		return Event{}, err
	}
	e := Event{Box: target.ID, Valid: target.UIDValidity}
	messages, err := d.chosen(source, uids)
	if err != nil {
		return Event{}, err
	}
	for _, m := range messages {
		if e.Modseq == 0 {
			e.Modseq = d.next()
		}
		twin := &Message{Entry: m.Entry, Mail: m.twinMail(target), From: m.twinFrom(), Letters: m.Letters}
		if err := settle(source, m); err != nil {
			return Event{}, err
		}
		uid, err := d.enter(target, twin, e.Modseq)
		if err != nil {
			return Event{}, err
		}
		e.UIDs, e.Sources = append(e.UIDs, uid), append(e.Sources, m.Entry.UID)
	}
	return e, nil
}

// twinMail is the mail of a message that was appended in this very call and is
// to stand in b too.
func (m *Message) twinMail(b *box) *Mail {
	if m.Mail == nil {
		return nil
	}
	twin := *m.Mail
	twin.UID = b.UIDNext
	return &twin
}

func (m *Message) twinFrom() Place {
	if m.Mail != nil {
		return Place{}
	}
	return m.origin()
}

func (d *desk) expunge(c Expunge) (Event, error) {
	b, err := d.box(c.Box)
	if err != nil {
		return Event{}, err
	}
	uids := c.UIDs
	if uids == nil {
		all, err := d.uids(b, c.OnlyDeleted)
		if err != nil {
			return Event{}, err
		}
		uids = all.List()
	}
	e := Event{Box: b.ID, Valid: b.UIDValidity}
	messages, err := d.chosen(b, uids)
	if err != nil {
		return Event{}, err
	}
	for _, m := range messages {
		if c.OnlyDeleted && !hasFlag(m.Entry.Flags, Deleted) {
			continue
		}
		if e.Modseq == 0 {
			e.Modseq = d.next()
		}
		freed, err := d.destroy(b, m)
		if err != nil {
			return Event{}, err
		}
		e.UIDs, e.Freed = append(e.UIDs, m.Entry.UID), append(e.Freed, freed...)
	}
	return e, nil
}

func (d *desk) destroy(b *box, m *Message) (freed []filestore.ID, err error) {
	letters, err := d.letters(Place{b.ID, m.Entry.UID})
	if err != nil {
		return nil, err
	}
	if freed, err = d.release(letters); err != nil {
		return nil, err
	}
	d.spend(letters, -1)
	return freed, d.leave(b, m)
}

// leave takes a message out of its mailbox at the MODSEQ of this change.
func (d *desk) leave(b *box, m *Message) error {
	if d.messages[Place{b.ID, m.Entry.UID}] == nil {
		d.place(m)
	}
	b.count(m.Entry, -1)
	b.Modseq = d.books.Modseq
	b.Expunged++
	m.Entry = Entry{UID: m.Entry.UID, Modseq: d.books.Modseq, Gone: true}
	m.Mail, m.From, m.Letters = nil, Place{}, nil
	return nil
}
