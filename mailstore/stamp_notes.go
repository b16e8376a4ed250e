package mailstore

import (
	"bytes"
	"fmt"
	"maps"
)

// MaxNote is how many octets one note can have.
const MaxNote = 256 << 10

const maxNotes = 2 << 20 // octets of all notes of an owner

func (d *desk) note(c Note) (Event, error) {
	var b *box
	if c.Box != NoteOwner && c.Box != NoteImports {
		var err error
		if b, err = d.box(c.Box); err != nil {
			return Event{}, err
		}
	}
	was, err := d.noteOf(c.Box)
	if err != nil {
		return Event{}, err
	}
	switch {
	case !bytes.Equal(was, c.Was):
		return Event{}, ErrChanged
	case len(c.Now) > MaxNote:
		return Event{}, ErrNotes
	}
	if d.notes == nil {
		d.notes = make(map[MailboxID][]byte)
	}
	d.notes[c.Box] = c.Now
	if len(c.Now) > len(was) && c.Box != NoteImports { // which mail clients cannot fill
		err = d.affordNotes()
	}
	e := Event{Box: c.Box, Modseq: d.next()}
	if b != nil { // a client that was away finds it (RFC 7162, section 3.2)
		b.Modseq, b.dirty = e.Modseq, true
	}
	return e, err
}

// noteOf is what the changes so far have made of a note.
func (d *desk) noteOf(box MailboxID) ([]byte, error) {
	if now, ok := d.notes[box]; ok || d.wiped {
		return now, nil
	}
	return d.storedNote(box)
}

func (d *desk) storedNote(box MailboxID) ([]byte, error) {
	note, err := d.rows.Note(box)
	if err != nil {
		return nil, fmt.Errorf("read note of mailbox %d: %w", box, err)
	}
	return note, nil
}

// affordNotes refuses what would make all notes of an owner too much.
func (d *desk) affordNotes() error {
	var sum int64
	if !d.wiped {
		var err error
		if sum, err = d.rows.NoteBytes(); err != nil {
			return fmt.Errorf("read size of notes: %w", err)
		}
	}
	for box, now := range d.notes {
		sum += int64(len(now))
		if d.wiped {
			continue
		}
		stored, err := d.storedNote(box)
		if err != nil {
			return err
		}
		sum -= int64(len(stored))
	}
	if sum > maxNotes {
		return ErrNotes
	}
	return nil
}

// livingNotes leaves out those of mailboxes that went in the same call.
func (d *desk) livingNotes() map[MailboxID][]byte {
	maps.DeleteFunc(d.notes, func(box MailboxID, _ []byte) bool { return d.byID[box] != nil && d.byID[box].dropped })
	return d.notes
}
