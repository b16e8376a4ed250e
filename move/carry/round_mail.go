package carry

import (
	"cmp"
	"errors"
	"slices"

	"sealpost/mailstore"
)

// How a round looks at mail.

// mailboxes compares those that changed, and finds those that went.
func (r *round) mailboxes() error {
	here, err := r.m.From.Index.Mailboxes(r.ctx, r.o)
	if err != nil {
		return err
	}
	all, err := r.m.To.Index.Mailboxes(r.ctx, r.o)
	if err != nil {
		return err
	}
	there := make(map[mailstore.MailboxID]mailstore.Mailbox, len(all))
	for _, b := range all {
		b.Subscribed = false
		there[b.ID] = b
	}
	for _, b := range here {
		b.Subscribed = false
		d, known := there[b.ID]
		delete(there, b.ID)
		if known && b == d && b.Modseq <= r.same.mail {
			err = r.untouched(b)
		} else {
			err = r.mailbox(b.ID, d, known)
		}
		if err != nil {
			return err
		}
	}
	for id := range there {
		if err := r.differs(false, "mailbox that went", id); err != nil {
			return err
		}
		r.dropped = append(r.dropped, id)
		r.unnote(id)
	}
	return nil
}

// untouched compares which UIDs are there. Behind the gate there is no time for it, and nothing that it could find now and
// could not before.
func (r *round) untouched(b mailstore.Mailbox) error {
	if r.quiet {
		return nil
	}
	here, err := r.m.From.Index.Roster(r.ctx, r.o, b.ID)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return nil
	}
	if err != nil {
		return err
	}
	if here.Subscribed = false; here.Mailbox != b { // since, if only its name
		return nil
	}
	there, err := r.m.To.Index.Roster(r.ctx, r.o, b.ID)
	if err == nil && !sameRoster(here, there) {
		err = r.differs(true, "what is in mailbox", b.ID)
	}
	return err
}

func sameRoster(a, b mailstore.Roster) bool {
	a.Subscribed, b.Subscribed = false, false
	return a.Mailbox == b.Mailbox && a.FirstUnseen == b.FirstUnseen && a.UIDs.Equal(b.UIDs) && slices.Equal(a.Keywords, b.Keywords)
}

// mailbox compares one that changed since the last look. there is how it is at the other end, if it is known.
func (r *round) mailbox(b mailstore.MailboxID, there mailstore.Mailbox, known bool) error {
	gone, err := r.gone(b) // first: who is gone now is not in what is read later
	if err != nil {
		return err
	}
	changes, err := r.m.From.Index.Changes(r.ctx, r.o, b, r.same.mail)
	if errors.Is(err, mailstore.ErrNoMailbox) && !r.quiet {
		return nil // so did all of it
	}
	if err != nil {
		return err
	}
	r.looked = append(r.looked, b)
	now := changes.Mailbox
	if now.Subscribed = false; !known || now != there {
		if known && now.UIDValidity != there.UIDValidity {
			return r.differs(true, "UIDVALIDITY of mailbox", b)
		}
		if err := r.differs(false, "mailbox", b); err != nil {
			return err
		}
		if now.Floor != there.Floor { // expunges are forgotten when all that went is there
			r.ends = append(r.ends, now)
		}
		now.Floor = there.Floor
		r.batch.Writes.Mailboxes = append(r.batch.Writes.Mailboxes, now)
		if err := r.put(len(now.Name)); err != nil {
			return err
		}
	}
	for at := 0; at < changes.Changed.Len(); at += page {
		if err := r.messages(b, changes.Changed.Slice(at, min(at+page, changes.Changed.Len()))); err != nil {
			return err
		}
	}
	if err := r.leaving(b, gone, changes.Mailbox.Floor); err != nil {
		return err
	}
	if r.quiet {
		if err := r.rosters(b); err != nil {
			return err
		}
	}
	return r.noteOf(b)
}

// rosters compares all UIDs of a mailbox, and which keywords are in use.
func (r *round) rosters(b mailstore.MailboxID) error {
	here, err := r.m.From.Index.Roster(r.ctx, r.o, b)
	if err != nil {
		return err
	}
	there, err := r.m.To.Index.Roster(r.ctx, r.o, b)
	if err == nil && !sameRoster(here, there) {
		err = r.differs(true, "what is in mailbox", b)
	}
	return err
}

// lines are messages at one end, by UID. Some may be gone.
func (r *round) lines(x *End, b mailstore.MailboxID, uids mailstore.UIDSet) ([]Record, error) {
	var all []Record
	for l, err := range x.Index.List(r.ctx, r.o, b, uids, mailstore.Columns{Whole: true}) {
		if err != nil {
			return nil, err
		}
		all = append(all, kept(b, l))
	}
	return all, nil
}

// messages compares some of a mailbox, and brings what is not the same.
func (r *round) messages(b mailstore.MailboxID, uids mailstore.UIDSet) error {
	here, err := r.lines(r.m.From, b, uids)
	if err != nil {
		return err
	}
	all, err := r.lines(r.m.To, b, uids)
	if err != nil {
		return err
	}
	there := make(map[mailstore.UID]Message, len(all))
	for _, x := range all {
		m := x.(Message)
		there[m.Entry.UID] = m
	}
	known, err := r.copies(here)
	if err != nil {
		return err
	}
	var fresh []Record
	for _, x := range here {
		e := x.(Message).Entry
		now, lost, copied := mapped(x, known)
		was, stands := there[e.UID]
		if r.note(lost, b, e.UID); copied && stands && same(now, was) {
			continue
		}
		if err := r.differs(e.Modseq <= r.brought.mail, "message", b, e.UID); err != nil {
			return err
		}
		fresh = append(fresh, x)
	}
	if len(fresh) == 0 {
		return nil
	}
	if fresh, err = r.arrived(fresh); err != nil {
		return err
	}
	for _, x := range fresh {
		if err := r.message(x.(Message), there); err != nil {
			return err
		}
	}
	return nil
}

