package storagetest

import (
	"bytes"
	"context"
	"testing"

	"sealpost/mailstore"
)

func (m *Model) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) ([]byte, error) {
	if at := m.owner(o).noteAt(b); at != nil {
		return *at, ctx.Err()
	}
	return nil, ctx.Err()
}

func (o *modelOwner) noteAt(box mailstore.MailboxID) *[]byte {
	switch box {
	case mailstore.NoteOwner:
		return &o.note
	case mailstore.NoteImports:
		return &o.brings
	}
	if b := o.byID(box); b != nil {
		return &b.note
	}
	return nil
}

func (o *modelOwner) putNote(c mailstore.Note) (mailstore.Event, error) {
	at := o.noteAt(c.Box)
	if at == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	if !bytes.Equal(*at, c.Was) {
		return mailstore.Event{}, mailstore.ErrChanged
	}
	more := len(c.Now) > len(*at) && c.Box != mailstore.NoteImports
	*at = c.Now
	sum := len(o.note) + len(o.brings)
	for _, b := range o.boxes {
		sum += len(b.note)
	}
	if len(c.Now) > 256<<10 || more && sum > 2<<20 {
		return mailstore.Event{}, mailstore.ErrNotes
	}
	o.modseq++
	if b := o.byID(c.Box); b != nil {
		b.modseq = o.modseq
	}
	return mailstore.Event{Box: c.Box, Modseq: o.modseq}, nil
}

func (f *fixture) note(o mailstore.Owner, box mailstore.MailboxID, want string) {
	f.t.Helper()
	if got, err := f.Note(context.Background(), o, box); string(got) != want || err != nil {
		f.t.Errorf("note of mailbox %d: %d octets, %v; want %d", box, len(got), err, len(want))
	}
}

// seen makes a change that whoever watches the MODSEQ of the owner sees, and of a mailbox
// its own.
func (f *fixture) seen(o mailstore.Owner, c mailstore.Change, box mailstore.MailboxID) {
	f.t.Helper()
	ctx := context.Background()
	before, err1 := f.Modseq(ctx, o)
	f.apply(o, c)
	after, err2 := f.Modseq(ctx, o)
	if err1 != nil || err2 != nil || after <= before {
		f.t.Errorf("%T: from MODSEQ %d to %d; %v, %v", c, before, after, err1, err2)
	}
	if box == 0 {
		return
	}
	if r, err := f.Roster(ctx, o, box); err != nil || r.Modseq != after {
		f.t.Errorf("%T: mailbox %d is at MODSEQ %d, its owner at %d; %v", c, box, r.Modseq, after, err)
	}
}

func testNotes(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	one, two := []byte("one"), []byte("two")
	f.note(alice, inbox, "")
	f.apply(alice, mailstore.Note{Box: inbox, Now: one}, mailstore.Note{Now: two}, mailstore.Note{Box: other, Now: two})
	f.refuse(mailstore.ErrChanged, alice, mailstore.Note{Box: inbox, Now: two})
	f.refuse(mailstore.ErrChanged, alice, mailstore.Note{Box: inbox, Was: two, Now: two})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Note{Box: 99, Now: one})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Note{Box: 1 << 40, Now: one})
	f.refuse(mailstore.ErrNoOwner, bob, mailstore.Note{Now: one})
	f.apply(alice, mailstore.Note{Box: inbox, Was: one, Now: two}, mailstore.Note{Box: inbox, Was: two, Now: one}, mailstore.Rename{From: "Other", To: "Else"})
	f.note(alice, inbox, "one")
	f.seen(alice, mailstore.Note{Box: other, Was: two, Now: two}, other)
	f.seen(alice, mailstore.Note{Was: two, Now: two}, 0)
	f.seen(alice, mailstore.Subscribe{Name: "any", On: true}, 0)
	f.seen(alice, mailstore.Subscribe{Name: "any"}, 0)
	f.note(alice, 0, "two")
	f.note(alice, other, "two") // it stays with what was renamed
	f.note(bob, inbox, "")
	f.note(bob, 0, "")

	f.apply(alice, mailstore.Note{Box: other, Was: two, Now: one}, mailstore.Remove{Name: "Else"})
	f.note(alice, other, "") // and goes with what is removed
	f.apply(alice, mailstore.Note{Was: two})
	f.note(alice, 0, "")
	if f.Reopen != nil {
		f.Index = f.Reopen()
		f.note(alice, inbox, "one")
	}
	f.apply(alice, mailstore.Note{Now: one}, mailstore.Forget{})
	f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"})
	f.note(alice, 0, "")
	f.note(alice, inbox, "")
}

// testNoteOfImports is about a note that nobody's mailbox is beside: mail that comes with it is
// there if it is, and not there if somebody else has put another one.
func testNoteOfImports(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	one, two := []byte("one"), []byte("two")
	note := func(was, now []byte) mailstore.Note {
		return mailstore.Note{Box: mailstore.NoteImports, Was: was, Now: now}
	}
	mail := func() mailstore.Append { return mailstore.Append{Box: inbox, Mail: newMail(1), Size: 7} }
	f.seen(alice, note(nil, one), 0)
	f.note(alice, mailstore.NoteOwner, "")
	f.apply(alice, mail(), note(one, two))
	f.refuse(mailstore.ErrChanged, alice, mail(), note(one, two))
	f.refuse(mailstore.ErrChanged, alice, mail(), mail(), note(nil, one))
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Append{Box: mailstore.NoteImports, Mail: newMail(1), Size: 7}, note(two, one))
	f.note(alice, mailstore.NoteImports, "two")
	if got := f.roster(inbox).UIDs.Len(); got != 1 {
		t.Errorf("%d messages, want the one that came with its note", got)
	}
	f.apply(alice, mailstore.Rename{From: "Other", To: "Else"}, mailstore.Remove{Name: "Else"})
	f.note(alice, mailstore.NoteImports, "two")
	f.note(bob, mailstore.NoteImports, "")
	if f.Reopen != nil {
		f.Index = f.Reopen()
		f.note(alice, mailstore.NoteImports, "two")
	}
	f.apply(alice, mailstore.Forget{})
	f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"})
	f.note(alice, mailstore.NoteImports, "")
}

func testNoteLimits(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	full := bytes.Repeat([]byte{7}, 256<<10)
	f.refuse(mailstore.ErrNotes, alice, mailstore.Note{Box: inbox, Now: append(full, 7)})
	for i := range 8 {
		box := f.apply(alice, mailstore.Create{Name: string(rune('a' + i))})[0].Box
		f.apply(alice, mailstore.Note{Box: box, Now: full})
	}
	f.refuse(mailstore.ErrNotes, alice, mailstore.Note{Box: inbox, Now: full[:1]})
	f.apply(alice, mailstore.Note{Box: mailstore.NoteImports, Now: full}, mailstore.Note{Box: mailstore.NoteImports, Was: full})
	f.refuse(mailstore.ErrNotes, alice, mailstore.Note{Box: mailstore.NoteImports, Now: append(full, 7)})
	f.apply(alice, mailstore.Remove{Name: "a"}, mailstore.Create{Name: "again"})
	f.apply(alice, mailstore.Note{Box: inbox, Now: full[:1000]}, mailstore.Note{Box: inbox, Was: full[:1000], Now: full[:999]})
	f.note(alice, inbox, string(full[:999]))
	f.refuse(mailstore.ErrNotes, alice, mailstore.Note{Now: full})
}