// message puts one in the place of what stands there.
func (r *round) message(now Message, there map[mailstore.UID]Message) error {
	w := mailstore.Message{Box: now.Box, Entry: now.Entry}
	was, stands := there[now.Entry.UID]
	if !stands { // it came after all that was brought
		now.Mail.UID = now.Entry.UID
		w.Born, w.Mail = r.brought.mail, &now.Mail
	} else {
		letters := was.Mail.Letters
		was.Mail.Letters = now.Mail.Letters
		w.Was, w.Stored = was.Entry.Modseq, was.Entry
		was.Entry.Modseq, was.Entry.Flags = now.Entry.Modseq, now.Entry.Flags
		if !same(now, was) { // flags and letters change, and nothing else
			return r.differs(true, "what never changes of message", now.Box, now.Entry.UID)
		}
		if !slices.Equal(letters, now.Mail.Letters) {
			w.Letters = now.Mail.Letters
		}
	}
	r.batch.Writes.Messages = append(r.batch.Writes.Messages, w)
	return r.put(len(now.Mail.Outer) + len(now.Mail.Envelope) + 300)
}

// gone are the expunges that the other end does not know of. What it knows and this one does not is forgotten here.
func (r *round) gone(b mailstore.MailboxID) (fresh []Expunged, err error) {
	here, err := r.m.From.Rows.Expunged(r.ctx, r.o, b, r.same.mail)
	if err != nil {
		return nil, err
	}
	all, err := r.m.To.Rows.Expunged(r.ctx, r.o, b, r.same.mail)
	if err != nil {
		return nil, err
	}
	there := setOf(all)
	for _, x := range here {
		if there[x] {
			delete(there, x)
			continue
		}
		if err := r.differs(x.Modseq <= r.brought.mail, "expunge", b, x.UID); err != nil {
			return nil, err
		}
		fresh = append(fresh, x)
	}
	if len(there) > 0 && r.quiet {
		return nil, r.differs(true, "expunges of mailbox", b)
	}
	return fresh, nil
}

// leaving has messages go there that are gone here. Where the log of expunges does not reach back as far, those go that are
// not in the mailbox, and are forgotten with the log.
func (r *round) leaving(b mailstore.MailboxID, gone []Expunged, floor mailstore.Modseq) error {
	if floor > r.same.mail && !r.quiet {
		more, err := r.forgotten(b, gone, floor)
		if err != nil {
			return err
		}
		gone = append(gone, more...)
	}
	for some := range slices.Chunk(gone, page) {
		uids := make([]mailstore.UID, len(some))
		for i, x := range some {
			uids[i] = x.UID
		}
		slices.Sort(uids)
		stored := map[mailstore.UID]mailstore.Entry{}
		for l, err := range r.m.To.Index.List(r.ctx, r.o, b, mailstore.UIDsOf(uids...), mailstore.Columns{}) {
			if err != nil {
				return err
			}
			e := l.Entry
			e.Flags = slices.Clone(e.Flags)
			stored[e.UID] = e
		}
		for _, x := range some {
			e := stored[x.UID]
			r.note(0, b, x.UID)
			r.late = append(r.late, mailstore.Message{
				Box: b, Was: e.Modseq, Stored: e, Entry: mailstore.Entry{UID: x.UID, Modseq: x.Modseq, Gone: true},
			})
		}
	}
	return nil
}

// forgotten are the messages there that no log here says went.
func (r *round) forgotten(b mailstore.MailboxID, gone []Expunged, floor mailstore.Modseq) (more []Expunged, err error) {
	here, err := r.m.From.Index.Roster(r.ctx, r.o, b)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	there, err := r.m.To.Index.Roster(r.ctx, r.o, b)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	logged := make([]mailstore.UID, len(gone))
	for i, x := range gone {
		logged[i] = x.UID
	}
	slices.Sort(logged)
	for uid := range there.UIDs.Minus(here.UIDs).Minus(mailstore.UIDsOf(logged...)).All() {
		r.changes++
		more = append(more, Expunged{Box: b, Modseq: floor, UID: uid})
	}
	return more, nil
}

// goings has go what is not here any more.
func (r *round) goings() error {
	slices.SortStableFunc(r.late, func(a, b mailstore.Message) int { return cmp.Compare(a.Box, b.Box) })
	for _, m := range r.late {
		r.batch.Writes.Messages = append(r.batch.Writes.Messages, m)
		if err := r.put(0); err != nil {
			return err
		}
	}
	for _, b := range r.ends {
		boxes := slices.DeleteFunc(r.batch.Writes.Mailboxes, func(x mailstore.Mailbox) bool { return x.ID == b.ID })
		r.batch.Writes.Mailboxes = append(boxes, b)
		if err := r.put(len(b.Name)); err != nil {
			return err
		}
	}
	for _, b := range r.dropped {
		r.batch.Writes.Dropped = append(r.batch.Writes.Dropped, b)
		if err := r.put(0); err != nil {
			return err
		}
	}
	return nil
}
